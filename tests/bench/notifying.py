# SPDX-License-Identifier: Apache-2.0
"""Scenarios of subscriptions: their cost for a create, how a backlog drains, what it occupies."""

import json
import time
import urllib.request

from daemon import INSTANCE
from measure import errors, interleave, median, ratio

DRAIN_SECONDS = 120
STILL_SECONDS = 15


def sink_stats(sink):
    with urllib.request.urlopen(sink.url + "/stats", timeout=30) as answer:
        return json.load(answer)


def sink_command(sink, command):
    request = urllib.request.Request(sink.url + command, method="POST", data=b"")
    urllib.request.urlopen(request, timeout=30).close()


def await_instances(sink, count):
    """Statistics of the sink when count instances arrived or none came for a while."""
    deadline = time.monotonic() + DRAIN_SECONDS
    seen, since = -1, time.monotonic()
    while True:
        stats = sink_stats(sink)
        now = time.monotonic()
        if stats["instances"] != seen:
            seen, since = stats["instances"], now
        if seen >= count or now > deadline or now - since > STILL_SECONDS:
            return stats
        time.sleep(0.02)


def create_with_subscriber(ctx, daemon, parent, sink):
    plain = daemon.container(parent, "plain")
    watched = daemon.container(parent, "watched")
    daemon.subscribe(watched, sink.url + "/notify")
    sent = 0

    def run(path):
        return ctx.tools.load(daemon.url + path, 64, method="POST", body=INSTANCE, expect=201,
                              seconds=ctx.seconds)

    def run_watched():
        nonlocal sent
        result = run(watched)
        sent += result["requests"]
        await_instances(sink, sent)
        return result

    sink_command(sink, "/reset")
    mine, reference = interleave(ctx.rounds, run_watched, lambda: run(plain))
    missing = max(0, sent - sink_stats(sink)["instances"])
    ctx.report.add(f"{daemon.engine}: create with one subscriber, 64 connections",
                   median(mine, "rps"), "req/s", reference=median(reference, "rps"),
                   ratio=ratio(mine, reference), at_least=0.5, errors=errors(mine) + missing,
                   detail={"watched": mine, "plain": reference, "not_notified": missing})


def drain(ctx, daemon, parent, sink, subscriptions):
    """Fills the outbox while the sink answers nothing, then measures how it empties."""
    count = max(1000, ctx.backlog // subscriptions)
    path = daemon.container(parent, f"drain{subscriptions}")
    for i in range(subscriptions):
        daemon.subscribe(path, f"{sink.url}/notify/{i}")
    daemon.fill([daemon.container(parent, f"warm{subscriptions}")], INSTANCE, count)
    before = daemon.server.rss_anon_mib()
    sink_command(sink, "/reset")
    sink_command(sink, "/hold")
    daemon.fill([path], INSTANCE, count)
    backlog_rss = daemon.server.rss_anon_mib()
    held = sink_stats(sink)
    sink_command(sink, "/release")
    stats = await_instances(sink, count * subscriptions)
    seconds = (stats["last_us"] - held["now_us"]) / 1e6
    instances = stats["instances"] - held["instances"]
    missing = max(0, count * subscriptions - stats["instances"])
    rate = instances / seconds if seconds > 0 else 0.0
    notifies = (stats["notifies"] - held["notifies"]) / seconds if seconds > 0 else 0.0
    label = f"{daemon.engine}: drained to {subscriptions} subscription" + "s" * (subscriptions > 1)
    ctx.report.add(f"{label}, instances", rate, "/s", at_least=15000, errors=missing,
                   detail={"held": held, "drained": stats, "created": count})
    ctx.report.add(f"{label}, notifies", notifies, "/s")
    ctx.report.add(f"{daemon.engine}: RssAnon added by a backlog of {count * subscriptions:,}",
                   backlog_rss - before, "MiB", at_most=2,
                   detail={"before": before, "with_backlog": backlog_rss,
                           "drained": daemon.server.rss_anon_mib()})


def notifications(ctx, daemon):
    parent = daemon.application("notifying")
    with ctx.tools.sink() as sink:
        create_with_subscriber(ctx, daemon, parent, sink)
        for subscriptions in (1, 16):
            drain(ctx, daemon, parent, sink, subscriptions)
