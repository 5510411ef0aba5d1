# SPDX-License-Identifier: Apache-2.0
"""Runs the steps of one case against one target."""

import base64
import functools
import re
import time
import urllib.parse

from . import assertion, background, casefile, implied, observing, peers, release
from .body import build_body, media_type
from .client import connect
from .expand import ExpandError, expand, unescape
from .fixtures import FIXTURES

NOTIFY_TIMEOUT = 8.0
QUIET_TIME = 0.6
WAIT_TIMEOUT = 5.0
RAW_TIMEOUT = 10.0
POLL = 0.05
_STEPS = {**background.STEPS, **observing.STEPS, **peers.STEPS}


class StepFailed(Exception):
    """The case fails at a line."""

    def __init__(self, line, text):
        super().__init__(f"line {line}: {text}" if line else text)


class Run:
    """State of one case: variables, what it created, its sinks, the last message."""

    def __init__(self, case, target, variables, options):
        self.case, self.target, self.options = case, target, options
        self.variables = {**variables, **target.opened.variables}
        self.client = connect(target.url, target.context)
        self.created, self.identities, self.documents = [], [], []
        self.sinks, self.started = dict(target.opened.sinks), {}
        self.last = self.whole = None
        self.ident = self.variables["id"]
        # What is of HTTP alone needs it on all ways.
        mixed = target.transport == "http" and options.sinks.origin.startswith("coap:")
        self.transports = ("",) if mixed else ("", target.transport)
        self.heard = {}         # number of a step: what came last for it
        self.left_out = 0       # requests and expectations of HTTP alone
        self.handlers = {
            casefile.REQUEST: self._request, casefile.RAW: self._raw, casefile.WAIT: self._wait,
            casefile.NOTIFY: self._notify, casefile.QUIET: self._quiet, casefile.PART: self._part,
            casefile.ENCODE: self._encode, "save": self._save, "set": self._set, "fixture": self._fixture,
            "sleep": self._sleep, "restart": self._restart, casefile.CLOSE: self._expect_close,
        }
        self.handlers |= {kind: functools.partial(f, self) for kind, f in _STEPS.items()}

    def execute(self):
        """Run all steps; raises StepFailed."""
        for number, step in enumerate(self.case.steps):
            if step.http and "http" not in self.transports:
                self.left_out += step.kind in casefile.JUDGED
                continue
            try:
                for name, value in step.bindings.items():
                    self.define(name, value)
                self.handlers[step.kind](step)
                self._keep(number, step)
            except (assertion.Failed, ExpandError, ValueError, LookupError, OSError) as error:
                bound = f" {step.bindings}" if step.bindings else ""
                raise StepFailed(step.line, f"{step.kind} {step.args}{bound}: {error}") from error

    def _keep(self, number, step):
        if step.kind in casefile.JUDGED and self.options.keep:
            self.heard[number] = self.last

    def expand(self, text):
        """Text with the variables of the case."""
        return expand(text, self.variables)

    def define(self, name, text):
        """Set a variable."""
        self.variables[name] = expand(text, self.variables)

    def create(self, target, originator, body, number=2):
        """POST for a fixture, in terms of a release; anything but 201 fails the case."""
        text, issuer = expand(body, self.variables).encode(), expand(originator, self.variables)
        headers = [("From", issuer), ("Content-Type", "application/xml")]
        said = release.RELEASES[number]
        self.identities.append(issuer)
        answer = self.send("POST", expand(target, self.variables), said.headers(headers), said.body(headers, text))
        if answer.status != 201:
            raise assertion.Failed(f"fixture: {answer.summary()}")
        return answer

    # requests

    def _headers(self, step, body):
        given, _ = step.headers_and_body()
        headers = [(k, expand(v, self.variables)) for k, v in given]
        names = {k.lower() for k, _ in headers}
        if "from" not in names and "authorization" not in names:
            headers.append(("From", self.variables["me"]))
        if body and "content-type" not in names:
            headers.append(("Content-Type", media_type(body)))
        return [(k, v) for k, v in headers if v != "-"]

    def prepare(self, step, args):
        """(method, target, headers, body) of a request as it is written."""
        words = expand(args, self.variables).split()
        words = [w for w in words if not re.match(r"(timeout)=", w)]
        if len(words) != 2:
            raise ValueError("expected METHOD TARGET")
        body = build_body(step.headers_and_body()[1], self.variables)
        return words[0], words[1], self._headers(step, body), body

    def local(self, target):
        """What is at the target of the run is asked for without scheme and authority."""
        origin = self.variables["origin"]
        return target[len(origin):] if target.startswith(origin + "/") else target

    def send(self, method, target, headers, body, client=None):
        """One request and its answer; what it creates is deleted at the end."""
        answer = self.target.exchange(client or self.client, method, self.local(target), headers, body)
        originator = dict((k.lower(), v) for k, v in headers).get("from")
        if originator and originator not in self.identities:
            self.identities.append(originator)
        if answer.status == 201 and answer.header("Location"):
            self.created.append((urllib.parse.urlsplit(answer.header("Location")).path, originator))
        return answer

    def judge(self, step, message, method):
        """Raise Failed unless the answer is what the step and every case expects."""
        self.last = self.whole = message
        relayed = any(a.source == "relayed" for _, a in step.expects)
        if not relayed:
            implied.check(method, message)
            self.documents += [(step.line, *d) for d in implied.documents(message)]
        if not step.expects and not 200 <= message.status < 400:
            raise assertion.Failed(message.summary())
        self._assert(step, message)

    def _assert(self, step, message):
        for line, item in step.expects:
            if not release.applies(item, self.target.release.number):
                continue
            if item.transport not in self.transports:
                self.left_out += item.transport == "http"
                continue
            try:
                assertion.check(message, item.source, expand(item.expr, self.variables), item.operator,
                                expand(item.operand, self.variables))
            except assertion.Failed as error:
                hint = f" in {message.summary()}" if item.source == "status" else ""
                raise assertion.Failed(f"(line {line}) {error}{hint}") from None

    def _request(self, step):
        method, target, headers, body = self.prepare(step, step.args)
        self.judge(step, self.send(method, target, headers, body), method)

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
                chunks.append(unescape(self.target.release.raw(expand(text, self.variables))))
        timeout = float(step.options()[1].get("timeout", RAW_TIMEOUT))
        self.last = self.whole = self.target.received(self.client.raw(chunks, timeout))
        if self.last.status == 201 and self.last.header("Location"):
            self.created.append((urllib.parse.urlsplit(self.last.header("Location")).path, self.variables["me"]))
        self._assert(step, self.last)

    def _expect_close(self, _step):
        if not self.last or not self.last.closed:
            raise assertion.Failed("the connection was left open")

    # notifications

    def _notify(self, step):
        words, keys = step.options()
        sink, following = self.sinks[words[0]], "next" in words[1:]
        deadline = time.monotonic() + float(keys.get("timeout", NOTIFY_TIMEOUT))
        seen, reasons = 0, []
        while True:
            pending = sink.pending()
            for index in range(seen, len(pending)):
                message = self.target.received(pending[index])
                message.gap = f"{message.arrived - sink.last:.3f}" if sink.last else "0"
                try:
                    self._assert(step, message)
                    self.last = self.whole = sink.consume(index)
                    self.documents += [(step.line, *d) for d in self._notify_documents(message)]
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
        if message.media_type() in implied.XML_TYPES and message.body and \
                message.xml().find("representation") is not None:
            yield from implied.documents(message.representation())

    def _quiet(self, step):
        words, keys = step.options()
        sink = self.sinks[words[0]]
        sink.wait(0, time.monotonic() + float(keys.get("for", QUIET_TIME)))
        if sink.pending():
            raise assertion.Failed(f"unexpected {sink.pending()[0].summary()}")

    # the rest

    @staticmethod
    def _came(message):
        if message is None:
            raise assertion.Failed("nothing has come yet")
        return message

    def _part(self, step):
        source, _, expr = step.args.partition(" ")
        within = source == "within"
        if within:
            source, _, expr = expr.strip().partition(" ")
        self.last = self._came(self.last if within else self.whole).part(source, expand(expr.strip(), self.variables))
        self._assert(step, self.last)
        self.documents += [(step.line, *d) for d in implied.documents(self.last)]

    def _encode(self, step):
        body = build_body(step.block, self.variables)
        body = self.target.release.body([("Content-Type", "application/xml")], body)
        self.variables[step.args.strip()] = base64.b64encode(body).decode()

    def _save(self, step):
        name, _, rest = step.args.partition("=")
        text, _, pattern = rest.strip().partition(" ~ ")
        source, _, expr = text.strip().partition(" ")
        found = assertion.values(self._came(self.last), source, expand(expr.strip(), self.variables))
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
        for name in step.args.split():
            FIXTURES[name][0](self)

    @staticmethod
    def _sleep(step):
        time.sleep(float(step.args))

    def _restart(self, _step):
        self.client.close()
        self.target.restart()

    def cleanup(self):
        """Delete what the case created, newest first; descendants go with their ancestor."""
        background.drop(self)
        observing.drop(self)
        roots = [(p, f) for p, f in self.created if not any(p.startswith(o + "/") for o, _ in self.created)]
        for path, originator in reversed(roots):
            for identity in [originator, self.variables["me"], *self.identities]:
                if not identity:
                    continue
                try:
                    if self.target.exchange(self.client, "DELETE", path, [("From", identity)], b"").status == 204:
                        break
                except OSError:
                    break
        self.client.close()
