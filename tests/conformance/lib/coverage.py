# SPDX-License-Identifier: Apache-2.0
"""Is there a case for every method of every resource? Reads the cases; nothing is sent."""

import json
import os
import re

from . import casefile, cbor, peer
from .body import build_body
from .expand import expand, names
from .fixtures import FIXTURES
from .message import Message

LEAST = 250     # cases there must be
_METHODS = ("POST", "GET", "PUT", "DELETE")
_ATTRIBUTES_WITH_POST = {"mgmtCmd": "execEnable", "execInstance": "execDisable"}


class Table:
    """methods.table."""

    def __init__(self, path):
        self.answers, self.children, self.instances, self.needs = {}, {}, {}, {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    self._row(*line.partition("/")[::2])

    def _row(self, left, right):
        name, *words = left.split()
        name, _, needs = name.partition("=")
        self.needs[name] = needs or name
        self.answers[name] = dict(zip(_METHODS, words[:4], strict=True))
        self.children[name], self.instances[name] = words[4:], right.split()

    def cells(self, implemented):
        """(resource, method, answer) of what there must be a case for."""
        for name, answers in self.answers.items():
            if self.needs[name] not in implemented:
                continue
            for method, answer in answers.items():
                if answer != "201" or implemented & set(self.instances[name]):
                    yield name, method, answer


class Tree:
    """What a case has made: path and type of resources. A path starts with /m2m."""

    def __init__(self, table):
        self.table, self.types = table, {}

    def made(self, path, body):
        """A request created a resource below a path."""
        name, ident = _document(body)
        if name in self.table.answers:
            self.types[f"{path}/{ident or '*'}"] = name

    def type_of(self, path):
        """Type of the resource at a path, or None."""
        here, kind = "", None
        for segment in path.partition("?")[0].strip("/").split("/"):
            parent, here = here, f"{here}/{segment}"
            kind = "sclBase" if here == "/m2m" else self._below(kind, parent, here, segment)
            if kind is None or kind == "membersContent":
                break
        return kind

    def _below(self, kind, parent, here, segment):
        if here in self.types:
            return self.types[here]
        if kind is None:
            return None
        if segment in self.table.children[kind]:
            return segment
        if _ATTRIBUTES_WITH_POST.get(kind) == segment:
            return kind
        if not self.table.instances[kind]:
            return None
        return self.types.get(parent + "/*", self.table.instances[kind][0])


def _document(body):
    """(local name, id) of a document."""
    if body[:1] not in (b"{", b"\xa1"):
        return peer.root_of(body)
    try:
        (name, value), = (json if body[:1] == b"{" else cbor).loads(body).items()
    except ValueError:
        return "", ""
    return (name, next((value[k] for k in ("id", "appId", "sclId") if k in value), "")) \
        if isinstance(value, dict) else ("", "")


class _Walk:
    """A case read without a target: stands where execute.Run stands when it runs."""

    def __init__(self, table):
        self.tree, self.sinks, self.started = Tree(table), {}, {}
        self.covered = set()
        self.variables = {"base": "/m2m", "root": "http://t/m2m", "origin": "http://t", "hostport": "t", "id": "ID",
                          "me": "http://t/m2m/applications/ID", "other": "http://t/o", "runid": "RUN",
                          "ar": "/m2m/accessRights/RUN", "mebasic": "Basic me"}
        self.options = self     # fixtures open sinks through options.sinks
        self.last = ""

    def open(self, path, _sink):
        """A sink has an address."""
        return "http://sink" + path

    def expand(self, text):
        """Text with what is known; what is not becomes a name."""
        return expand(text, {**{n: "{%s}" % n for n in names(text)}, **self.variables})

    def define(self, name, text):
        """Set a variable."""
        self.variables[name] = self.expand(text)

    def create(self, target, _originator, body, _number=2):
        """A fixture creates something: the walk says yes."""
        path, body = self.expand(target), self.expand(body).encode()
        self.tree.made(path, body)
        name, ident = _document(body)
        self.covered.add((self.tree.type_of(path), "POST", "201"))
        channel = ('<m2m:x xmlns:m2m="http://uri.etsi.org/m2m"><m2m:contactURI>http://t/lp/contact</m2m:contactURI>'
                   "<m2m:longPollingURI>http://t/lp/poll</m2m:longPollingURI></m2m:x>")
        return Message(status=201, headers=[("Location", f"{path}/{ident or name}")], body=channel.encode())

    def step(self, step):
        """Follow one step."""
        for name, value in step.bindings.items():
            self.define(name, value)
        words = step.args.split()
        if step.kind == "fixture":
            for name in words:
                FIXTURES[name][0](self)
        elif step.kind == casefile.SINK:
            self.sinks[words[0]] = self.variables[words[0]] = "http://sink/" + words[0]
        elif step.kind == casefile.PEER:
            self._peer(words[0])
        elif step.kind == "set":
            name, _, text = step.args.partition("=")
            self.define(name.strip(), text.strip())
        elif step.kind == "save":
            self._save(step.args)
        elif step.kind in (casefile.REQUEST, casefile.WAIT, casefile.START):
            self._request(step)
        elif step.kind == casefile.AWAIT:
            self._answered(*self.started.get(self.expand(words[0]), ("", "", b"")), step)

    def _peer(self, name):
        self.variables |= {name: f"http://sink/{name}", f"{name}id": f"ID.{name}",
                           f"{name}scl": f"/m2m/scls/ID.{name}", f"{name}basic": "Basic {name}"}

    def _save(self, args):
        name, _, rest = args.partition("=")
        name = name.strip()
        if rest.strip().startswith("header Location") and "~" not in rest:
            self.variables[name] = f"{self.last}/*"
        elif "longPollingURI" in rest:
            self.variables[name] = "http://t/lp/poll"

    def _request(self, step):
        words = [w for w in self.expand(step.args).split() if not re.match(r"timeout=", w)]
        name = words.pop(0) if step.kind == casefile.START else None
        method, target = (words + ["", ""])[:2]
        _, lines = step.headers_and_body()
        variables = {**{n: "{%s}" % n for n in names("\n".join(lines))}, **self.variables}
        try:
            body = build_body(lines, variables)
        except ValueError:
            body = b""
        path = re.sub(r"^http://t(?=/)", "", target).rstrip("/")
        if name:
            self.started[name] = (method, path, body)
        self._answered(method, path, body, step)

    def _answered(self, method, path, body, step):
        statuses = "|".join(self.expand(a.operand) for _, a in step.expects if a.source == "status").split("|")
        kind = "longPollingURI" if path.startswith("/lp/poll") else self.tree.type_of(path)
        self.covered |= {(kind, method, s) for s in statuses}
        self.last = path
        if method == "POST" and "201" in statuses:
            self.tree.made(path, body)


def covered(cases, table):
    """(resource, method, status) the cases expect somewhere."""
    found = set()
    for case in cases:
        walk = _Walk(table)
        for step in case.steps:
            walk.step(step)
        found |= walk.covered
    return found


def check(cases, directory, types):
    """Print the methods without a case; returns the exit code."""
    if not types:
        return 0
    with open(types, encoding="utf-8") as file:
        implemented = {t["element"] for t in json.load(file)["types"] if t["implemented"]}
    table = Table(os.path.join(directory, "methods.table"))
    problems = [f"{t}: not in methods.table" for t in sorted(implemented - set(table.answers))]
    found = covered(cases, table)
    cells = list(table.cells(implemented))
    for name, method, answer in cells:
        pattern = re.compile({"405": "405", "any": r"\d+"}.get(answer, r"2\d\d"))
        if not any(k == name and m == method and pattern.fullmatch(s) for k, m, s in found):
            problems.append(f"no case: {method} {name} ({answer})")
    if len(cases) < LEAST:
        problems.append(f"{len(cases)} cases, at least {LEAST} are wanted")
    print(*problems, f"{len(cells)} methods of {len(set(c[0] for c in cells))} resources, {len(problems)} problems",
          sep="\n")
    return 1 if problems else 0
