#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long polls that wait on one nscl: what they cost, and how fast all of them are woken."""

import argparse
import http.client
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from daemon import CONFIG, LISTENERS, NS, application
from procs import BenchError, Server

PER_PARENT = 100
SPARE = 4500                            # descriptors beside those of the polls
POLL_BYTES = 8192                       # what one may cost beside its connection
WAKE_SECONDS = 0.5                      # with the processors to itself: the benchmark alone judges it
TRIES = 5                               # of the benchmark: other processes may have the processors
CHANNEL = (f'<m2m:notificationChannel {NS}><m2m:channelType>LONG_POLLING</m2m:channelType>'
           '</m2m:notificationChannel>')


class Nscl:
    """A daemon with room for count connections."""

    def __init__(self, program, workdir, count):
        self.dir = workdir
        config = os.path.join(workdir, "nscl.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(name="nscl", engine="memory", path=os.path.join(workdir, "store"),
                                    listeners=LISTENERS))
        options = {"http.max_connections": count + SPARE, "http.max_connections_per_address": count + SPARE,
                   "channel.polls_max": count, "channel.per_parent": PER_PARENT, "channel.hold": 120,
                   "http.idle_timeout": 300, "subscription.per_resource": count, "subscription.total": count}
        argv = [program, "-c", config]
        for option, value in options.items():
            argv += ["-o", f"{option}={value}"]
        self.server = Server(argv, os.path.join(workdir, "log"))

    def status(self, field):
        with open(f"/proc/{self.server.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise BenchError(f"no {field} in /proc")

    def session(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def request(self, session, method, path, body=None, issuer="http://127.0.0.1/bench"):
        session.request(method, path, body=body,
                        headers={"From": issuer, **({"Content-Type": "application/xml"} if body else {})})
        answer = session.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            raise BenchError(f"{method} {path}: {answer.status} {text[:200]}")
        return text


def make_channels(nscl, count, path):
    """count channels below applications; a line each in a file. Paths of the applications."""
    session = nscl.session()
    apps = []
    with open(path, "w", encoding="ascii") as out:
        for i in range(count):
            if i % PER_PARENT == 0:
                apps.append(f"/m2m/applications/a{i // PER_PARENT}")
                nscl.request(session, "POST", "/m2m/applications", application(f"a{i // PER_PARENT}"))
            issuer = nscl.server.url + apps[-1]
            text = nscl.request(session, "POST", apps[-1] + "/notificationChannels", CHANNEL, issuer)
            contact, poll = (re.search(f"{name}>http://[^/]+([^<]+)<", text).group(1)
                             for name in ("contactURI", "longPollingURI"))
            print(contact, poll, issuer, file=out)
    session.close()
    return apps


class Polls:
    """The program that polls."""

    def __init__(self, program, port, channels):
        if not os.path.exists(program):
            raise BenchError(f"{program} is not built")
        self.process = subprocess.Popen([program, str(port), channels], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def begin(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchError("polls has failed")
        return json.loads(line)

    def run(self, command):
        self.begin(command)
        return self.end()

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


def park(nscl, polls):
    """All poll; until what the server has read of them does not change any more. Its memory."""
    polls.run("park")
    before = -1
    while (now := nscl.status("RssAnon")) != before:
        before = now
        time.sleep(0.5)
    return now


def wake(nscl, polls, tries):
    """Sends a message to each channel, until that was fast enough; the outcomes. All polls wait again then."""
    outcomes = []
    while len(outcomes) < tries and not (outcomes and outcomes[-1]["last"] - outcomes[-1]["begin"] <= WAKE_SECONDS):
        outcomes.append(polls.run("notify"))
        park(nscl, polls)
    return outcomes


def await_removal(nscl, polls, apps):
    """Deletes the applications; seconds until every poll is answered."""
    session = nscl.session()
    begun = time.monotonic()
    polls.begin("await")
    for app in apps:
        nscl.request(session, "DELETE", app)
    done = polls.end()
    session.close()
    return done, done["last"] - begun


def measure(nscl_program, polls_program, count, workdir, tries):
    """What count long polls cost and how long it takes to wake them, as a dictionary."""
    nscl = Nscl(nscl_program, workdir, count)
    try:
        channels = os.path.join(workdir, "channels")
        apps = make_channels(nscl, count, channels)
        polls = Polls(polls_program, nscl.server.port, channels)
        polls.run("open")
        time.sleep(0.5)
        idle, threads = nscl.status("RssAnon"), nscl.status("Threads")
        parked = park(nscl, polls)
        result = {"polls": count, "bytes_per_poll": (parked - idle) * 1024 / count, "idle_kib": idle,
                  "parked_kib": parked, "threads": nscl.status("Threads") - threads}
        notified = wake(nscl, polls, tries)
        removed, seconds = await_removal(nscl, polls, apps)
        polls.close()
        result.update(wake_seconds=min(r["last"] - r["begin"] for r in notified),
                      acknowledged_seconds=min(r["seconds"] for r in notified), removal_seconds=seconds,
                      wrong=sum(r["unexpected"] for r in (*notified, removed))
                      + sum(r["status"] != 200 for r in notified) + (removed["status"] != 404))
        return result
    finally:
        nscl.server.stop()


def possible(count):
    """As many as the descriptors of one process allow."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and count + SPARE > hard:
        print(f"only {hard} descriptors", flush=True)
        return max(1, hard - SPARE)
    return count


def is_plain(program):
    """Not built for tests that cost time and memory of their own."""
    with open(program, "rb") as file:
        text = file.read()
    return not any(name in text for name in (b"__asan_init", b"__tsan_init", b"__gcov_init"))


def judge(result, plain, time_too):
    """What is not as it must be; time and memory of a plain build alone tell something."""
    found = []
    if result["wrong"]:
        found.append(f"{result['wrong']} wrong answers")
    if result["threads"] != 0:
        found.append(f"{result['threads']} more threads")
    if plain and result["bytes_per_poll"] > POLL_BYTES:
        found.append(f"{result['bytes_per_poll']:.0f} octets per poll")
    if time_too and plain and result["wake_seconds"] > WAKE_SECONDS:
        found.append(f"woken in {result['wake_seconds']:.3f} s")
    return found


def bench(ctx):
    """The rows of the benchmark."""
    workdir = os.path.join(ctx.workdir, "longpoll")
    os.makedirs(workdir)
    result = measure(ctx.program("nscl"), os.path.join(ctx.builddir, "tests", "bench", "polls"),
                     possible(ctx.polls), workdir, TRIES)
    label = f"{result['polls']:,} long polls"
    for scenario, key, unit, factor, most in (
            ("memory of one beside its connection", "bytes_per_poll", "octets", 1, POLL_BYTES),
            ("threads added", "threads", "", 1, 0),
            ("all woken by a message each", "wake_seconds", "ms", 1000, WAKE_SECONDS * 1000),
            ("all messages acknowledged", "acknowledged_seconds", "ms", 1000, None),
            ("all ended with their applications", "removal_seconds", "ms", 1000, None)):
        ctx.report.add(f"{label}: {scenario}", result[key] * factor, unit, at_most=most, errors=result["wrong"],
                       detail=result)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", default=os.environ.get("OPENSCL_BUILD", "."))
    parser.add_argument("--count", type=int, default=10000 if os.environ.get("OPENSCL_LONG") else 500)
    parser.add_argument("--judge-time", action="store_true", help="fail when waking them takes too long; needs the "
                        "processors")
    args = parser.parse_args()
    workdir = tempfile.mkdtemp(prefix="longpoll.")
    nscl = os.path.join(args.builddir, "nscl", "nscl")
    try:
        result = measure(nscl, os.path.join(args.builddir, "tests", "bench", "polls"), possible(args.count), workdir,
                         TRIES if args.judge_time else 1)
    finally:
        shutil.rmtree(workdir)
    print(json.dumps(result, indent=1))
    found = judge(result, is_plain(nscl), args.judge_time)
    for text in found:
        print("longpoll:", text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
