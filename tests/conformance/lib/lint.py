# SPDX-License-Identifier: Apache-2.0
"""Checks case files without a target: variables, operands, request bodies against the schema."""

import re
import xml.etree.ElementTree as ElementTree

from . import casefile, report, xpath
from .execute import build_body
from .expand import expand, names

_GIVEN = {"base", "root", "origin", "hostport", "id", "ar", "runid", "other", "me"}
_FIXTURES = {"application": {"app"}, "container": {"app", "c", "ci"}, "scl": {"sclid", "sclme", "scl"}}


def _defined_by(step):
    words = step.args.split()
    if step.kind in ("set", "save"):
        return {step.args.partition("=")[0].strip()}
    if step.kind == "sink":
        return {words[0]}
    if step.kind == "fixture":
        return _FIXTURES[words[0]]
    return set()


def _problems(case):
    known = set(_GIVEN)
    for step in case.steps:
        known |= set(step.bindings)
        texts = [step.args, *step.block, *step.bindings.values()]
        texts += [t for _, a in step.expects for t in (a.expr, a.operand)]
        missing = set().union(*(names(t) for t in texts)) - known
        if missing:
            yield step.line, f"undefined {sorted(missing)}"
        for line, item in step.expects:
            if item.operator in ("~", "!~"):
                re.compile(re.sub(r"\$\{?\w+\}?", "x", item.operand))
            if item.source.endswith("xpath"):
                xpath.compile_path(re.sub(r"\$\{?\w+\}?", "x", item.expr))
        if step.kind in (casefile.NOTIFY, casefile.QUIET) and step.args.split()[0] not in known:
            yield step.line, "unknown sink"
        if step.kind in (casefile.REQUEST, casefile.WAIT) and not step.expects:
            yield step.line, "request without expectation"
        known |= _defined_by(step)


def _accepted_bodies(case):
    """XML request bodies the case expects to be accepted."""
    fixed = {}
    for step in case.steps:
        if step.kind == "set":
            name, _, text = step.args.partition("=")
            fixed[name.strip()] = expand(text.strip(), {**{n: "x" for n in names(text)}, **fixed})
        wanted = [a.operand for _, a in step.expects if a.source == "status"]
        headers, block = step.headers_and_body()
        typed = any(k.lower() == "content-type" for k, _ in headers)
        if step.kind != casefile.REQUEST or not wanted or wanted[0][0] != "2" or not block or typed:
            continue
        variables = {n: "x" for n in names("\n".join([*block, *step.bindings.values()]))}
        variables.update(fixed)
        variables.update((n, expand(v, variables)) for n, v in step.bindings.items())
        body = build_body(block, variables)
        if body[:1] != b"<":
            continue
        root = ElementTree.fromstring(body)
        if root.tag.startswith("{%s}" % xpath.PREFIXES["m2m"]) and "unordered" not in case.tags:
            yield case.name, step.line, body


def check(cases, xsd_check):
    """Print problems; returns the exit code."""
    failures = [(c.name, line, text) for c in cases for line, text in _problems(c)]
    bodies = [b for c in cases for b in _accepted_bodies(c)]
    if xsd_check:
        failures += list(report.check_documents(xsd_check, bodies))
    for name, line, text in failures:
        print(f"{name}:{line}: {text}")
    print(f"{len(cases)} cases, {len(bodies)} accepted request bodies, {len(failures)} problems")
    return 1 if failures else 0
