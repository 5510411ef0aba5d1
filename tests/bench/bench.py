#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks, prints every value beside its reference and writes bench.json."""

import argparse
import os
import platform
import shutil
import statistics
import sys
import time

import coaping
import gakaing
import growing
import hostile
import longpoll
import notifying
import parking
import proxying
import serving
import sgaing
import smalldata
import smalltrip
import tls
from daemon import INSTANCE, Daemon
from procs import BenchError, Tools
from report import Report

GROUPS = ("retrieve", "create", "single", "spread", "update", "notify", "polls", "tls", "coap", "hostile", "idle",
          "filled", "tree", "pre", "park", "sga", "smalldata", "smalldata-e2e", "gaka")
ALONE = {"polls", "pre", "smalldata", "smalldata-e2e", "gaka"}        # without the daemon that the others share


class Context:
    """What every scenario needs."""

    def __init__(self, args):
        self.builddir = os.path.abspath(args.builddir)
        self.workdir = os.path.join(os.path.abspath(args.dir), f"run-{os.getpid()}")
        os.makedirs(self.workdir)
        self.tools = Tools(self.builddir, self.workdir, args.bare_loop)
        self.seconds = args.seconds or (1.0 if args.quick else 4.0)
        self.warmup = 0.2 if args.quick else 0.5
        self.rounds = args.rounds or (1 if args.quick else 3)
        self.connections = args.connections
        self.record = args.record
        self.filled = args.filled
        self.backlog = 5000 if args.quick else 40000
        self.polls = 500 if args.quick else 10000
        self.idle = 200 if args.quick else 1000
        self.daemon_options = args.option
        self.report = Report(environment(self))

    def program(self, name):
        for path in (os.path.join(self.builddir, name, name), os.path.join(self.builddir, name)):
            if os.path.isfile(path):
                return path
        raise BenchError(f"{name} is not built in {self.builddir}")


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def sync_latency_us(directory):
    """Median of a 4 KiB append with fdatasync."""
    path = os.path.join(directory, "sync")
    times = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(200):
        started = time.monotonic()
        os.write(fd, b"x" * 4096)
        os.fdatasync(fd)
        times.append((time.monotonic() - started) * 1e6)
    os.close(fd)
    os.unlink(path)
    return statistics.median(times)


def environment(ctx):
    env = {"cpu": cpu_model(), "cpus": sorted(os.sched_getaffinity(0)), "kernel": platform.release(),
           "sync_us": sync_latency_us(ctx.workdir), "seconds": ctx.seconds, "rounds": ctx.rounds,
           "record": ctx.record, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    print(f"{env['cpu']}, CPUs {env['cpus']}, Linux {env['kernel']},"
          f" fdatasync {env['sync_us']:.0f} us, {ctx.rounds} x {ctx.seconds:g} s per value")
    return env


def pin(cpus):
    """Everything shares the first CPUs, so that the references have the same ones."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[:cpus])


def serve_group(ctx, args, daemon, path, app, note):
    """The scenarios that are measured on an empty and on a filled container."""
    engine = daemon.engine
    if "retrieve" in args.only:
        daemon.create(path, INSTANCE)
        serving.retrieve(ctx, daemon, f"{engine}: retrieve latest{note}", path + "/latest")
        serving.retrieve(ctx, daemon, f"{engine}: retrieve application{note}", app)
    if "create" in args.only:
        serving.create(ctx, daemon, f"{engine}: create{note}", path)


def filled_group(ctx, args, daemon, app):
    small = daemon.container(app, "small")
    large = daemon.container(app, "large")
    daemon.fill([small], INSTANCE, 1000)
    done = daemon.fill([large], INSTANCE, ctx.filled)
    ctx.report.add(f"{daemon.engine}: filling one container, 256 connections", done["rps"], "req/s",
                   detail=done)
    growing.container_growth(ctx, daemon, small, large)
    serve_group(ctx, args, daemon, large, app, f" at {ctx.filled:,}")
    growing.start_and_memory(ctx, daemon)


def engine_run(ctx, args, engine):
    if "idle" in args.only:
        growing.idle(ctx, engine, ("nscl",) if engine != "lmdb" else ("nscl", "gscl", "dscl"))
    with Daemon(ctx, "nscl", engine, "serve", count_syncs=True) as daemon:
        app = daemon.application("bench")
        path = daemon.container(app, "c")
        serve_group(ctx, args, daemon, path, app, "")
        if "single" in args.only:
            serving.single(ctx, daemon, path)
        if "spread" in args.only:
            serving.spread(ctx, daemon)
        if "update" in args.only:
            serving.updates(ctx, daemon, app)
        if "notify" in args.only:
            notifying.notifications(ctx, daemon)
        if args.big and "filled" in args.only:
            filled_group(ctx, args, daemon, app)
    if "tls" in args.only:
        tls.bench(ctx, engine)
    if "coap" in args.only:
        coaping.bench(ctx, engine)
    if "park" in args.only:
        parking.bench(ctx, engine)
    if "sga" in args.only:
        sgaing.bench(ctx, engine)
    if "hostile" in args.only:
        hostile.hostile(ctx, args, engine)
    if args.big and "tree" in args.only:
        growing.tree_growth(ctx, engine)


def numbers(text):
    return [int(part) for part in text.split(",")]


def words(allowed):
    def parse(text):
        chosen = text.split(",")
        unknown = set(chosen) - set(allowed)
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return chosen
    return parse


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", default=".", help="where the daemons and tools were built")
    parser.add_argument("--dir", default="./bench-data", help="data, on the disk to be measured")
    parser.add_argument("--json", default="bench.json", help="result file")
    parser.add_argument("--engines", type=words(("lmdb", "rocksdb")), default=["lmdb", "rocksdb"])
    parser.add_argument("--only", type=words(GROUPS), default=list(GROUPS), metavar="GROUP,...",
                        help="of " + ", ".join(GROUPS))
    parser.add_argument("--connections", type=numbers, default=[1, 16, 64, 256])
    parser.add_argument("--seconds", type=float, help="per measurement")
    parser.add_argument("--rounds", type=int, help="measurements per value")
    parser.add_argument("--quick", action="store_true", help="short, and nothing of size")
    parser.add_argument("--big", action=argparse.BooleanOptionalAction,
                        help="also with many instances and resources")
    parser.add_argument("--filled", type=int, default=1_000_000, help="how many --big means")
    parser.add_argument("--record", type=int, default=256, help="octets of a stored instance")
    parser.add_argument("--cpus", type=int, default=2, help="shared by everything")
    parser.add_argument("--bare-loop", choices=("own", "pool"), default="own",
                        help="event loops of the reference: one daemon per thread, or MHD's pool")
    parser.add_argument("-o", "--option", action="append", default=[], metavar="PATH=VALUE",
                        help="further option of the daemons")
    parser.add_argument("--keep", action="store_true", help="leave data and logs")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    args = parser.parse_args()
    if args.big is None:
        args.big = not args.quick
    return args


def main():
    args = parse_args()
    pin(args.cpus)
    ctx = Context(args)
    try:
        if "polls" in args.only:
            longpoll.bench(ctx)
        if "pre" in args.only:
            proxying.bench(ctx)
        if "sga" in args.only:
            sgaing.costs(ctx)
        if "smalldata" in args.only:
            smalldata.bench(ctx)
        if "smalldata-e2e" in args.only:
            smalltrip.bench(ctx)
        if "gaka" in args.only:
            gakaing.bench(ctx)
        for engine in args.engines if set(args.only) - ALONE else ():
            engine_run(ctx, args, engine)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        args.keep = True
        return 2
    finally:
        ctx.report.finish(args.json)
        if not args.keep:
            shutil.rmtree(ctx.workdir)
    return 1 if args.strict and ctx.report.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
