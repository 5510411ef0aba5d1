# SPDX-License-Identifier: Apache-2.0
"""A gateway behind NAT: a network namespace that reaches out and cannot be reached.

The script runs in a namespace of its own (enter() starts it anew there), the gateway in a second
one, joined by a pair of interfaces. What the gateway serves is served on its loopback.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import uuid

ENTERED = "OPENSCL_E2E_NAMESPACE"
OUTSIDE, INSIDE = "10.77.0.1", "10.77.0.2"
CLONE_NEWNET = 0x40000000


def permitted():
    """Namespaces can be made here."""
    return all(map(shutil.which, ("ip", "unshare", "nsenter"))) and \
        subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0


def enter():
    """Goes on in a namespace of its own."""
    if os.environ.get(ENTERED) != "1":
        os.environ[ENTERED] = "1"
        os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, "-B"] + sys.argv)
    _run("ip", "link", "set", "lo", "up")


def _run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


class Behind:
    """The namespace of the gateway; cut() and restore() the link to it."""

    def __init__(self):
        self.name = f"gw-{uuid.uuid4().hex[:8]}"
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            pass
        self.inside = ["nsenter", "-t", str(self.holder.pid), "-n"]
        _run("ip", "link", "add", "outside", "type", "veth", "peer", "name", "inside", "netns", str(self.holder.pid))
        _run("ip", "addr", "add", f"{OUTSIDE}/24", "dev", "outside")
        _run(*self.inside, "ip", "link", "set", "lo", "up")
        _run(*self.inside, "ip", "addr", "add", f"{INSIDE}/24", "dev", "inside")
        _run(*self.inside, "ip", "link", "set", "inside", "up")
        self.restore()

    def cut(self):
        """Nothing gets through any more; connections do not notice."""
        _run("ip", "link", "set", "outside", "down")

    def restore(self):
        """The link is there."""
        _run("ip", "link", "set", "outside", "up")

    def close(self):
        """Ends the namespace."""
        self.holder.kill()
        self.holder.wait()

    def __enter__(self):
        """The calling thread is in the gateway's namespace: sockets made now are there."""
        self.here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._go(f"/proc/{self.holder.pid}/ns/net")

    def __exit__(self, *_):
        self._go(f"/proc/self/fd/{self.here}")
        os.close(self.here)

    @staticmethod
    def _go(path):
        fd = os.open(path, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)
