# SPDX-License-Identifier: Apache-2.0
"""Starts and ends a daemon under test with a store of its own."""

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

READY_TIMEOUT = 120         # under valgrind, beside everything else
STOP_TIMEOUT = 30
ALL_FLAGS = '"READ","WRITE","CREATE","DELETE","DISCOVER"'
_CONFIG = """scl = {{ id = "{kind}.example.org"; base = "m2m"; }};
store = {{ engine = "{engine}"; path = "{store}"; }};
listeners = ( {{ address = "127.0.0.1"; port = {port}; security = "none";{protocol} serve = [ {serve} ]; }} );
mid = {{ open_on_loopback = true; }};
access_rights = ( {{ id = "default";
    permissions = ( {{ id = "everyone"; flags = [ {flags} ]; holders = {{ all = true; }}; }} );
    self_permissions = ( {{ id = "everyone"; flags = [ "READ" ]; holders = {{ all = true; }}; }} ); }} );
default_access_right = "default";
log = {{ level = "info"; }};
"""
_PROTOCOLS = {"http": "", "coap": ' protocol = "coap";'}
_SERVES = {"nscl": '"mia", "mid"', "gscl": '"dia", "mid"', "dscl": '"dia", "mid"'}


class DaemonError(Exception):
    """The daemon did not start or did not end as it should."""


class Daemon:
    """One process; the temporary directory lives as long as this object is open."""

    def __init__(self, program, kind, engine, options=(), transport="http"):
        self.program, self.kind, self.engine, self.options = program, kind, engine, list(options)
        self.directory = tempfile.mkdtemp(prefix="scl-conformance.")
        self.transport, self.process, self.port = transport, None, 0
        self.log_path = os.path.join(self.directory, "log")

    @property
    def url(self):
        """URI of the sclBase."""
        return f"{self.transport}://127.0.0.1:{self.port}/m2m"

    def start(self):
        """Start and wait for the ready line; a restart keeps port and store."""
        config = os.path.join(self.directory, "scl.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(_CONFIG.format(kind=self.kind, engine=self.engine, port=self.port, flags=ALL_FLAGS,
                                      protocol=_PROTOCOLS[self.transport],
                                      serve=_SERVES[self.kind], store=os.path.join(self.directory, "store")))
        command = [self.program, "-c", config]
        for option in self.options:
            command += ["-o", option]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self._await_ready()

    def _await_ready(self):
        deadline, line = time.monotonic() + READY_TIMEOUT, b""
        stream = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise DaemonError(f"no ready line within {READY_TIMEOUT} s\n{self.log_tail()}")
            data = os.read(stream, 1)
            if not data:
                raise DaemonError(f"ended before it was ready\n{self.log_tail()}")
            line += data
        words = dict(w.split("=", 1) for w in line.decode().split()[1:])
        if not line.startswith(b"ready ") or self.transport not in words:
            raise DaemonError(f"unexpected line on stdout: {line!r}")
        self.port = int(words[self.transport].rsplit(":", 1)[1])

    def log_tail(self, lines=15):
        """The last lines of the log, for a report."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def stop(self):
        """Orderly stop; raises DaemonError when the exit code is not 0."""
        process, self.process = self.process, None
        if not process:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise DaemonError(f"did not stop within {STOP_TIMEOUT} s\n{self.log_tail()}") from None
        finally:
            process.stdout.close()
        if code != 0:
            raise DaemonError(f"exit code {code}\n{self.log_tail(40)}")

    def close(self):
        """Stop and remove the directory."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
