# SPDX-License-Identifier: Apache-2.0
"""The processes of a benchmark: servers with a ready line, and tools that print one JSON line."""

import json
import os
import re
import select
import signal
import struct
import subprocess
import time

READY = re.compile(r"\b(https?|coaps?)=[0-9.]+:([0-9]+)")
STOP_SECONDS = 60
CPU_CLOCK = 2                           # of all threads of a process


class BenchError(Exception):
    """The benchmark cannot go on; the text says why."""


class Server:
    """A process that serves HTTP (or CoAP) on the ports of its ready line; port is the first one of the scheme."""

    def __init__(self, argv, log, env=None, timeout=60, scheme="http"):
        self.argv = argv
        self.log = log
        self.scheme = scheme
        started = time.monotonic()
        with open(log, "ab") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=err, env={**os.environ, **(env or {})})
        self.ports = self._await_ready(started + timeout)
        self.port = self.ports[0]
        self.start_seconds = time.monotonic() - started

    def _await_ready(self, deadline):
        text = b""
        out = self.process.stdout.fileno()
        while b"\n" not in text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                break
            data = os.read(out, 4096)
            if not data:
                break
            text += data
        ports = [int(port) for scheme, port in READY.findall(text.decode(errors="replace"))
                 if scheme.startswith(self.scheme.rstrip("s"))]
        if not text.startswith(b"ready ") or not ports:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"{self.argv[0]} is not ready, see {self.log}")
        return ports

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def cpu_seconds(self):
        """Processor time so far."""
        return time.clock_gettime((~self.pid << 3) | CPU_CLOCK)

    def rss_anon_mib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) / 1024
        raise BenchError("no RssAnon in /proc")

    def stop(self):
        """Orderly stop; returns what was printed behind the ready line."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BenchError(f"{self.argv[0]} does not stop") from None
        return rest.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class SyncCounter:
    """Reads the counters that syncs.so keeps in a file for one process."""

    def __init__(self, library, path):
        self.path = path
        self.env = {"LD_PRELOAD": library, "BENCH_SYNCS_FILE": path}

    def total(self):
        try:
            with open(self.path, "rb") as counters:
                return sum(struct.unpack("=4Q", counters.read(32)))
        except (OSError, struct.error):
            raise BenchError("syncs are not counted: is syncs.so built?") from None


class Held:
    """Connections that stay open until close(); result is what it took to open them."""

    def __init__(self, argv, timeout=60):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = select.select([self.process.stdout], [], [], timeout)[0]
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            self.close()
            raise BenchError(f"no result of: {' '.join(argv)}")
        self.result = json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tools:
    """The C programs of this directory."""

    def __init__(self, builddir, workdir, loop):
        self.bin = os.path.join(builddir, "tests", "bench")
        self.workdir = workdir
        self.loop = loop
        self.log = os.path.join(workdir, "tools.log")
        self.from_uri = "http://127.0.0.1/bench"

    def _path(self, name):
        path = os.path.join(self.bin, name)
        if not os.path.exists(path):
            raise BenchError(f"{path} is not built")
        return path

    def _json(self, argv, timeout):
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise BenchError(f"no end of: {' '.join(argv)}") from None
        if done.returncode != 0:
            raise BenchError(f"{' '.join(argv)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def file(self, name, text):
        path = os.path.join(self.workdir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def _load_argv(self, url, conns, method="GET", body=None, expect=200, paths=None, more=(), sender=None):
        argv = [self._path("load"), "--url", url, "--method", method, "--expect", str(expect), "-c", str(conns),
                "--from", sender or self.from_uri, *more]
        if body is not None:
            argv += ["--content-type", "application/xml", "--body-file", self.file("body", body)]
        if paths is not None:
            argv += ["--paths", self.file("paths", "\n".join(paths) + "\n")]
        return argv

    def load(self, url, conns, *, seconds=None, requests=None, warmup=0.0, timeout=3600, **what):
        """more: further options of load; sender: in place of from_uri."""
        argv = self._load_argv(url, conns, **what)
        if requests is not None:
            argv += ["-n", str(requests)]
        else:
            argv += ["-d", str(seconds), "--warmup", str(warmup)]
        return self._json(argv, timeout)

    def hold(self, url, conns, **what):
        """One request on each of conns connections, which stay open."""
        return Held(self._load_argv(url, conns, **what) + ["-n", str(conns), "--hold"])

    def rawstore(self, engine, path, batch, record, seconds, *, containers=1, keep=0, fill=0):
        return self._json([self._path("rawstore"), "--engine", engine, "--path", path,
                           "--batch", str(batch), "--record", str(record), "-d", str(seconds),
                           "--containers", str(containers), "--keep", str(keep),
                           "--fill", str(fill)], 600)

    def bare(self, mode, size, headers, more=()):
        """more: its options for TLS."""
        argv = [self._path("bare"), mode, "--size", str(size), *more]
        if self.loop == "pool":
            argv.append("--pool")
        for name, value in headers:
            argv += ["--header", f"{name}: {value}"]
        return Server(argv, self.log, scheme="https" if more else "http")

    def coap_load(self, url, clients, window, *, seconds, method="GET", body=None, expect="2.05", warmup=0.0):
        argv = [self._path("coap_load"), "--url", url, "--method", method, "--expect", expect, "-c", str(clients),
                "-w", str(window), "--from", self.from_uri, "-d", str(seconds), "--warmup", str(warmup)]
        if body is not None:
            argv += ["--body-file", self.file("body", body)]
        return self._json(argv, 600)

    def coap_bare(self, port, size):
        return Server([self._path("coap_bare"), "--port", str(port), "--size", str(size)], self.log, scheme="coap")

    def sink(self):
        return Server([self._path("sink")], self.log)

    def sync_counter(self, name):
        return SyncCounter(self._path("syncs.so"), os.path.join(self.workdir, name + ".syncs"))
