# SPDX-License-Identifier: Apache-2.0
"""Fuzz targets under the address and undefined-behaviour sanitizers, built on the spot."""

import concurrent.futures
import os
import random
import shlex
import subprocess

from . import ROOT
from .bed import BUILD

SECONDS = 300
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
NO_PAIRING = "pairing_none.c"   # stands for it in a build without
DROPPED = ("-O", "-D_FORTIFY_SOURCE", "-U_FORTIFY_SOURCE", "-Werror")


class FuzzError(Exception):
    """The targets cannot be built."""


def _flags(build):
    env = {k: v for k, v in os.environ.items() if k != "MAKEFLAGS"}
    done = subprocess.run(["make", "-s", "--no-print-directory", "-C", build, "print-build"], capture_output=True,
                          text=True, timeout=SECONDS, env=env)
    if done.returncode != 0:
        return None
    return {k: shlex.split(v) for k, v in (line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)}


def _run(command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise FuzzError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")


def _configured():
    return os.path.abspath(os.environ.get("OPENSCL_CONFIGURED") or BUILD)


def has_pairing():
    """The build has pairings."""
    with open(os.path.join(_configured(), "config.h"), encoding="utf-8") as file:
        return "#define HAVE_PAIRING 1" in file.read()


class Targets:
    """Targets of the formats in folders of common/; sources that lie below BUILD take the place of those of the tree.

    There they stay for the next: what differs is told by the environment.
    """

    def __init__(self, bed, folders, names):
        self.build = _configured()
        self.directory, self.names = bed.path("fuzz") if BUILD == self.build else os.path.join(BUILD, "fuzz"), names
        if os.path.exists(os.path.join(self.directory, "complete")):
            return
        flags = _flags(self.build)
        if flags is None:
            raise FuzzError(f"{self.build} is not a build directory")
        os.makedirs(self.directory)
        self.objects = []
        self.compiler = flags["cc"] + flags["cppflags"] + ["-std=c17", *SANITIZERS]
        self.libraries = flags["libs"]
        jobs = [os.path.join("common", f, n) for f in folders for n in sorted(os.listdir(os.path.join(ROOT, "common", f)))
                if n.endswith(".c") and n != NO_PAIRING]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.objects = list(pool.map(self._compile, jobs))
            main = self._compile("tests/fuzz/main_corpus.c")
            list(pool.map(lambda name: self._link(name, main), names))
        with open(os.path.join(self.directory, "complete"), "w", encoding="ascii"):
            pass

    def _compile(self, name):
        """An object of the file."""
        source, target = os.path.join(BUILD, name), os.path.join(self.directory, name.replace("/", "_") + ".o")
        extra = []
        if BUILD != self.build and os.path.exists(source):
            extra = ["-D_GNU_SOURCE", "-include", os.path.join(BUILD, "switched_off.h"),
                     "-iquote", os.path.dirname(os.path.join(ROOT, name))]
        else:
            source = os.path.join(ROOT, name)
        _run([*self.compiler, *extra, "-c", "-o", target, source], self.build)
        return target

    def program(self, name):
        """Path of a target."""
        return os.path.join(self.directory, "fuzz_" + name)

    def _link(self, name, main):
        target = self._compile(f"tests/fuzz/fuzz_{name}.c")
        _run([*self.compiler, "-o", self.program(name), target, main, *self.objects, "common/libopenscl.a",
              *self.libraries], self.build)

    def feed(self, name, directory):
        """What a target says of the inputs of a directory: '' when nothing is wrong."""
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:strict_string_checks=1:abort_on_error=0"}
        try:
            done = subprocess.run([self.program(name), directory], capture_output=True, text=True, timeout=SECONDS,
                                  errors="replace", env=env)
        except subprocess.TimeoutExpired:
            return f"not through its inputs within {SECONDS} s"
        return "" if done.returncode == 0 else f"status {done.returncode}\n{done.stdout}{done.stderr}"


def corpus(name):
    """The inputs that are kept for a target."""
    directory = os.path.join(ROOT, "tests", "fuzz", "corpus", name)
    found = []
    for entry in sorted(os.listdir(directory)):
        with open(os.path.join(directory, entry), "rb") as file:
            found.append(file.read())
    return found


def _consistent(octets, at, size, before):
    """The same with its own length at its place, so that it is not refused for that alone."""
    total = (len(octets) - before) % (1 << 8 * size)
    return octets[:at] + total.to_bytes(size, "big") + octets[at + size:] if len(octets) >= at + size else octets


def resized(seed, octets, at, size, before=0):
    """Shorter and a little longer, with the length that the format has of itself: size octets at at; before are not counted."""
    dice = random.Random(seed)
    for n in range(len(octets)) if len(octets) <= 300 else sorted(dice.sample(range(len(octets)), 300)):
        yield _consistent(octets[:n], at, size, before)
    for n in (1, 2, 16, 48, 64, 300):
        yield _consistent(octets + bytes(dice.randrange(256) for _ in range(n)), at, size, before)


def mutations(seed, octets, many):
    """Truncated at every length, far too long, and many with octets changed, repeated, removed, put in."""
    dice = random.Random(seed)
    for n in range(len(octets)) if len(octets) <= 300 else sorted(dice.sample(range(len(octets)), 300)):
        yield octets[:n]
    for times in (2, 10, 100):
        yield octets * times
    for _ in range(many):
        changed = bytearray(octets)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(changed) + 1)
            kind = dice.randrange(5)
            if kind == 0 and at < len(changed):
                changed[at] ^= 1 << dice.randrange(8)
            elif kind == 1 and at < len(changed):
                changed[at] = dice.choice((0, 1, 0x7f, 0x80, 0xff))
            elif kind == 2:
                del changed[at:at + dice.randrange(1, 9)]
            elif kind == 3:
                changed[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
            else:
                changed[at:at] = changed[at:at + dice.randrange(1, 300)]
        yield bytes(changed)


def write_inputs(directory, inputs):
    """Files of the inputs; their number."""
    os.makedirs(directory)
    count = 0
    for count, octets in enumerate(inputs, 1):
        with open(os.path.join(directory, f"{count:06d}"), "wb") as file:
            file.write(octets)
    return count
