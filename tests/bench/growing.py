# SPDX-License-Identifier: Apache-2.0
"""Scenarios of size: many instances in a container, many resources in the tree, start and memory."""

from daemon import INSTANCE, Daemon, container
from measure import errors, interleave, median, ratio

SLOWER_AT_MOST = 1.5
APPLICATIONS = 1000
TAGGED = 10
NAMED = 200
RSS_IDLE = {"nscl": 16, "gscl": 12, "dscl": 6}
RSS_FILLED = 32
START_MS = 200


def compare(ctx, label, small, large):
    """small and large measure the same operation in a small and in a large place."""
    mine, reference = interleave(max(3, ctx.rounds), large, small)
    ctx.report.add(label, median(mine, "mean"), "us", reference=median(reference, "mean"),
                   ratio=ratio(mine, reference, "mean"), at_most=SLOWER_AT_MOST,
                   errors=errors(mine, reference), detail={"large": mine, "small": reference})


def get(ctx, daemon, path, conns=1, paths=None):
    return ctx.tools.load(daemon.url + path, conns, seconds=ctx.seconds, warmup=ctx.warmup,
                          paths=paths)


def post(ctx, daemon, path, conns, body=INSTANCE, paths=None):
    return ctx.tools.load(daemon.url + path, conns, method="POST", body=body, expect=201,
                          seconds=ctx.seconds, paths=paths)


def named_instances(daemon, path, count):
    session = daemon.session()
    names = [daemon.create(path, INSTANCE, session) for _ in range(count)]
    session.close()
    return names


def delete_named(ctx, daemon, path):
    names = named_instances(daemon, path, NAMED)
    return ctx.tools.load(daemon.url + path, 1, method="DELETE", expect=204, requests=NAMED,
                          paths=names)


def container_growth(ctx, daemon, small, large):
    """Every operation on a container of few and of ctx.filled instances of the same daemon."""
    label = f"{daemon.engine}: {ctx.filled:,} instances: "
    for suffix, name in (("/latest", "retrieve latest"), ("/oldest", "retrieve oldest"),
                         ("/latest/content", "retrieve latest content"),
                         ("/currentNrOfInstances", "retrieve currentNrOfInstances"),
                         ("?maxSize=10", "list 10 instances")):
        compare(ctx, label + name, lambda s=suffix: get(ctx, daemon, small + s),
                lambda s=suffix: get(ctx, daemon, large + s))
    names = [named_instances(daemon, path, NAMED) for path in (small, large)]
    compare(ctx, label + "retrieve by name", lambda: get(ctx, daemon, small, paths=names[0]),
            lambda: get(ctx, daemon, large, paths=names[1]))
    for conns in (1, 64):
        compare(ctx, f"{label}create, {conns} connections",
                lambda c=conns: post(ctx, daemon, small, c),
                lambda c=conns: post(ctx, daemon, large, c))
    compare(ctx, label + "delete by name", lambda: delete_named(ctx, daemon, small),
            lambda: delete_named(ctx, daemon, large))


def start_and_memory(ctx, daemon):
    label = f"{daemon.engine}: nscl with {ctx.filled:,} instances: "
    ctx.report.add(label + "RssAnon after the fill", daemon.server.rss_anon_mib(), "MiB",
                   at_most=RSS_FILLED)
    seconds = min(daemon.restart() for _ in range(3))
    ctx.report.add(label + "start", seconds * 1000, "ms", at_most=START_MS)
    ctx.report.add(label + "RssAnon after the start", daemon.server.rss_anon_mib(), "MiB",
                   at_most=RSS_FILLED)


def idle(ctx, engine, programs):
    for program in programs:
        with Daemon(ctx, program, engine, f"idle-{program}") as daemon:
            seconds = min(daemon.restart() for _ in range(3))
            label = f"{engine}: {program} idle: "
            ctx.report.add(label + "RssAnon", daemon.server.rss_anon_mib(), "MiB",
                           at_most=RSS_IDLE[program])
            ctx.report.add(label + "start", seconds * 1000, "ms", at_most=START_MS)


def tree_prepare(daemon, applications):
    """Applications of which the first ones carry a search string; their containers collections."""
    session = daemon.session()
    paths = [daemon.application(f"a{i}", "bench/tagged" if i < TAGGED else None, session)
             for i in range(applications)]
    daemon.container(paths[0], "known", session=session)
    session.close()
    return [path + "/containers" for path in paths]


def tree_growth(ctx, engine):
    """The same operations on a tree of few and of ctx.filled resources."""
    with Daemon(ctx, "nscl", engine, "tree-small") as small, \
            Daemon(ctx, "nscl", engine, "tree-large") as large:
        few = tree_prepare(small, TAGGED)
        many = tree_prepare(large, APPLICATIONS)
        filled = large.fill(many, container(), ctx.filled)
        ctx.report.add(f"{engine}: filling the tree, 256 connections", filled["rps"], "req/s",
                       detail=filled)
        tree_compare(ctx, engine, small, large, few, many)
        label = f"{engine}: nscl with {ctx.filled:,} resources: "
        ctx.report.add(label + "RssAnon", large.server.rss_anon_mib(), "MiB", at_most=RSS_FILLED)
        seconds = min(large.restart() for _ in range(3))
        ctx.report.add(label + "start", seconds * 1000, "ms", at_most=START_MS)


def tree_compare(ctx, engine, small, large, few, many):
    label = f"{engine}: {ctx.filled:,} resources: "
    app = "/m2m/applications/a0"
    known = app + "/containers/known"
    small.create(known + "/contentInstances", INSTANCE)
    large.create(known + "/contentInstances", INSTANCE)
    for path, name in ((app, "retrieve application"), (known, "retrieve container"),
                       (known + "/contentInstances/latest", "retrieve latest"),
                       ("/m2m/discovery?searchString=bench/tagged", f"discover {TAGGED} resources")):
        compare(ctx, label + name, lambda p=path: get(ctx, small, p),
                lambda p=path: get(ctx, large, p))
    for conns in (1, 64):
        compare(ctx, f"{label}create instance, {conns} connections",
                lambda c=conns: post(ctx, small, known + "/contentInstances", c),
                lambda c=conns: post(ctx, large, known + "/contentInstances", c))
    compare(ctx, label + "create container, 64 connections",
            lambda: post(ctx, small, few[0], 64, container(), few),
            lambda: post(ctx, large, many[0], 64, container(), many))
