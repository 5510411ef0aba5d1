# SPDX-License-Identifier: Apache-2.0
"""The surroundings of a test: scratch directory, programs, ports, and what has to be ended."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time

from . import ROOT

BUILD = os.path.abspath(os.environ.get("OPENSCL_BUILD") or os.environ.get("builddir") or ROOT)
PATIENCE = 60       # seconds for anything that has to happen at all
SHARE = 100         # ports that one test picks from
FIRST_PORT = 10000
PICKED = set()      # ports that were looked at already, used or not yet
CLAIMS = []         # (first port, socket that stands for it) of the ranges of this process


class BedError(Exception):
    """The test cannot be made here."""


class Bed:
    """Ends everything that was registered with it and removes its directory."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="openscl-e2e.")
        self.daemons, self.others = [], []

    def path(self, *names):
        """A path in the scratch directory."""
        return os.path.join(self.directory, *names)

    def add(self, thing):
        """Something with a close()."""
        self.others.append(thing)
        return thing

    def logs(self):
        """Ends of the logs of all daemons."""
        return "".join(f"--- {d.name}\n{d.log_tail()}" for d in self.daemons)

    def close(self):
        """Ends all; returns complaints about daemons that were still running and did not end well."""
        complaints = []
        for daemon in reversed(self.daemons):
            complaints += daemon.close()
        for thing in reversed(self.others):
            thing.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return complaints


def program(kind):
    """Path of a daemon in the build directory or below an installation prefix."""
    for path in (f"{kind}/{kind}", f"sbin/{kind}", f"bin/{kind}"):
        full = os.path.join(BUILD, path)
        if os.access(full, os.X_OK) and os.path.isfile(full):
            return full
    raise BedError(f"no {kind} in {BUILD}: set OPENSCL_BUILD to the build directory")


def engines(kind):
    """The durable engines a daemon has."""
    found = ["lmdb"]
    check = subprocess.run([program(kind), "--check-config", "-o", "store.engine=rocksdb",
                            "-o", "store.path=/nonexistent"], capture_output=True, timeout=PATIENCE)
    if check.returncode == 0:
        found.append("rocksdb")
    return found


def _ephemeral_start():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except OSError:
        return 32768


def _claim(number):
    """A socket that stands for a range of ports while it is open, or None when somebody else has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0openscl-e2e-ports-{number}")
        return claim
    except OSError:
        claim.close()
        return None


def _claim_more():
    """One range more that is this process's alone."""
    ranges = (max(_ephemeral_start(), FIRST_PORT + SHARE) - FIRST_PORT) // SHARE
    for number in random.sample(range(ranges), ranges):
        claim = _claim(number)
        if claim:
            CLAIMS.append((FIRST_PORT + number * SHARE, claim))
            return
    raise BedError("no free range of ports")


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def pick_port():
    """
    A free port below those the kernel gives out, so that it stays free between two starts of a daemon. Tests that
    run at the same time pick from ranges of their own.
    """
    while True:
        if not CLAIMS or len(PICKED) >= len(CLAIMS) * SHARE:
            _claim_more()
        first = CLAIMS[-1][0]
        for port in random.sample(range(first, first + SHARE), SHARE):
            if port not in PICKED:
                PICKED.add(port)
                if _is_free(port):
                    return port


def wait_for(condition, timeout=PATIENCE, pause=0.02):
    """Polls until condition() is true and returns its value, or the last one when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def shim(bed, name="failio"):
    """Path of a library to be preloaded, tests/e2e/shim/NAME.c; built when the build directory has none."""
    built = os.path.join(BUILD, "tests", "e2e", f"{name}.so")
    if os.path.exists(built):
        return built
    target = bed.path(f"{name}.so")
    if not os.path.exists(target):
        source = os.path.join(ROOT, "tests", "e2e", "shim", f"{name}.c")
        subprocess.run([*os.environ.get("CC", "cc").split(), "-D_GNU_SOURCE", "-O1", "-fPIC", "-shared", "-o", target, source],
                       check=True, timeout=PATIENCE)
    return target
