# SPDX-License-Identifier: Apache-2.0
"""Scenarios of one daemon: retrieve, durable create, create spread over containers, latency."""

import os
import shutil

from daemon import INSTANCE, application
from measure import composed, errors, interleave, median, ratio

TRANSPORT = {"date", "content-length", "connection", "keep-alive"}
SYNCS_PER_COMMIT = {"lmdb": 2, "rocksdb": 1}
JUDGED = (64, 256)
SPREAD = 1000
KEEP = 10


def constant_headers(headers):
    """What a constant answer must send to cost the same as the answer with these headers."""
    return [(name, value) for name, value in headers if name.lower() not in TRANSPORT]


def bare_for(ctx, mode, daemon, method, path, body=None):
    """A bare server whose answer has the size and the headers of the daemon's answer."""
    _, headers, text = daemon.request(method, path, body)
    return ctx.tools.bare(mode, len(text), constant_headers(headers))


def raw_store(ctx, engine, batch, **kw):
    path = os.path.join(ctx.workdir, "raw-" + engine)
    shutil.rmtree(path, ignore_errors=True)
    try:
        return ctx.tools.rawstore(engine, path, max(1, round(batch)), ctx.record, ctx.seconds, **kw)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def retrieve(ctx, daemon, label, path):
    """One resource against a constant of the same size."""
    with bare_for(ctx, "constant", daemon, "GET", path) as bare:
        for conns in ctx.connections:
            def run(url, conns=conns):
                return ctx.tools.load(url + path, conns, seconds=ctx.seconds, warmup=ctx.warmup)

            mine, reference = interleave(ctx.rounds, lambda: run(daemon.url), lambda: run(bare.url))
            ctx.report.add(f"{label}, {conns} connections", median(mine, "rps"), "req/s",
                           reference=median(reference, "rps"), ratio=ratio(mine, reference),
                           at_least=0.8 if conns == 64 else None, errors=errors(mine),
                           detail={"daemon": mine, "bare": reference})


def counted_create(ctx, daemon, conns, path, paths=None):
    """A load of creates; the result also tells how many shared a commit."""
    before = daemon.syncs.total()
    result = ctx.tools.load(daemon.url + path, conns, method="POST", body=INSTANCE, expect=201,
                            seconds=ctx.seconds, paths=paths)
    result["syncs"] = daemon.syncs.total() - before
    commits = result["syncs"] / SYNCS_PER_COMMIT[daemon.engine]
    result["batch"] = result["requests"] / commits if commits else 0
    return result


def create_against_limit(ctx, daemon, label, conns, path, paths=None, **raw):
    """Durable creates against the composed limit of the mechanism and the bare store."""
    def post(server):
        return ctx.tools.load(server.url + path, conns, method="POST", body=INSTANCE, expect=201,
                              seconds=ctx.seconds, warmup=ctx.warmup)

    with bare_for(ctx, "mechanism", daemon, "POST", path, INSTANCE) as mechanism, \
            bare_for(ctx, "constant", daemon, "POST", path, INSTANCE) as bare:
        rounds = interleave(ctx.rounds,
                            lambda: counted_create(ctx, daemon, conns, path, paths),
                            lambda: post(mechanism), lambda: post(bare))
    mine, bursts, plain = rounds
    batch = median(mine, "batch")
    store = raw_store(ctx, daemon.engine, batch, **raw)
    limits = [{"rps": composed(burst["rps"], store["puts_per_s"])} for burst in bursts]
    detail = {"daemon": mine, "mechanism": bursts, "bare": plain, "store": store}
    ctx.report.add(f"{label}, {conns} connections (batch {batch:.1f})", median(mine, "rps"), "req/s",
                   reference=median(limits, "rps"), ratio=ratio(mine, limits),
                   at_least=0.7 if conns in JUDGED else None,
                   errors=errors(mine) + (batch < 1), detail=detail)
    if conns == 64:
        bound = max(10.0, median(plain, "p99") / 1000)
        ctx.report.add(f"{label}, {conns} connections, p99", median(mine, "p99") / 1000, "ms",
                       reference=median(plain, "p99") / 1000, at_most=round(bound, 2))


def create(ctx, daemon, label, path):
    for conns in ctx.connections:
        create_against_limit(ctx, daemon, label, conns, path)


def spread_prepare(ctx, daemon):
    """Full containers, so that every further create evicts; their contentInstances."""
    session = daemon.session()
    parent = daemon.application("spread", session=session)
    paths = [daemon.container(parent, f"c{i}", (KEEP, 10**9), session) for i in range(SPREAD)]
    session.close()
    daemon.fill(paths, INSTANCE, SPREAD * KEEP)
    return paths


def spread(ctx, daemon):
    paths = spread_prepare(ctx, daemon)
    for conns in ctx.connections:
        if conns in JUDGED:
            create_against_limit(ctx, daemon, f"{daemon.engine}: create over {SPREAD} containers",
                                 conns, paths[0], paths, containers=SPREAD, keep=KEEP,
                                 fill=SPREAD * KEEP)


def single(ctx, daemon, path):
    """One connection: one commit per create, and the latency of its parts."""
    requests = 300
    before = daemon.syncs.total()
    done = ctx.tools.load(daemon.url + path, 1, method="POST", body=INSTANCE, expect=201,
                          requests=requests)
    per_create = (daemon.syncs.total() - before) / requests
    expected = SYNCS_PER_COMMIT[daemon.engine]
    ctx.report.add(f"{daemon.engine}: syncs per create, 1 connection", per_create, "syncs",
                   reference=expected, ratio=per_create / expected, at_most=1.02,
                   errors=done["errors"] + (per_create < expected), detail=done)

    def post(server):
        return ctx.tools.load(server.url + path, 1, method="POST", body=INSTANCE, expect=201,
                              seconds=ctx.seconds)

    with bare_for(ctx, "constant", daemon, "POST", path, INSTANCE) as bare:
        mine, plain, store = interleave(max(3, ctx.rounds), lambda: post(daemon.server),
                                        lambda: post(bare),
                                        lambda: raw_store(ctx, daemon.engine, 1))
    parts = [{"mean": a["mean"] + b["mean"]} for a, b in zip(plain, store)]
    ctx.report.add(f"{daemon.engine}: latency of a create, 1 connection", median(mine, "mean"), "us",
                   reference=median(parts, "mean"), ratio=ratio(mine, parts, "mean"), at_most=1.3,
                   errors=errors(mine), detail={"daemon": mine, "bare": plain, "store": store})


def updates(ctx, daemon, app):
    """For information: a write that is no contentInstance."""
    body = application("unused").replace(' appId="unused"', "")
    for conns in ctx.connections:
        done = ctx.tools.load(daemon.url + app, conns, method="PUT", body=body, expect=204,
                              seconds=ctx.seconds)
        ctx.report.add(f"{daemon.engine}: update application, {conns} connections", done["rps"],
                       "req/s", errors=done["errors"], detail=done)
