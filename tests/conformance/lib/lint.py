# SPDX-License-Identifier: Apache-2.0
"""Checks case files without a target: variables, operands, request bodies against the schema."""

import re
import xml.etree.ElementTree as ElementTree

from . import casefile, report, xpath
from .body import build_body
from .expand import expand, names
from .fixtures import FIXTURES

_GIVEN = {"schemes", "base", "root", "origin", "hostport", "id", "ar", "runid", "other", "me", "mebasic"}
# Tags of cases whose requests are accepted although the schema does not.
_LIBERAL = {"unordered", "liberal"}
_ARRIVED = {"in_method", "in_path", "in_query", "in_id", "in_from"}
_NAMED = {casefile.SINK: ("",), casefile.PEER: ("", "id", "scl", "basic"), casefile.ENCODE: ("",),
          casefile.OBSERVE: ("",)}


def _defined_by(step):
    words = step.args.split()
    if step.kind in ("set", "save"):
        return {step.args.partition("=")[0].strip()}
    if step.kind == casefile.UPSTREAM:
        return {words[0], "upstream"}
    if step.kind in _NAMED:
        return {words[0] + suffix for suffix in _NAMED[step.kind]}
    if step.kind == "fixture":
        return {v for w in words for v in FIXTURES[w][1]}
    return set()


def _problems(case):
    if not case.title or "|" in case.title + "".join(case.clauses):
        yield 1, "the title is missing, or title or clause has a | (they stand in a table)"
    known, started = set(_GIVEN), set()
    for step in case.steps:
        if step.kind in (casefile.RAW, casefile.CLOSE) and not (case.http_only or step.http):
            yield step.line, f"{step.kind} is of HTTP alone: say so (http-only, http)"
        known |= set(step.bindings)
        if step.kind == "fixture" and not set(step.args.split()) <= set(FIXTURES):
            yield step.line, f"unknown fixture in '{step.args}'"
            continue
        texts = [step.args, *step.block, *step.bindings.values()]
        texts += [t for _, a in step.expects for t in (a.expr, a.operand)]
        missing = set().union(*(names(t) for t in texts)) - known
        missing -= _ARRIVED if step.kind == casefile.ANSWER else set()
        if missing:
            yield step.line, f"undefined {sorted(missing)}"
        for line, item in step.expects:
            try:
                _compile(item)
            except (re.error, xpath.XPathError) as error:
                yield line, str(error)
        words = step.args.split()
        if step.kind in (casefile.NOTIFY, casefile.QUIET, casefile.ANSWER, casefile.UNOBSERVE,
                         casefile.REJECT) and words[0] not in known:
            yield step.line, "unknown sink"
        if step.kind == casefile.ANSWER and len(step.options()[0]) != 4:
            yield step.line, "answer NAME METHOD PATH STATUS"
        if step.kind == casefile.START:
            started.add(words[0])
        if step.kind in (casefile.AWAIT, casefile.PENDING) and words[0] not in started:
            yield step.line, "no request of this name was started"
        if step.kind in (casefile.REQUEST, casefile.WAIT, casefile.AWAIT, casefile.OBSERVE) and not step.expects:
            yield step.line, "request without expectation"
        known |= _defined_by(step)


def _compile(item):
    if item.operator in ("~", "!~"):
        re.compile(re.sub(r"\$\{?\w+\}?", "x", item.operand))
    if item.source.endswith("xpath"):
        xpath.compile_path(re.sub(r"\$\{?\w+\}?", "x", item.expr))


def _is_document(case, body):
    """Is it a document the schema must accept? What is not well-formed is one that it does not."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return True
    return root.tag.startswith("{%s}" % xpath.PREFIXES["m2m"]) and not set(case.tags) & _LIBERAL


def _accepted_bodies(case):
    """XML request bodies the case expects to be accepted; not those with pieces of an answer in them."""
    fixed, pieces = {}, set()
    for step in case.steps:
        if step.kind == "save" and re.match(r"[^=]+=\s*body\b", step.args):
            pieces.add(step.args.partition("=")[0].strip())
        if step.kind == casefile.ENCODE:
            fixed[step.args.strip()] = "eA=="
        if step.kind == "set":
            name, _, text = step.args.partition("=")
            fixed[name.strip()] = expand(text.strip(), {**{n: "x" for n in names(text)}, **fixed})
        wanted = [a.operand for _, a in step.expects if a.source == "status"]
        headers, block = step.headers_and_body()
        typed = any(k.lower() == "content-type" for k, _ in headers)
        if step.kind != casefile.REQUEST or not wanted or wanted[0][0] != "2" or not block or typed or \
                pieces & names("\n".join(block)):
            continue
        variables = {n: "x" for n in names("\n".join([*block, *step.bindings.values()]))}
        variables.update(fixed)
        variables.update((n, expand(v, variables)) for n, v in step.bindings.items())
        body = build_body(block, variables)
        if body[:1] == b"<" and _is_document(case, body):
            yield case.name, step.line, body, 1 if "r1" in case.tags else 2


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
