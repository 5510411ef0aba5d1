#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Can the conformance suite fail? Builds daemons whose checks can be switched off, and demands red.

What reads lists and builds is also that of tests/e2e/broken.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RUNNER = os.path.join(os.path.dirname(HERE), "conformance")
VARIABLE = "OPENSCL_SWITCHED_OFF"
HEADER = f"""/* Test-only build: expressions that an environment variable switches off; names, comma between. */
#ifndef SWITCHED_OFF_H
#define SWITCHED_OFF_H
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline bool
switched_off(const char *name)
{{
	const char *off = getenv("{VARIABLE}");
	size_t n = strlen(name);

	while (off != NULL && (strncmp(off, name, n) != 0 || (off[n] != '\\0' && off[n] != ','))) {{
		off = strchr(off, ',');
		off = off == NULL ? NULL : off + 1;
	}}
	return off != NULL;
}}
#endif
"""
FIELDS = ("file", "text", "broken", "cases")


class ListError(Exception):
    """The list does not fit the sources."""


@dataclasses.dataclass
class Check:
    """One expression that can be switched off."""
    name: str
    file: str = ""
    text: str = ""
    broken: str = ""
    cases: str = ""
    kind: str = "nscl"
    transport: str = "http"


def read_list(path, kind=Check, demanded=FIELDS, optional=("kind", "transport")):
    """All checks of the list, in its order; kind has the attributes demanded and optional."""
    checks = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]"):
                checks.append(kind(line[1:-1]))
                continue
            key, _, value = line.partition(" ")
            if not checks or key not in (*demanded, *optional):
                raise ListError(f"{path}:{number}: '{key}' is not known here")
            setattr(checks[-1], key, value.strip())
    for check in checks:
        missing = [f for f in demanded if not getattr(check, f)]
        if missing:
            raise ListError(f"{check.name}: {', '.join(missing)} missing")
    names = [c.name for c in checks]
    if len(set(names)) != len(names):
        raise ListError("a name stands twice")
    return checks


def mutate(source, checks):
    """{file: text with all its switches}; raises ListError when a text is not there exactly once."""
    found, problems = {}, []
    for check in checks:
        if check.file not in found:
            try:
                with open(os.path.join(source, check.file), encoding="utf-8") as file:
                    found[check.file] = file.read()
            except OSError as error:
                problems.append(f"{check.name}: {error}")
                continue
        # Names do not end inside of other names.
        pattern = rf"(?<!\w){re.escape(check.text)}(?!\w)"
        hits = len(re.findall(pattern, found[check.file]))
        if hits != 1:
            problems.append(f"{check.name}: its text stands {hits} times in {check.file}, not once: {check.text}")
            continue
        keyword, text = ("return ", check.text[7:]) if check.text.startswith("return ") else ("", check.text)
        switch = f'{keyword}(switched_off("{check.name}") ? ({check.broken}) : ({text}))'
        found[check.file] = re.sub(pattern, lambda _, s=switch: s, found[check.file])
    if problems:
        raise ListError("\n".join([*problems, "adapt broken/checks.list to the sources"]))
    return found


def build_flags(build):
    """How the build directory compiles and links: variables of make print-build."""
    done = subprocess.run(["make", "-s", "--no-print-directory", "-C", build, "print-build"], check=True,
                          stdout=subprocess.PIPE, env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)


def run_in(command, build):
    """A step of the build, in the build directory."""
    done = subprocess.run(command, cwd=build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
    if done.returncode != 0:
        raise ListError(f"{shlex.join(command)}\n{done.stdout.decode(errors='replace')}")


def make_daemons(source, build, copy, checks, kinds):
    """Compile the switched sources and link them before the library; {kind: program}, which is copy/bin/kind."""
    flags = {k: shlex.split(v) for k, v in build_flags(build).items()}
    header = os.path.join(copy, "switched_off.h")
    with open(header, "w", encoding="utf-8") as file:
        file.write(HEADER)
    objects = []
    for name, text in mutate(source, checks).items():
        path = os.path.join(copy, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        objects.append(path.removesuffix(".c") + ".o")
    compile_one = [*flags["cc"], *flags["cppflags"], *flags["cflags"], "-D_GNU_SOURCE", "-Wno-error", "-include", header,
                   "-c"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda o: run_in([*compile_one, "-o", o, o.removesuffix(".o") + ".c"], build), objects))
    programs = {}
    os.mkdir(os.path.join(copy, "bin"))
    for kind in sorted(kinds):
        programs[kind] = os.path.join(copy, "bin", kind)
        run_in([*flags["cc"], *flags["ldflags"], "-o", programs[kind], f"{kind}/main.o", *objects,
             *flags[kind], *flags["libs"]], build)
    return programs


def failing(program, kind, transport, cases, name):
    """(names of the cases that fail, output) of a run with one check switched off, or none."""
    command = [sys.executable, "-B", RUNNER, "--daemon", program, "--kind", kind, "--only", cases,
               "--transport", transport,
               "--concurrency", "8"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, VARIABLE: name}, check=False)
    text = done.stdout.decode(errors="replace")
    if not re.search(r"^\d+ passed, \d+ failed", text, re.M):
        return None, text
    return re.findall(r"^failed +([\w.-]+):", text, re.M), text


def green(programs, checks):
    """With nothing switched off nothing fails."""
    good = True
    for kind, transport in sorted({(c.kind, c.transport) for c in checks}):
        groups = sorted({g for c in checks if (c.kind, c.transport) == (kind, transport) for g in c.cases.split(",")})
        failed, text = failing(programs[kind], kind, transport, ",".join(groups), "")
        if failed is None or failed:
            good = False
            print(f"not green with nothing switched off ({kind}, {transport}):\n{text}")
    return good


def red(programs, check):
    """(line for the report, did a case fail)."""
    failed, text = failing(programs[check.kind], check.kind, check.transport, check.cases, check.name)
    if failed is None:
        return f"{check.name}: the run itself failed\n{text}", False
    if "the daemon ended with" in text:
        return f"{check.name}: the daemon does not survive without it: let 'broken' be a wrong answer\n{text}", False
    if not failed:
        return f"{check.name}: no case of {check.cases} fails without it", False
    return f"{check.name}: {', '.join(failed[:6])}{' ...' if len(failed) > 6 else ''}", True


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="source tree")
    parser.add_argument("--build", required=True, help="directory where it was built")
    parser.add_argument("--only", default="", metavar="NAME,...", help="switch off these alone")
    parser.add_argument("--verify", action="store_true", help="only look whether the list fits the sources")
    options = parser.parse_args()
    try:
        checks = read_list(os.path.join(HERE, "checks.list"))
        if options.verify:
            mutate(options.source, checks)
            print(f"{len(checks)} checks can be switched off")
            return 0
        with tempfile.TemporaryDirectory(prefix="scl-broken.") as copy:
            programs = make_daemons(os.path.abspath(options.source), os.path.abspath(options.build), copy, checks,
                                    {c.kind for c in checks})
            return judge(programs, checks, [n for n in options.only.split(",") if n])
    except (ListError, subprocess.CalledProcessError) as error:
        print(error)
        return 1


def judge(programs, checks, only):
    """Run green and red; print which case caught which; returns the exit code."""
    chosen = [c for c in checks if not only or c.name in only]
    if len(chosen) < len(only):
        raise ListError(f"not in the list: {', '.join(set(only) - {c.name for c in chosen})}")
    if not green(programs, chosen):
        return 1
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda c: red(programs, c), chosen))
    print(*(line for line, _ in results), sep="\n")
    caught = sum(good for _, good in results)
    print(f"{caught} passed, {len(results) - caught} failed")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
