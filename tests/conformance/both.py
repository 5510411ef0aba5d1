#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each case over HTTP and over CoAP, against a daemon of its own each: all that comes must be the same, by the
table of lib/coapmap.py, ids and times aside. Environment as of suite.sh, or options."""

import argparse
import concurrent.futures
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

from lib import casefile, compare     # noqa: E402
from lib.coapsink import CoapSinkServer     # noqa: E402
from lib.sink import SinkServer     # noqa: E402
from lib.suite import Suite     # noqa: E402

SHORT = "application-create,container,contentinstance,filter,http,json,partial,retarget,notify-json"
TOLD = ("status", "xpath", "json", "cbor")


def parse_arguments():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", metavar="PATH", help="program to start")
    parser.add_argument("--kind", choices=("nscl", "gscl", "dscl"), default="nscl", help="what it is")
    parser.add_argument("--only", metavar="GROUP,...", help="groups, cases or patterns of cases")
    parser.add_argument("--concurrency", type=int, default=1, help="cases at a time of one daemon: they see each other")
    options = parser.parse_args()
    if options.only is None:
        options.only = "" if os.environ.get("OPENSCL_LONG") else SHORT
    options.daemon = options.daemon or os.path.join(os.environ.get("builddir", "."), options.kind, options.kind)
    return options


def run(cases, options, transport, server):
    """The suite after a run over one transport."""
    settings = argparse.Namespace(
        target=None, daemon=options.daemon, kind=options.kind, engine="memory", release=2, slow=False, skip_tag=[],
        originator=None, context=None, verbose=False, keep=True, concurrency=options.concurrency, transport=transport,
        sinks=server("127.0.0.1"))
    suite = Suite(cases, settings)
    try:
        suite.run()
    finally:
        settings.sinks.close()
    return suite


def compare_case(case, http, coap):
    """(answers compared, lines of differences, left out) of a case that passed over both."""
    masks = compare.Masks(http), compare.Masks(coap)
    # A step that expects something else over one of them says itself how they differ.
    shared = [n for n in http.heard if n in coap.heard and not any(
        a.transport and a.source in TOLD for _, a in case.steps[n].expects)]
    came = [[m for sink in side.sinks.values() for m in sink.received] for side in (http, coap)]
    lines = []
    for number in shared:
        step = case.steps[number]
        found = compare.differences(http.heard[number], coap.heard[number], *masks)
        if found and step.kind == casefile.NOTIFY:
            # What is sent at the same time comes in any order, and of states that pass quickly one may be left out.
            pairs = [(http.heard[number], m) for m in came[1]] + [(m, coap.heard[number]) for m in came[0]]
            found = found if all(compare.differences(*pair, *masks) for pair in pairs) else []
        lines += [f"{case.name}:{step.line}: {d}" for d in found]
    return len(shared), lines, len(http.heard) - len(shared)


def main():
    """Entry point."""
    options = parse_arguments()
    only = [o for o in options.only.split(",") if o]
    cases = [casefile.load(path) for path in casefile.find([], os.path.join(HERE, "cases"), only)]
    http_only = sum(bool(c.http_only) for c in cases)
    cases = [c for c in cases if not c.http_only]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        http, coap = pool.map(lambda o: run(cases, options, *o), (("http", SinkServer), ("coap", CoapSinkServer)))
    compared = left_out = differ = both = 0
    for case in cases:
        outcomes = http.results[case.name].outcome, coap.results[case.name].outcome
        if outcomes != ("passed", "passed"):
            both += "failed" in outcomes
            differ += "failed" in outcomes
            continue
        both += 1
        answers, lines, omitted = compare_case(case, http.heard[case.name], coap.heard[case.name])
        compared, left_out, differ = compared + answers, left_out + omitted, differ + bool(lines)
        print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{compared} answers compared; HTTP-only: {http_only} cases, {left_out} answers of others")
    print(f"{both - differ} passed, {differ} failed")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
