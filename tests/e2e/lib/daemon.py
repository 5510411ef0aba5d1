# SPDX-License-Identifier: Apache-2.0
"""nscl, gscl and dscl as processes."""

import os
import select
import signal
import subprocess
import time

from . import xml
from .bed import pick_port, program
from .client import Client

READY_SECONDS = 90
STOP_SECONDS = 60
SERVES = {"nscl": '"mia", "mid"', "gscl": '"dia", "mid"', "dscl": '"dia", "mid"'}
ALL = '"READ", "WRITE", "CREATE", "DELETE", "DISCOVER"'
CONFIG = """scl = {{ id = "{name}.example.org"; base = "m2m"; }};
store = {{ engine = "{engine}"; path = "{store}"; }};
listeners = ( {listeners} );
{mid}
{register}
access_rights = ( {{ id = "default";
    permissions = ( {{ id = "everyone"; flags = [ {all} ]; holders = {{ all = true; }}; }} );
    self_permissions = ( {{ id = "everyone"; flags = [ "READ" ]; holders = {{ all = true; }}; }} ); }} );
default_access_right = "default";
log = {{ level = "info"; }};
{extra}
"""
REGISTER = 'register = {{ nscl = [ "{nscl}" ]; lifetime = {lifetime}; retry = "200 ms"; retry_max = "1 s"; }};'
# mId between daemons on loopback without a service connection; secure.py has those.
OPEN_MID = "mid = { open_on_loopback = true; };"
CLEAR = '{{ address = "127.0.0.1"; port = {port}; security = "none"; serve = [ {serve} ]; }}'


class DaemonError(Exception):
    """The daemon did not start or did not end as it should."""


class Daemon:
    """One daemon with a store, a port and a log that survive its restarts."""

    def __init__(self, bed, kind, *, name=None, engine="lmdb", options=(), nscl=None, lifetime=1800, extra="",
                 listeners=None, mid=OPEN_MID, env=None):
        self.kind, self.name, self.engine = kind, name or kind, engine
        self.program, self.options, self.env = program(kind), list(options), dict(env or {})
        self.nscl, self.lifetime, self.extra, self.listeners, self.mid = nscl, lifetime, extra, listeners, mid
        self.directory = bed.path(self.name)
        os.makedirs(self.directory, exist_ok=True)
        self.store = os.path.join(self.directory, "store")
        self.config = os.path.join(self.directory, "scl.conf")
        self.log_path = os.path.join(self.directory, "log")
        self.port, self.process, self.ready = pick_port(), None, {}
        bed.daemons.append(self)
        self.write_config()

    @property
    def scl_id(self):
        """SCL-ID."""
        return f"{self.name}.example.org"

    @property
    def origin(self):
        """http://host:port"""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self):
        """URI of the sclBase."""
        return self.origin + "/m2m"

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def write_config(self):
        """Writes the configuration from the attributes."""
        listeners = self.listeners or CLEAR.format(port=self.port, serve=SERVES[self.kind])
        register = REGISTER.format(nscl=self.nscl.base, lifetime=self.lifetime) if self.nscl else ""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(name=self.name, engine=self.engine, store=self.store, listeners=listeners,
                                     mid=self.mid, register=register, all=ALL, extra=self.extra))

    def command(self, *more):
        """Command line with the configuration and options."""
        line = [self.program, "-c", self.config]
        for option in self.options:
            line += ["-o", option]
        return line + list(more)

    def action(self, *more, timeout=300):
        """Runs an action such as --check-store; the completed process with text output."""
        return subprocess.run(self.command(*more), capture_output=True, text=True, errors="replace", timeout=timeout,
                              stdin=subprocess.DEVNULL, env={**os.environ, **self.env})

    def spawn(self):
        """Starts the process without waiting for it."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=log, env={**os.environ, **self.env})

    def start(self):
        """Starts and waits for the ready line; self."""
        self.spawn()
        self.await_ready()
        return self

    def await_ready(self):
        """Reads the ready line."""
        deadline, line = time.monotonic() + READY_SECONDS, b""
        stream = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise DaemonError(f"{self.name}: no ready line within {READY_SECONDS} s\n{self.log_tail()}")
            data = os.read(stream, 1)
            if not data:
                raise DaemonError(f"{self.name} ended before it was ready\n{self.log_tail()}")
            line += data
        words = line.decode().split()
        if words[0] != "ready":
            raise DaemonError(f"{self.name}: unexpected line on stdout: {line!r}")
        self.ready = dict(w.split("=", 1) for w in words[1:])

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self._reaped()

    def _reaped(self):
        code = self.process.wait(STOP_SECONDS)
        self.process.stdout.close()
        self.process = None
        return code

    def stop(self, number=signal.SIGTERM):
        """Orderly stop; exit status and seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            return self._reaped(), time.monotonic() - started
        except subprocess.TimeoutExpired:
            self.kill()
            raise DaemonError(f"{self.name} did not stop within {STOP_SECONDS} s\n{self.log_tail()}") from None

    def reload(self):
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        """Ends the process when it runs; complaints."""
        if self.process is None:
            return []
        if self.process.poll() is not None:
            return [f"{self.name} had ended by itself with {self._reaped()}\n{self.log_tail()}"]
        try:
            code, _ = self.stop()
        except DaemonError as error:
            return [str(error)]
        return [] if code == 0 else [f"{self.name}: exit status {code}\n{self.log_tail()}"]

    def alive(self):
        """The process runs."""
        return self.process is not None and self.process.poll() is None

    def log(self):
        """All of the log."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=15):
        """The last lines of the log."""
        return "".join(self.log().splitlines(True)[-lines:])

    def rss_anon(self):
        """Anonymous memory in KiB."""
        return self._status("RssAnon")

    def rss_peak(self):
        """The most memory that it ever had, in KiB."""
        return self._status("VmHWM")

    def _status(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))

    def sanitized(self):
        """Built with the address sanitizer, which keeps freed memory for a while."""
        with open(self.program, "rb") as file:
            return b"__asan_init" in file.read()

    def descriptors(self):
        """Number of open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def client(self, who=None, **more):
        """A client of this daemon; who is the requestingEntity."""
        return Client("127.0.0.1", self.port, who or "http://127.0.0.1/e2e", **more)

    def clean_store(self, report, name):
        """One result: --check-store finds nothing."""
        done = self.action("--check-store")
        return report.ok(done.returncode == 0, name, done.stdout + done.stderr)

    def registered_at(self, other, timeout=60):
        """Waits until this SCL is registered and ONLINE at the other; the scl document, or None."""
        client = other.client(self.base)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            answer = client.get(f"/m2m/scls/{self.scl_id}")
            if answer.status == 200 and xml.text(answer.xml(), "onlineStatus") == "ONLINE":
                client.close()
                return answer.xml()
            time.sleep(0.05)
        client.close()
        return None
