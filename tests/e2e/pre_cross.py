#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proxy re-encryption checked across: its known answers from textbook formulas in PARI/GP (pari/pairing.gp), which know
nothing of a tower of fields, and its unit tests on aarch64, where the provider of the pairing has other assembly."""

import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess

from lib import ROOT
from lib import report as reports
from lib.bed import BUILD

SECONDS = 600
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"
LIBRARIES = "/usr/lib/aarch64-linux-gnu"
NEEDED = ("libcrypto.so", "libcheck.a", "libsubunit.a")
TESTS = ("afgh", "afgh_refused", "pre_octets", "pre_unit")
LONG_TESTS = ("afgh_threads", "pre_chain", "pre_keys", "pre_opening", "pre_messages", "pre_stream")
BEDS = ("afgh_bed", "pre_flow")


def known():
    """The known answers, by name."""
    with open(os.path.join(ROOT, "tests", "e2e", "noble", "kat.json"), encoding="ascii") as file:
        return json.load(file)


def textbook(report, _bed):
    """The pairing and the scheme, by PARI/GP."""
    if shutil.which("gp") is None:
        report.skip("PARI/GP", "no gp (package pari-gp)")
        return
    answers = known()
    scalars = ", ".join("0x" + answers[name] for name in ("a1", "b2", "r", "m"))
    done = subprocess.run(["gp", "-q", "-f", os.path.join(ROOT, "tests", "e2e", "pari", "pairing.gp")], text=True,
                          input=f"kat({scalars})\n", capture_output=True, timeout=SECONDS, check=False)
    computed = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    report.equal(len(computed), 15, "answers of gp", done.stderr)
    for name, value in computed.items():
        name = name.replace("_", " ")
        if name in ("sink", "owner"):
            report.equal(value, "1", f"K of the {name}")
        elif len(value) > len(answers[name]):
            report.equal(hashlib.sha256(bytes.fromhex(value)).hexdigest(), answers[name], name)
        else:
            report.equal(value, answers[name], name)
    if "Z_raw" in computed:
        report.equal(computed["Z_raw"][:len(answers["Z begins"])], answers["Z begins"], "Z begins")


class Cross:
    """The sources of this tree for aarch64, as they are configured here."""

    def __init__(self, directory):
        self.directory = directory
        with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
            self.blst = re.search(r"^BLST_DIR = (.+)$", file.read(), re.M)
        self.blst = self.blst and os.path.join(BUILD, self.blst[1].strip())

    def why_not(self):
        """Why it cannot be built here, or ''."""
        for tool, package in ((COMPILER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user-static")):
            if shutil.which(tool) is None:
                return f"no {tool} (package {package})"
        missing = [name for name in NEEDED if not os.path.exists(os.path.join(LIBRARIES, name))]
        if missing:
            return f"no {', '.join(missing)} (packages libssl-dev:arm64, check:arm64, libsubunit-dev:arm64)"
        return "" if self.blst and os.path.isdir(self.blst) else "built without sources of the pairing"

    def run(self, *arguments):
        """The compiler."""
        include = [os.path.join(ROOT, "common"), os.path.join(ROOT, "tests", "unit"), BUILD,
                   os.path.join(self.blst, "bindings")]
        subprocess.run([COMPILER, "-std=gnu17", "-O2", "-DHAVE_CONFIG_H", *(f"-I{path}" for path in include),
                        "-idirafter", "/usr/include/x86_64-linux-gnu", *arguments], check=True, capture_output=True,
                       cwd=self.directory, timeout=SECONDS)

    def object(self, source):
        """What a source becomes."""
        name = source.replace("/", "_") + ".o"
        self.run("-c", source, "-o", name)
        return name

    def library(self):
        """An archive of what the tests may need: the linker takes what they do."""
        sources = [path for folder in ("base", "sec", "pre")
                   for path in glob.glob(os.path.join(ROOT, "common", folder, "*.c")) if "pairing_none" not in path]
        sources += [os.path.join(self.blst, "src", "server.c"), os.path.join(self.blst, "build", "assembly.S")]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(self.object, sources))
        subprocess.run(["aarch64-linux-gnu-ar", "rcs", "libpre.a", *objects], check=True, cwd=self.directory)

    def test(self, name):
        """(status, output) of a program of unit tests."""
        beds = [os.path.join(ROOT, "tests", "unit", f"{bed}.c") for bed in BEDS]
        self.run(os.path.join(ROOT, "tests", "unit", f"test_{name}.c"), *beds, "libpre.a", "-lcheck", "-lsubunit", "-lcrypto",
                 "-lm", "-lrt", "-lpthread", "-o", name)
        done = subprocess.run([EMULATOR, "-L", "/", "-E", f"LD_LIBRARY_PATH={LIBRARIES}", f"./{name}"], text=True,
                              env={"CK_FORK": "no"}, capture_output=True, cwd=self.directory, timeout=SECONDS,
                              check=False)
        return done.returncode, done.stdout + done.stderr


def aarch64(report, bed):
    """Keys, encodings and messages, by the unit tests."""
    cross = Cross(bed.path("aarch64"))
    why = cross.why_not() or ("" if reports.LONG else "only in the long form")
    if why:
        report.skip("aarch64", why)
        return
    os.mkdir(cross.directory)
    try:
        cross.library()
        for name in TESTS + LONG_TESTS:
            status, output = cross.test(name)
            report.ok(status == 0 and "100%: Checks: " in output, f"aarch64: test_{name}", output)
    except subprocess.CalledProcessError as failure:
        report.ok(False, "aarch64", failure.stderr.decode(errors="replace"))


if __name__ == "__main__":
    reports.run(textbook, aarch64)
