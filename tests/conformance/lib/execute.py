# SPDX-License-Identifier: Apache-2.0
"""Runs the steps of one case against one target."""

import base64
import re
import time
import urllib.parse

from . import assertion, casefile, implied
from .client import Client
from .expand import ExpandError, expand, unescape
from .fixtures import FIXTURES
from .sink import Sink

NOTIFY_TIMEOUT = 8.0
QUIET_TIME = 0.6
WAIT_TIMEOUT = 5.0
RAW_TIMEOUT = 10.0
POLL = 0.05
_NAMESPACES = (' xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xmime="http://www.w3.org/2005/05/xmlmime"'
               ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"')


class StepFailed(Exception):
    """The case fails at a line."""

    def __init__(self, line, text):
        super().__init__(f"line {line}: {text}" if line else text)


def _with_namespaces(text):
    """Declare the fixed prefixes on a root element that declares none."""
    match = re.match(r"<m2m:[\w]+", text)
    if not match or "xmlns:m2m" in text.partition(">")[0]:
        return text
    return text[:match.end()] + _NAMESPACES + text[match.end():]


def build_body(lines, variables):
    """Bytes of a body block: lines joined by newline, or the @ items one after the other."""
    if not any(line.startswith("@") for line in lines):
        return _with_namespaces(expand("\n".join(lines), variables)).encode()
    parts = []
    for line in lines:
        word, _, rest = line.partition(" ")
        rest = expand(rest, variables)
        if word == "@base64":
            parts.append(base64.b64decode(rest))
        elif word == "@repeat":
            count, _, text = rest.partition(" ")
            parts.append(unescape(text) * int(count))
        elif word == "@text":
            parts.append(unescape(rest))
        else:
            parts.append(_with_namespaces(expand(line, variables)).encode())
    return b"".join(parts)


class Run:
    """State of one case: variables, what it created, its sinks, the last message."""

    def __init__(self, case, target, variables, options):
        self.case, self.target, self.options = case, target, options
        self.variables = dict(variables)
        self.client = Client(target.url, target.context)
        self.created, self.identities, self.sinks, self.documents = [], [], {}, []
        self.last = None
        self.handlers = {
            casefile.REQUEST: self._request, casefile.RAW: self._raw, casefile.WAIT: self._wait,
            casefile.NOTIFY: self._notify, casefile.QUIET: self._quiet, "save": self._save, "set": self._set,
            "fixture": self._fixture, "sink": self._sink, "sleep": self._sleep, "restart": self._restart,
            "expect-close": self._expect_close,
        }

    def execute(self):
        """Run all steps; raises StepFailed."""
        for step in self.case.steps:
            try:
                for name, value in step.bindings.items():
                    self.define(name, value)
                self.handlers[step.kind](step)
            except (assertion.Failed, ExpandError, ValueError, OSError) as error:
                bound = f" {step.bindings}" if step.bindings else ""
                raise StepFailed(step.line, f"{step.kind} {step.args}{bound}: {error}") from error

    def define(self, name, text):
        """Set a variable."""
        self.variables[name] = expand(text, self.variables)

    def create(self, target, originator, body):
        """POST for a fixture; anything but 201 fails the case."""
        text = expand(body, self.variables).encode()
        headers = [("From", expand(originator, self.variables)), ("Content-Type", "application/xml")]
        answer = self._send("POST", expand(target, self.variables), headers, text)
        if answer.status != 201:
            raise assertion.Failed(f"fixture: {answer.summary()}")

    # requests

    def _headers(self, step, body):
        given, _ = step.headers_and_body()
        headers = [(k, expand(v, self.variables)) for k, v in given]
        names = {k.lower() for k, _ in headers}
        if "from" not in names and "authorization" not in names:
            headers.append(("From", self.variables["me"]))
        if body and "content-type" not in names:
            headers.append(("Content-Type", "application/json" if body[:1] == b"{" else "application/xml"))
        return [(k, v) for k, v in headers if v != "-"]

    def _prepare(self, step):
        words = expand(step.args, self.variables).split()
        words = [w for w in words if not re.match(r"(timeout)=", w)]
        if len(words) != 2:
            raise ValueError("expected METHOD TARGET")
        body = build_body(step.headers_and_body()[1], self.variables)
        return words[0], words[1], self._headers(step, body), body

    def _send(self, method, target, headers, body):
        if target.startswith(self.variables["origin"] + "/"):
            target = target[len(self.variables["origin"]):]
        answer = self.client.request(method, target, headers, body)
        originator = dict((k.lower(), v) for k, v in headers).get("from")
        if originator and originator not in self.identities:
            self.identities.append(originator)
        if answer.status == 201 and answer.header("Location"):
            self.created.append((urllib.parse.urlsplit(answer.header("Location")).path, originator))
        return answer

    def _judge(self, step, message, method):
        relayed = any(a.source == "relayed" for _, a in step.expects)
        if not relayed:
            implied.check(method, message)
            self.documents += [(step.line, d) for d in implied.documents(message)]
        if not step.expects and not 200 <= message.status < 400:
            raise assertion.Failed(message.summary())
        self._assert(step, message)

    def _assert(self, step, message):
        for line, item in step.expects:
            try:
                assertion.check(message, item.source, expand(item.expr, self.variables), item.operator,
                                expand(item.operand, self.variables))
            except assertion.Failed as error:
                hint = f" in {message.summary()}" if item.source == "status" else ""
                raise assertion.Failed(f"(line {line}) {error}{hint}") from None

    def _request(self, step):
        method, target, headers, body = self._prepare(step)
        self.last = self._send(method, target, headers, body)
        self._judge(step, self.last, method)

    def _wait(self, step):
        deadline = time.monotonic() + float(step.options()[1].get("timeout", WAIT_TIMEOUT))
        while True:
            try:
                return self._request(step)
            except assertion.Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL)

    def _raw(self, step):
        chunks = []
        for text in step.block:
            if text.startswith("@sleep"):
                chunks.append(float(text.split()[1]))
            elif text.startswith("@"):
                chunks.append(build_body([text], self.variables))
            else:
                chunks.append(unescape(expand(text, self.variables)))
        timeout = float(step.options()[1].get("timeout", RAW_TIMEOUT))
        self.last = self.client.raw(chunks, timeout)
        if self.last.status == 201 and self.last.header("Location"):
            self.created.append((urllib.parse.urlsplit(self.last.header("Location")).path, self.variables["me"]))
        self._assert(step, self.last)

    def _expect_close(self, _step):
        if not self.last or not self.last.closed:
            raise assertion.Failed("the connection was left open")

    # notifications

    def _sink(self, step):
        words, keys = step.options()
        name = words[0]
        answers = [int(x) for x in keys.get("answer", "200").split(",")]
        sink = Sink(answers, keys.get("type", "text/plain"), keys.get("body", "").encode(), float(keys.get("delay", 0)))
        self.sinks[name] = sink
        self.variables[name] = self.options.sinks.open(f"/{self.variables['id']}/{name}", sink)

    def _notify(self, step):
        words, keys = step.options()
        sink, following = self.sinks[words[0]], "next" in words[1:]
        deadline = time.monotonic() + float(keys.get("timeout", NOTIFY_TIMEOUT))
        seen, reasons = 0, []
        while True:
            pending = sink.pending()
            for index in range(seen, len(pending)):
                message = pending[index]
                message.gap = f"{message.arrived - sink.last:.3f}" if sink.last else "0"
                try:
                    self._assert(step, message)
                    self.last = sink.consume(index)
                    self.documents += [(step.line, d) for d in self._notify_documents(message)]
                    return
                except assertion.Failed as error:
                    reasons.append(f"{error} in {message.summary()}")
                    if following:
                        raise assertion.Failed(reasons[-1]) from None
            seen = len(pending)
            if time.monotonic() >= deadline:
                raise assertion.Failed("; ".join(reasons[-3:]) or "nothing arrived")
            sink.wait(seen, deadline)

    @staticmethod
    def _notify_documents(message):
        yield from implied.documents(message)
        if message.media_type() in implied.XML_TYPES and message.xml().find("representation") is not None:
            yield from implied.documents(message.representation())

    def _quiet(self, step):
        words, keys = step.options()
        sink = self.sinks[words[0]]
        sink.wait(0, time.monotonic() + float(keys.get("for", QUIET_TIME)))
        if sink.pending():
            raise assertion.Failed(f"unexpected {sink.pending()[0].summary()}")

    # the rest

    def _save(self, step):
        name, _, rest = step.args.partition("=")
        text, _, pattern = rest.strip().partition(" ~ ")
        source, _, expr = text.strip().partition(" ")
        found = assertion.values(self.last, source, expand(expr.strip(), self.variables))
        if not found:
            raise assertion.Failed("nothing to save")
        value = str(found[0])
        if pattern:
            match = re.search(expand(pattern, self.variables), value)
            if not match:
                raise assertion.Failed(f"'{value}' does not match {pattern}")
            value = match[1]
        self.variables[name.strip()] = value

    def _set(self, step):
        name, _, rest = step.args.partition("=")
        self.define(name.strip(), rest.strip())

    def _fixture(self, step):
        FIXTURES[step.args](self)

    @staticmethod
    def _sleep(step):
        time.sleep(float(step.args))

    def _restart(self, _step):
        self.client.close()
        self.target.restart()

    def cleanup(self):
        """Delete what the case created, newest first; descendants go with their ancestor."""
        roots = [(p, f) for p, f in self.created if not any(p.startswith(o + "/") for o, _ in self.created)]
        for path, originator in reversed(roots):
            for identity in [originator, self.variables["me"], *self.identities]:
                if not identity:
                    continue
                try:
                    if self.client.request("DELETE", path, [("From", identity)], b"").status == 204:
                        break
                except OSError:
                    break
        self.client.close()
