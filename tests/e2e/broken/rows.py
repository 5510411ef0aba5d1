#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Can the threat tests fail? Builds daemons whose checks can be switched off, and demands that the attack succeeds."""

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
E2E = os.path.dirname(HERE)
sys.path.append(os.path.join(os.path.dirname(E2E), "conformance", "broken"))

from broken import ListError, VARIABLE, build_flags, make_daemons, mutate, read_list, run_in    # noqa: E402  pylint: disable=C0413

# Rows of the table of threats and the script that has them.
SCRIPTS = {str(row): "threats_boot.py" if row in (*range(17, 29), 49, 50) else "threats_mid.py"
           for row in (*range(1, 29), 43, 49, 50, 51, 52, 53, 54)}
SCRIPTS |= {str(row): "threats_mpa.py" for row in range(36, 39)}
SCRIPTS |= {"44": "geo.py", "52": "threats_formats.py"}
SCRIPTS |= {str(row): "threats_mtc.py" for row in (42, 45, 46, 47, 48)}
SCRIPTS |= {str(row): "threats_proxy.py" for row in range(60, 78)}
SCRIPTS |= {str(row): "threats_sga.py" for row in range(80, 100)}
SCRIPTS |= {str(row): "threats_gaka.py" for row in range(31, 36)}
SCRIPTS |= {str(row): "threats_sd.py" for row in (39, 40, 41)}
# Programs of unit tests that are rows, too; print-build tells what they are linked of.
UNITS = ("test_coap_dtls", "test_coap_dtls_certs", "test_coap_dtls_out", "test_coap_front", "test_coap_front_dtls",
         "test_coap_observe_dtls")
KINDS = ("nscl", "gscl", "dscl")
TOOL, TOOL_FILES = "m2m-pre", "common/pre/"    # the sources of threats_proxy.py are this command
SKIPPED = 77        # exit status of a row that cannot be tested in this build, or on this host
HELPER = "-"        # row of what is switched off only together with another
DEMANDED = ("row", "file", "text", "broken")
SECONDS = 600
JOBS = os.cpu_count()


@dataclasses.dataclass
class Check:
    """One expression that can be switched off."""
    name: str
    row: str = ""
    file: str = ""
    text: str = ""
    broken: str = ""
    also: str = ""      # names of others that are switched off with it
    only: str = ""      # the formats of row 52 to be fed
    says: str = ""      # regular expression: what must be among the failures

    def off(self):
        """Value of the variable."""
        return ",".join([self.name, *self.also.split(",")]) if self.also else self.name


class Rows:
    """Runs single rows against the daemons in a copy."""

    def __init__(self, build, copy):
        self.build, self.copy = build, copy

    def run(self, row, off="", only=""):
        """(exit status, names of the results that failed, output)"""
        if row in UNITS:
            return self.run_unit(row, off)
        path = os.path.join(E2E, SCRIPTS[row])
        env = {**os.environ, "OPENSCL_BUILD": self.copy, "OPENSCL_CONFIGURED": self.build, VARIABLE: off,
               "OPENSCL_FORMATS": only}
        env.pop("OPENSCL_LONG", None)
        done = subprocess.run([sys.executable, "-B", path, "--row", row], stdin=subprocess.DEVNULL, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        return done.returncode, re.findall(r"^not ok \d+ - (.*)", done.stdout, re.M), done.stdout

    def run_unit(self, row, off):
        """The same of a program of unit tests: the names are those of its tests."""
        done = subprocess.run([os.path.join(self.copy, "bin", row)], cwd=self.build, stdin=subprocess.DEVNULL, text=True,
                              env={**os.environ, VARIABLE: off}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SECONDS, check=False)
        found = re.findall(r"^[^:\n]+:\d+:([FE]):[^:\n]*:(\w+):", done.stdout, re.M)
        failed = [f"row {row}: {test}" + (": interrupted" if kind == "E" else "") for kind, test in found]
        return done.returncode, failed, done.stdout

    def green(self, row):
        """(line for the report, did everything hold) with nothing switched off; None: it was not tested."""
        status, _, text = self.run(row)
        if status == SKIPPED:
            return f"row {row}: skipped\n", None
        return (f"row {row}: not green with nothing switched off\n{text}" if status else "", status == 0)

    def red(self, check):
        """(line for the report, did the attack succeed); None: it was not tested."""
        status, failed, text = self.run(check.row, check.off(), check.only)
        if status == SKIPPED:
            return f"{check.name}: skipped", None
        # A script that goes on after the attack may stumble over it; a daemon that ends is something else.
        dead = [f for f in failed if re.search(r": (clean end|interrupted)$", f)]
        attacks = [f for f in failed if f.startswith(f"row {check.row}:") and re.search(check.says, f)
                   and not re.search(r": (\w*Error|NotSent|Unknown|Refused)$", f)]
        if dead:
            return f"{check.name}: the daemon does not survive it: let 'broken' be a wrong answer\n{text}", False
        if status == 0 or not attacks:
            return f"{check.name}: row {check.row} holds without it\n{text}", False
        return f"{check.name}: {attacks[0]}", True


def in_order(row):
    """Key to sort rows by: numbers, then names."""
    return (0, int(row), "") if row.isdigit() else (1, 0, row)


def make_units(build, copy, checks, names):
    """Link the programs before their library with what make_daemons has compiled of the files that their checks name."""
    if not names:
        return
    helpers = {name for c in checks if c.row in UNITS for name in (c.name, *c.also.split(","))}
    objects = sorted({os.path.join(copy, c.file.removesuffix(".c") + ".o") for c in checks if c.name in helpers})
    run_in(["make", "-s", *(f"tests/unit/{name}" for name in names)], build)
    flags = {k: shlex.split(v) for k, v in build_flags(build).items()}
    for name in names:
        run_in([*flags["cc"], *flags["ldflags"], "-o", os.path.join(copy, "bin", name), *objects, *flags[name],
                *flags["libs"]], build)


def make_tool(build, copy, checks):
    """Link the command before its library with what make_daemons has compiled of its files."""
    objects = sorted({os.path.join(copy, c.file.removesuffix(".c") + ".o") for c in checks if c.file.startswith(TOOL_FILES)})
    run_in(["make", "-s", f"common/cli/{TOOL}"], build)
    flags = {k: shlex.split(v) for k, v in build_flags(build).items()}
    run_in([*flags["cc"], *flags["ldflags"], "-o", os.path.join(copy, "bin", TOOL), *objects, *flags[TOOL], *flags["libs"]], build)


def judge(rows, checks):
    """Green, then red; prints what was seen; exit status."""
    numbers = sorted({c.row for c in checks}, key=in_order)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        held = dict(zip(numbers, pool.map(rows.green, numbers)))
        print(*(line for line, good in held.values() if not good), sep="\n", end="")
        checks = [c for c in checks if held[c.row][1] is not None]
        results = list(pool.map(rows.red, [c for c in checks if held[c.row][1]]))
    print(*(line for line, _ in results), sep="\n")
    caught, skipped = sum(good is True for _, good in results), sum(good is None for _, good in results)
    failed = len(checks) - caught - skipped
    print(f"{caught} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def chosen_of(checks, only):
    """Those whose name or row is asked for; all without only."""
    chosen = [c for c in checks if c.row != HELPER and (not only or c.name in only or c.row in only)]
    missing = set(only) - {c.name for c in chosen} - {c.row for c in chosen}
    if missing:
        raise ListError(f"not in the list: {', '.join(sorted(missing))}")
    return chosen


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="source tree")
    parser.add_argument("--build", required=True, help="directory where it was built")
    parser.add_argument("--only", default="", metavar="NAME|ROW,...", help="switch off these alone")
    parser.add_argument("--verify", action="store_true", help="only look whether the list fits sources and rows")
    options = parser.parse_args()
    source, build = os.path.abspath(options.source), os.path.abspath(options.build)
    try:
        checks = read_list(os.path.join(HERE, "rows.list"), Check, DEMANDED, ("also", "only", "says"))
        untested = sorted({*SCRIPTS, *UNITS} - {c.row for c in checks}, key=in_order)
        unknown = sorted({c.row for c in checks} - {*SCRIPTS, *UNITS, HELPER})
        if untested or unknown:
            raise ListError(f"rows without an entry: {untested}; entries without a row: {unknown}")
        if options.verify:
            mutate(source, checks)
            print(f"{len(checks)} checks can be switched off")
            return 0
        chosen = chosen_of(checks, [n for n in options.only.split(",") if n])
        with tempfile.TemporaryDirectory(prefix="scl-rows.") as copy:
            units = sorted({c.row for c in chosen} & set(UNITS))
            make_daemons(source, build, copy, checks, KINDS if {c.row for c in chosen} - set(units) else ())
            make_units(build, copy, checks, units)
            if any(SCRIPTS.get(c.row) == "threats_proxy.py" for c in chosen):
                make_tool(build, copy, checks)
            return judge(Rows(build, copy), chosen)
    except (ListError, subprocess.SubprocessError) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
