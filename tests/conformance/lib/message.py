# SPDX-License-Identifier: Apache-2.0
"""What the peer sent: a response, or a request that arrived at a sink."""

import base64
import json
import xml.etree.ElementTree as ElementTree

from . import assertion, cbor, release, xpath


class Message:
    """Headers and body; status for a response, method and path for a request."""
    transport = "http"
    code = ""       # of CoAP
    may = ()        # statuses of HTTP that the code of CoAP stands for; empty: status alone
    release = 2     # 1: what arrived may be in the forms of Release 1, and is looked at in those of Release 2

    def __init__(self, status="", headers=(), body=b"", method="", path="", closed=False):
        self.status, self.headers, self.body = status, list(headers), body
        self.method, self.path, self.closed = method, path, closed
        self.arrived = 0.0
        self.gap = ""
        self._xml = self._representation = None

    def header(self, name):
        """All values of a header joined with ', ', or None."""
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        if not found and self.release == 1 and name.lower() == "from":
            return release.originator(self.header("Authorization"))
        return ", ".join(found) if found else None

    def stands_for(self, status):
        """Is the answer what HTTP would say with this status (a string)?"""
        return status in (self.may or (str(self.status),))

    def media_type(self):
        """Content-Type without parameters, lower case."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    def text(self):
        """Body as text; bytes that are not UTF-8 are shown as escapes."""
        return self.body.decode("utf-8", "backslashreplace")

    def xml(self):
        """Document element of the body."""
        if self._xml is None:
            try:
                self._xml = ElementTree.fromstring(self.body)
                if self.release == 1:
                    release.from_release_1(self._xml)
            except ElementTree.ParseError as error:
                raise assertion.Failed(f"body is not XML ({error}): {self.text()[:200]!r}") from None
        return self._xml

    def json(self):
        """The body as JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise assertion.Failed(f"body is not JSON ({error}): {self.text()[:200]!r}") from None

    def cbor(self):
        """The body as CBOR, which must be in the deterministic encoding."""
        try:
            return cbor.loads(self.body)
        except cbor.Malformed as error:
            raise assertion.Failed(f"body is no deterministic CBOR ({error}): {self.body[:200].hex()}") from None

    def representation(self):
        """The decoded representation of a notify, requestNotify or responseNotify."""
        if self._representation is None:
            source = {"application/json": "json", "application/cbor": "cbor"}.get(self.media_type())
            if source:
                expr = next(iter(getattr(self, source)()), "") + ".representation"
            else:
                source, expr = "xpath", "/*/representation"
            self._representation = self.part(source, expr)
        return self._representation

    def part(self, source, expr):
        """The document that is base64, in CBOR octets, at a place of the body."""
        if source not in ("xpath", "json", "cbor"):
            raise assertion.Failed(f"a part is at an xpath, json or cbor, not '{source}'")
        found = xpath.select(self.xml(), expr) if source == "xpath" else \
            assertion.json_select(getattr(self, source)(), expr)
        if not found:
            raise assertion.Failed(f"there is no {expr}: {self.text()[:200]!r}")
        kind, body = (_encoded_xml if source == "xpath" else _encoded_json)(found[0])
        if source == "cbor" and not isinstance(body, bytes):
            raise assertion.Failed(f"{expr} is no byte string")
        try:
            if source != "cbor":
                body = base64.b64decode("".join(body.split()), validate=True)
        except ValueError:
            raise assertion.Failed(f"{expr} is not base64") from None
        part = Message(headers=[("Content-Type", kind)], body=body)
        part.release = self.release
        return part

    def summary(self):
        """One line for a report."""
        start = f"{self.method} {self.path}" if self.method else str(self.status)
        return f"{start} {self.text()[:400]!r}"


def _encoded_xml(node):
    """(media type, base64) of an element or attribute."""
    if isinstance(node, str):
        return "", node
    return node.get(xpath.qname("xmime:contentType"), ""), node.text or ""


def _encoded_json(value):
    if isinstance(value, dict):
        return value.get("contentType", ""), value.get("$t", "")
    return "application/json", value if isinstance(value, bytes) else str(value)
