# SPDX-License-Identifier: Apache-2.0
"""Reads a case file into steps. The format is described in README.md."""

import dataclasses
import fnmatch
import os
import re

from . import assertion

REQUEST, RAW, WAIT, NOTIFY, QUIET = "request", "raw", "wait-until", "notify", "no-notify"
START, AWAIT, PENDING, PART, ENCODE, ANSWER = "start", "await", "pending", "part", "encode", "answer"
OBSERVE, UNOBSERVE, REJECT = "observe", "unobserve", "reject"
SINK, PEER, UPSTREAM, CLOSE = "sink", "peer", "upstream", "expect-close"
_DIRECTIVES = ("clause", "kinds", "slow", "exclusive", "config", "tag", "release",
               "http-only", "coap-only")
_STEPS = ("set", "save", "fixture", "sleep", "restart", CLOSE, RAW, WAIT, NOTIFY, QUIET,
          START, AWAIT, PENDING, PART, ENCODE, ANSWER, SINK, PEER, UPSTREAM, OBSERVE, UNOBSERVE, REJECT)
JUDGED = (REQUEST, RAW, WAIT, NOTIFY, AWAIT, PART, OBSERVE, UNOBSERVE)
# Words a step must have at least.
_WORDS = {REQUEST: 2, WAIT: 2, START: 3, ANSWER: 4, PART: 2, OBSERVE: 2, "set": 2, "save": 3, "restart": 0,
          CLOSE: 0, RAW: 0}
# How a daemon comes to register with the NSCL of an upstream line.
UPSTREAM_OPTIONS = (("register.nscl", "$upstream"), ("register.retry", "200 ms"),
                    ("register.retry_max", "1 s"))
_EXPECTATIONS = ("<", "<1", "<2", "<http", "<coap")
_BLOCKS = ("foreach ", "http ")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):\s?(.*)$")


class CaseError(ValueError):
    """The case file is not well-formed."""


@dataclasses.dataclass
class Step:
    """One directive with its indented block and the '<' lines that follow it."""
    kind: str
    line: int
    args: str
    block: list = dataclasses.field(default_factory=list)
    expects: list = dataclasses.field(default_factory=list)
    bindings: dict = dataclasses.field(default_factory=dict)
    http: str = ""      # why it is of HTTP alone

    def options(self):
        """(words, {key: value}) of the arguments."""
        words, keys = [], {}
        for word in self.args.split():
            key, sep, value = word.partition("=")
            if sep and re.fullmatch(r"[a-z]+", key):
                keys[key] = value
            else:
                words.append(word)
        return words, keys

    def headers_and_body(self):
        """Leading 'Name: value' lines of the block, then the rest."""
        headers, rest = [], list(self.block)
        while rest:
            match = _HEADER.match(rest[0])
            if not match:
                break
            headers.append(match.groups())
            rest.pop(0)
        return headers, rest


@dataclasses.dataclass
class Case:
    """A parsed case file."""
    path: str
    name: str
    title: str = ""
    clauses: list = dataclasses.field(default_factory=list)
    kinds: list = dataclasses.field(default_factory=list)
    tags: list = dataclasses.field(default_factory=list)
    config: list = dataclasses.field(default_factory=list)
    release: int = 0
    http_only: str = ""
    coap_only: bool = False
    slow: bool = False
    exclusive: bool = False
    steps: list = dataclasses.field(default_factory=list)

    @property
    def group(self):
        """Cases of one group share a daemon; a case with options has its own."""
        return self.name if self.options() else self.name.split("-")[0]

    def has(self, kind):
        """Is there a step of this kind?"""
        return any(s.kind == kind for s in self.steps)

    def options(self):
        """Options of the daemon the case needs for itself alone."""
        return self.config + [f"{k}={v}" for k, v in UPSTREAM_OPTIONS if self.has(UPSTREAM)]


def _unroll(lines, path):
    """Expand foreach ... end, mark http ... end; yields (number, text, bindings, why of HTTP alone)."""
    out = []

    def emit(begin, stop, bindings, http):
        index = begin
        while index < stop:
            number, text = lines[index]
            if text.startswith("foreach"):
                close = _matching_end(lines, index, path)
                for row in _rows(text, number, path):
                    emit(index + 1, close, {**bindings, **row}, http)
                index = close + 1
                continue
            if text.startswith("http "):
                close = _matching_end(lines, index, path)
                emit(index + 1, close, bindings, text[4:].strip())
                index = close + 1
                continue
            out.append((number, text, bindings, http))
            index += 1

    emit(0, len(lines), {}, "")
    return out


def _matching_end(lines, index, path):
    depth = 0
    for at in range(index, len(lines)):
        text = lines[at][1]
        depth += text.startswith(_BLOCKS)
        depth -= text == "end"
        if depth == 0:
            return at
    raise CaseError(f"{path}:{lines[index][0]}: {lines[index][1].split()[0]} without end")


def _rows(text, number, path):
    match = re.match(r"foreach\s+([\w ]+?)\s+in\s+(.*)$", text)
    if not match:
        raise CaseError(f"{path}:{number}: foreach NAME... in VALUE...")
    keys = match[1].split()
    for item in match[2].split():
        values = item.split(",") if len(keys) > 1 else [item]
        if len(values) != len(keys):
            raise CaseError(f"{path}:{number}: '{item}' does not fill {keys}")
        yield dict(zip(keys, values))


def _attribute(case, word, rest, where):
    if word == "clause":
        case.clauses += [c.strip() for c in rest.split(";") if c.strip()]
    elif word == "kinds":
        case.kinds += rest.split()
    elif word == "tag":
        case.tags += rest.split()
    elif word == "config":
        case.config.append(rest)
    elif word == "release" and rest in ("1", "2"):
        case.release = int(rest)
    elif word == "http-only" and rest:
        case.http_only = rest
    elif rest:
        raise CaseError(f"{where}: '{word}' takes no argument")
    else:
        setattr(case, word.replace("-", "_"), True)


def _add_step(case, step):
    words = step.options()[0]
    if len(words) < _WORDS.get(step.kind, 1):
        raise CaseError(f"{case.path}:{step.line}: '{step.kind} {step.args}' is not complete")
    case.steps.append(step)


def _top_level(case, number, text, bindings, http):
    where = f"{case.path}:{number}"
    word, _, rest = text.partition(" ")
    word, rest = word.strip(), rest.strip()
    if word in _DIRECTIVES:
        _attribute(case, word, rest, where)
    elif word == ">":
        _add_step(case, Step(REQUEST, number, rest, bindings=bindings, http=http))
    elif word in _EXPECTATIONS:
        _expectation(case, number, rest, word[1:])
    elif word in _STEPS:
        _add_step(case, Step(word, number, rest, bindings=bindings, http=http))
    else:
        raise CaseError(f"{where}: unknown directive '{word}'")


def _expectation(case, number, text, where_only):
    where = f"{case.path}:{number}"
    if not case.steps or case.steps[-1].kind not in JUDGED:
        raise CaseError(f"{where}: '<' needs a request or a message before it")
    try:
        found = assertion.split(text)
    except assertion.AssertionSyntax as error:
        raise CaseError(f"{where}: {error}") from None
    for item in found:
        item.release = int(where_only) if where_only.isdigit() else 0
        item.transport = "" if where_only.isdigit() else where_only
        case.steps[-1].expects.append((number, item))


def _lines(path):
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.replace("\t", "        ").rstrip()
            if text:
                yield number, text


def load(path):
    """Parse one file; raises CaseError."""
    name = os.path.basename(path).removesuffix(".case")
    case = Case(path=path, name=name)
    content = []
    for number, text in _lines(path):
        if not text.startswith("#"):
            content.append((number, text))
        elif not case.title and "SPDX" not in text:
            case.title = text.lstrip("# ")
    for number, text, bindings, http in _unroll(content, path):
        if not text[0].isspace():
            _top_level(case, number, text, bindings, http)
        elif not case.steps or case.steps[-1].expects:
            raise CaseError(f"{path}:{number}: indented line without a request")
        else:
            case.steps[-1].block.append(text.strip())
    if not case.clauses:
        raise CaseError(f"{path}: no clause line")
    if not case.steps:
        raise CaseError(f"{path}: no step")
    return case


def selected(name, only):
    """Is a case one of the groups, names or patterns (all when there is none)?"""
    return not only or any(o in (name, name.split("-")[0]) or fnmatch.fnmatchcase(name, o) for o in only)


def find(paths, directory, only):
    """Paths of the cases to load, sorted by name."""
    if not paths:
        paths = [os.path.join(directory, n) for n in os.listdir(directory) if n.endswith(".case")]
    return sorted(p for p in paths if selected(os.path.basename(p).removesuffix(".case"), only))
