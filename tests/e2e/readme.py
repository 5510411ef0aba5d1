#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell examples of the documentation do what they say; see README.md for how they are marked.

usage: readme.py [FILE.md]...
"""

import functools
import glob
import os
import re
import signal
import subprocess
import sys

from demo import Demo, SCRIPT
from lib import ROOT
from lib import report as reports
from lib.bed import BUILD, pick_port, wait_for

SECONDS = 300
PORTS = (18080, 18081, 18082, 18083, 18084, 18085, 18086)       # of the demonstration, as the documents write them
MORE_PORTS = (18090, 18091, 18092, 18093)       # of what a document starts itself
FENCE = re.compile(r"^(`{3,}|~{3,})\s*(.*?)\s*$")
ALWAYS, PAIRING = "sh test", "sh test pairing"  # blocks that are run; in builds with a pairing
LINKED = ("nscl", "gscl", "dscl", "docs", "xsd", "tests/conformance", "README.md")


class Example:
    """One block; expected is None without an output block."""

    def __init__(self, kind, line, text):
        self.kind, self.line, self.text, self.expected = kind, line, text, None


def examples(path):
    """The examples of a document in order."""
    found, fence, kind, lines, start = [], None, "", [], 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = FENCE.match(line)
            if fence is None and match:
                fence, kind, lines, start = match.group(1), match.group(2), [], number
            elif fence and match and match.group(1).startswith(fence) and not match.group(2):
                _take(found, kind, start, "".join(lines))
                fence = None
            elif fence:
                lines.append(line)
    return [e for e in found if e.kind == ALWAYS or has_pairing()]


@functools.cache
def has_pairing():
    """False for a build without, in which the blocks that need one are left out."""
    for path in ("common/cli/m2m-pre", "bin/m2m-pre"):
        tool = os.path.join(BUILD, path)
        if os.access(tool, os.X_OK):
            return b"pairing: none" not in subprocess.run([tool, "--version"], stdout=subprocess.PIPE, check=True).stdout
    return False


def _take(found, kind, line, text):
    if kind in (ALWAYS, PAIRING):
        found.append(Example(kind, line, text))
    elif kind == "output" and found and found[-1].expected is None:
        found[-1].expected = text


def matches(expected, got):
    """`...` in a line stands for any text of the line, a line `...` for any lines."""
    parts = []
    for line in expected.strip("\n").split("\n"):
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p.rstrip() if not p.strip() else p) for p in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.fullmatch("".join(parts), got.strip("\n") + "\n") is not None


def farm(target):
    """Directory in which the source tree and the build lie over each other, as links."""
    for top in LINKED:
        for root in (ROOT, BUILD):
            source = os.path.join(root, top)
            if os.path.isfile(source):
                _link(source, os.path.join(target, top))
            for place, _, names in os.walk(source):
                there = os.path.join(target, os.path.relpath(place, root))
                os.makedirs(there, exist_ok=True)
                for name in names:
                    _link(os.path.join(place, name), os.path.join(there, name))


def _link(source, target):
    if not os.path.lexists(target):
        os.symlink(source, target)


class Document:
    """One document with a demonstration of its own."""

    def __init__(self, report, bed, path):
        self.report, self.bed, self.path = report, bed, path
        self.name = os.path.relpath(path, ROOT)
        self.examples = examples(path)
        self.scratch = bed.path("tree")
        os.makedirs(self.scratch)
        farm(self.scratch)
        self.demo = bed.add(Demo(bed))
        self.ports = [*zip(PORTS, self.demo.ports), *((written, pick_port()) for written in MORE_PORTS)]

    def translate(self, text, back=False):
        """Ports of the documents to those of the demonstration, or back."""
        for written, real in self.ports:
            text = re.sub(rf"\b{real if back else written}\b", str(written if back else real), text)
        return text

    def script(self):
        """All blocks as one script; the output and status of each in files."""
        parts = []
        for number, example in enumerate(self.examples):
            place = self.bed.path(f"block{number}")
            parts.append(f"exec >{place}.out 2>&1\n{self.translate(example.text)}\necho $? >{place}.status\n")
        path = self.bed.path("script.sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(parts))
        return path

    def run(self):
        """Results: one per block, and the clean end of the demonstration."""
        started = self.demo.start()
        log = os.path.join(self.demo.data, "watcher.log")
        if not wait_for(lambda: os.path.exists(log) or started.poll() is not None) or started.poll() is not None:
            self.report.ok(False, f"{self.name}: the demonstration runs", self.demo.logs())
            return
        path = os.pathsep.join([os.path.join(BUILD, d) for d in
                                ("nscl", "gscl", "dscl", "common/cli", "docs/examples/hostmon", "docs/examples/watcher")])
        env = {**os.environ, "OPENSCL_BUILD": BUILD, "OPENSCL_DATA": self.demo.data, "PATH": path + os.pathsep + os.environ["PATH"],
               "TMPDIR": self.demo.temporary, "HOME": self.scratch}
        shell = subprocess.Popen(["sh", self.script()], cwd=self.scratch, env=env, stdin=subprocess.DEVNULL,
                                 start_new_session=True)
        try:
            shell.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        for number, example in enumerate(self.examples):
            self.judge(number, example)
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=SECONDS)
        self.report.equal(started.returncode, 0, f"{self.name}: the demonstration ends")

    def judge(self, number, example):
        """One block."""
        name, place = f"{self.name}:{example.line}", self.bed.path(f"block{number}")
        got = self.translate(_read(f"{place}.out"), back=True)
        status = _read(f"{place}.status").strip()
        self.report.ok(status == "0", f"{name}: status", f"{status or 'not finished'}\n{example.text}\n{got}")
        if example.expected is not None:
            self.report.ok(matches(example.expected, got), f"{name}: output", f"expected\n{example.expected}\ngot\n{got}")


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def parts():
    """One part per document that has examples."""
    found = [os.path.abspath(p) for p in sys.argv[1:]] or sorted(
        [os.path.join(ROOT, "README.md"), *glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True)])
    made = []
    for path in found:
        if os.path.exists(path) and examples(path):
            def part(report, bed, path=path):
                Document(report, bed, path).run()
            part.__doc__ = os.path.relpath(path, ROOT)
            made.append(part)
    return made


def none(report, _bed):
    """No examples."""
    report.skip("documents", f"none has a block `sh test` (demonstration: {SCRIPT})")


if __name__ == "__main__":
    reports.run(*(parts() or [none]))
