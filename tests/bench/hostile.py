# SPDX-License-Identifier: Apache-2.0
"""Scenario: many subscriptions, some with dead, slow and hostile contacts; what it costs the others."""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from daemon import INSTANCE, Daemon
from procs import STOP_SECONDS

SHARE = 0.4
RATE = 200          # creates per second
CLIENTS = 4
SETTLE = 3          # seconds; whatever became due while the daemon was stopped is over then
HERE = os.path.dirname(os.path.abspath(__file__))


class Targets:
    """The processes of targets.py: what the evil ones cost themselves is not the healthy one's."""

    def __init__(self):
        self.processes = [subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "targets.py"), mode],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                          for mode in ("healthy", "hostile")]
        healthy, hostile_ones = (json.loads(p.stdout.readline()) for p in self.processes)
        self.healthy, self.hostile = healthy["healthy"], list(hostile_ones.values())

    def stats(self):
        with urllib.request.urlopen(self.healthy + "/stats", timeout=30) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
            process.wait(STOP_SECONDS)


class Client(threading.Thread):
    """Creates instances at a steady rate; latencies in ms by whether the subscriber is healthy."""

    def __init__(self, daemon, paths, number, seconds):
        super().__init__()
        self.daemon_under_test, self.paths = daemon, paths
        self.number, self.seconds = number, seconds
        self.latencies, self.errors, self.created = [], 0, 0

    def run(self):
        connection = self.daemon_under_test.session()
        headers = {"From": self.daemon_under_test.ctx.tools.from_uri, "Content-Type": "application/xml"}
        begin = time.monotonic()
        for n in range(int(self.seconds * RATE / CLIENTS)):
            due = begin + (n + self.number / CLIENTS) * CLIENTS / RATE
            time.sleep(max(0, due - time.monotonic()))
            path, healthy = self.paths[(n * CLIENTS + self.number) % len(self.paths)]
            sent = time.monotonic_ns()
            try:
                connection.request("POST", path, INSTANCE.replace("21.5", str(sent)), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self.errors += 1
                continue
            self.errors += answer.status != 201
            if healthy:
                self.created += 1
                self.latencies.append((time.monotonic_ns() - sent) / 1e6)
        connection.close()


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def prepare(daemon, targets, count, share):
    """Containers with one subscription each: (path, whether its contact is well)."""
    parent = daemon.application("hostile")
    paths, bad = [], 0
    for n in range(count):
        path = daemon.container(parent, f"c{n}")
        healthy = int((n + 1) * share) == int(n * share)
        contact = targets.healthy if healthy else targets.hostile[bad % len(targets.hostile)]
        bad += not healthy
        daemon.subscribe(path, f"{contact}/{n}")
        paths.append((path, healthy))
    return paths


def run(daemon, paths, targets, seconds):
    clients = [Client(daemon, paths, n, seconds) for n in range(CLIENTS)]
    targets.stats()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    created = sum(c.created for c in clients)
    seen = {"count": 0, "p99": 0.0, "max": 0.0}
    deadline = time.monotonic() + 10
    while seen["count"] < created and time.monotonic() < deadline:
        stats = targets.stats()
        seen = {"count": seen["count"] + stats["count"], "p99": max(seen["p99"], stats["p99"]),
                "max": max(seen["max"], stats["max"])}
        time.sleep(0.05)
    return {"p99": p99([ms for c in clients for ms in c.latencies]), "delay_p99": seen["p99"],
            "delay_max": seen["max"], "errors": sum(c.errors for c in clients),
            "missing": max(0, created - seen["count"])}


def hostile(ctx, args, engine):
    """The daemon that is not measured is stopped meanwhile, so that it costs the other nothing."""
    count, rounds = (200, 1) if args.quick else (1000, 5)
    seconds = 2 if args.quick else 10
    with Targets() as targets, Daemon(ctx, "nscl", engine, "healthy") as well, \
            Daemon(ctx, "nscl", engine, "hostile") as ill:
        paths = {well: prepare(well, targets, count, 0), ill: prepare(ill, targets, count, SHARE)}
        results = {well: [], ill: []}
        for daemon in (well, ill):      # every contact is tried once before anything is measured
            run(daemon, paths[daemon], targets, count / RATE)
        for n in range(rounds):
            for daemon in (well, ill) if n % 2 == 0 else (ill, well):
                other = well if daemon is ill else ill
                os.kill(other.server.pid, signal.SIGSTOP)
                time.sleep(SETTLE)
                try:
                    results[daemon].append(run(daemon, paths[daemon], targets, seconds))
                finally:
                    os.kill(other.server.pid, signal.SIGCONT)
    errors = sum(r["errors"] + r["missing"] for rs in results.values() for r in rs)
    mine = statistics.median(r["p99"] for r in results[ill])
    reference = statistics.median(r["p99"] for r in results[well])
    label = f"{engine}: {count:,} subscriptions, {SHARE:.0%} dead, slow or hostile"
    ctx.report.add(f"{label}: create p99", mine, "ms", reference=reference, ratio=mine / reference,
                   at_most=1.1, errors=errors,
                   detail={"hostile": results[ill], "healthy": results[well]})
    ctx.report.add(f"{label}: healthy served, p99",
                   statistics.median(r["delay_p99"] for r in results[ill]), "ms", at_most=100,
                   reference=statistics.median(r["delay_p99"] for r in results[well]))
    ctx.report.add(f"{label}: healthy served, longest",
                   statistics.median(r["delay_max"] for r in results[ill]), "ms",
                   reference=statistics.median(r["delay_max"] for r in results[well]))
