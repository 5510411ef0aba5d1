#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/examples/demo.sh works, also on the data of an earlier run, and leaves nothing behind."""

import os
import signal
import socket
import subprocess

from lib import ROOT
from lib import report as reports
from lib.bed import BUILD, pick_port, wait_for

SCRIPT = os.path.join(ROOT, "docs", "examples", "demo.sh")
COUNT = 5
SECONDS = 180


class Demo:
    """Runs of the demonstration with one data directory."""

    def __init__(self, bed):
        self.data, self.temporary, self.work = bed.path("data"), bed.path("tmp"), bed.path("work")
        for path in (self.temporary, self.work):
            os.makedirs(path)
        self.ports = []
        while len(self.ports) < 7:
            port = pick_port()
            self.ports += [port] if port not in self.ports else []
        names = ("OPENSCL_NSCL_PORT", "OPENSCL_GSCL_PORT", "OPENSCL_DSCL_PORT")
        self.env = {**os.environ, "OPENSCL_BUILD": BUILD, "OPENSCL_DATA": self.data, "TMPDIR": self.temporary,
                    **{name: str(port) for name, port in zip(names, self.ports)},
                    "OPENSCL_MID_PORTS": " ".join(map(str, self.ports[3:6])), "OPENSCL_MSBF_PORT": str(self.ports[6])}

    def start(self, *arguments):
        """The process, in a group of its own."""
        return subprocess.Popen(["sh", SCRIPT, *arguments], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def logs(self):
        """Ends of all logs."""
        found = []
        for name in sorted(os.listdir(self.data)) if os.path.isdir(self.data) else ():
            if name.endswith(".log"):
                with open(os.path.join(self.data, name), encoding="utf-8", errors="replace") as file:
                    found.append(f"--- {name}\n" + "".join(file.readlines()[-8:]))
        return "".join(found)

    def processes(self):
        """Processes that carry this demonstration's data directory in their environment."""
        mark, found = f"OPENSCL_DATA={self.data}".encode(), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def close(self):
        """Ends what a broken run has left."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def nothing_left(self, report, name):
        """Results: no process, no port, no file outside of the data directory."""
        left = wait_for(lambda: not self.processes(), timeout=10)
        report.ok(left, f"{name}: no process is left", self.processes())
        busy = [port for port in self.ports if not _free(port)]
        report.equal(busy, [], f"{name}: no port is left")
        report.equal(os.listdir(self.temporary) + os.listdir(self.work), [], f"{name}: no temporary file is left")


def _free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def counted(report, bed):
    """--count, twice on the same data."""
    demo = bed.add(Demo(bed))
    for name in ("first run", "second run"):
        process = demo.start("--count", str(COUNT))
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            demo.close()
            out, err = process.communicate()
            err += f"\nno end within {SECONDS} s"
        report.equal(process.returncode, 0, f"{name}: status", f"{out}\n{err}\n{demo.logs()}")
        values = [line for line in out.splitlines() if "hostmon" in line and "demo.sh" not in line and "curl" not in line
                  and "http://" not in line.split()[0]]
        report.ok(len(values) >= COUNT, f"{name}: the watcher printed {COUNT} values", out)
        demo.nothing_left(report, name)


def interrupted(report, bed):
    """SIGINT and SIGTERM end it as well."""
    demo = bed.add(Demo(bed))
    for number in (signal.SIGINT, signal.SIGTERM):
        process = demo.start()
        printed = process.stdout.readline()
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            demo.close()
            out, err = process.communicate()
            err += f"\nno end within {SECONDS} s"
        report.equal(process.returncode, 0, f"{number.name}: status", f"{printed}{out}\n{err}\n{demo.logs()}")
        demo.nothing_left(report, number.name)


def misused(report, bed):
    """Wrong arguments and missing programs."""
    demo = bed.add(Demo(bed))
    for arguments, status in ((("--count",), 2), (("--count", "x"), 2), (("stray",), 2), (("--help",), 0)):
        process = demo.start(*arguments)
        out, err = process.communicate(timeout=SECONDS)
        report.ok(process.returncode == status and "usage" in out + err, f"{' '.join(arguments)}: {status}", out + err)
    demo.env["OPENSCL_BUILD"] = bed.path("nothing")
    process = demo.start("--count", "1")
    out, err = process.communicate(timeout=SECONDS)
    report.ok(process.returncode == 1 and "OPENSCL_BUILD" in err, "no programs: it says so", out + err)
    demo.nothing_left(report, "misuse")


if __name__ == "__main__":
    reports.run(counted, interrupted, misused)
