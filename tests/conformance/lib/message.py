# SPDX-License-Identifier: Apache-2.0
"""What the peer sent: a response, or a request that arrived at a sink."""

import base64
import json
import xml.etree.ElementTree as ElementTree

from . import assertion, xpath


class Message:
    """Headers and body; status for a response, method and path for a request."""

    def __init__(self, status="", headers=(), body=b"", method="", path="", closed=False):
        self.status, self.headers, self.body = status, list(headers), body
        self.method, self.path, self.closed = method, path, closed
        self.arrived = 0.0
        self.gap = ""
        self._xml = self._representation = None

    def header(self, name):
        """All values of a header joined with ', ', or None."""
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        return ", ".join(found) if found else None

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
            except ElementTree.ParseError as error:
                raise assertion.Failed(f"body is not XML ({error}): {self.text()[:200]!r}") from None
        return self._xml

    def json(self):
        """The body as JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise assertion.Failed(f"body is not JSON ({error}): {self.text()[:200]!r}") from None

    def representation(self):
        """The decoded representation of a notify."""
        if self._representation is None:
            kind, text = self._encoded_representation()
            try:
                body = base64.b64decode("".join(text.split()), validate=True)
            except ValueError:
                raise assertion.Failed("representation is not base64") from None
            self._representation = Message(headers=[("Content-Type", kind)], body=body)
        return self._representation

    def _encoded_representation(self):
        if self.media_type() == "application/json":
            found = assertion.json_select(self.json(), "notify.representation")
            if not found:
                raise assertion.Failed("notify has no representation")
            if isinstance(found[0], dict):
                return found[0].get("contentType", ""), found[0].get("$t", "")
            return "application/json", found[0]
        found = xpath.select(self.xml(), "/m2m:notify/representation")
        if not found:
            raise assertion.Failed("notify has no representation")
        return found[0].get(xpath.qname("xmime:contentType"), ""), found[0].text or ""

    def summary(self):
        """One line for a report."""
        start = f"{self.method} {self.path}" if self.method else str(self.status)
        return f"{start} {self.text()[:400]!r}"
