# SPDX-License-Identifier: Apache-2.0
"""Are two messages, one over HTTP and one over CoAP, the same? Ids, times and addresses of a run aside."""

import base64
import binascii
import json
import re
import xml.etree.ElementTree as ElementTree

from . import cbor

_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"(?<!\w)[0-9a-f]{32}(?!\w)"), "TOKEN"),
    (re.compile(r"application/xml, text/xml"), "application/xml"),     # what Content-Format 41 accepts
    (re.compile(r"; ?charset=utf-8"), ""),     # a Content-Format says it or does not
    (re.compile(r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "TIME"),
    (re.compile(r"/lp/(poll|contact)/[0-9A-Za-z_-]{20,}"), r"/lp/\1/TOKEN"),
)
BLOCK = 1024
_SUCCESSES = (200, 201, 202, 204)
_SIZE = re.compile(r"((?:contentSize|currentByteSize) = )\d+")
_UNORDERED = ("/membersContentResponses", "/notifyCollection", ".membersContentResponses", ".notifyCollection")
_FREE = ("/ramAvailable", "/batteryLevel", "/additionalInfo", ".additionalInfo")     # of the host, words
_GIVEN = re.compile(r"(?<![\w-])([a-z][a-z0-9]{15}|ci_\d+)(?![\w-])")     # names that the SCL gives
_ENCODED = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*$")


class Masks:
    """What differs between two runs of a case."""

    def __init__(self, run):
        known = run.variables
        self.names = [(run.ident, "ID"), (known["runid"], "RUN"), (known["origin"], "SCL"),
                      (run.options.sinks.origin, "SINKS"), (known["hostport"], "HOSTPORT")]
        # The SCL-ID of a peer without a name.
        self.names.append((run.options.sinks.origin.partition("://")[2].replace(":", "."), "SINKS.ID"))
        if "upstream" in known:
            self.names.append((known["upstream"].split("/")[3], "UPSTREAM"))
        self.made = {}      # names that the SCL gave, in the order in which they came

    def text(self, text):
        """Text with its names, times and addresses masked."""
        for name, mask in self.names:
            text = text.replace(name, mask)
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        return _GIVEN.sub(self._given, text)

    def _given(self, match):
        return self.made.setdefault(match[0], f"NAME{len(self.made)}")


def _decoded(text):
    """The document that a text is, or is the base64 of, or None."""
    if text.startswith("<?xml"):
        return text.encode()
    if not _ENCODED.match(text):
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        # A name that the SCL gave may be base64 too, of anything: only what reads as a whole is a document.
        return data if _reads(data) else None
    except binascii.Error:
        return None


def _reads(data):
    """Whether octets are a document of one of the three forms."""
    try:
        if data[:1] == b"<":
            return ElementTree.fromstring(data) is not None
        if data[:1] == b"{":
            return isinstance(json.loads(data), dict)
        return data[:1] == b"\xa1" and isinstance(cbor.loads(data), dict)
    except (ElementTree.ParseError, ValueError):
        return False


def _xml_lines(element, masks, path):
    path = f"{path}/{element.tag.rpartition('}')[2]}"
    text = (element.text or "").strip()
    inner = _decoded(text)
    known = "" if inner is not None or path.endswith(_FREE) else masks.text(text)
    yield f"{path} = {known}"
    if inner is not None:
        yield from (path + " > " + line for line in body_lines(inner, masks))
    for name, value in sorted(element.items()):
        yield f"{path}@{name.rpartition('}')[2]} = {masks.text(value)}"
    for child in element:
        yield from _xml_lines(child, masks, path)


def _json_lines(value, masks, path):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _json_lines(item, masks, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _json_lines(item, masks, path + "[]")
    else:
        inner = value if isinstance(value, bytes) else _decoded(value) if isinstance(value, str) else None
        yield f"{path} = " + (masks.text(str(value)) if inner is None and not path.endswith(_FREE) else "")
        if inner is not None:
            yield from (path + " > " + line for line in body_lines(inner, masks))


def body_lines(body, masks):
    """A body as comparable lines."""
    try:
        if body[:1] == b"<":
            return list(_xml_lines(ElementTree.fromstring(body), masks, ""))
        if body[:1] == b"{":
            return list(_json_lines(json.loads(body), masks, ""))
        if body[:1] == b"\xa1":
            return list(_json_lines(cbor.loads(body), masks, ""))
    except (ElementTree.ParseError, ValueError):
        pass
    return [masks.text(body.decode("utf-8", "backslashreplace"))]


def _head(message, masks):
    """What both bindings say beside status and body."""
    head = {"method": message.method, "path": masks.text(message.path),
            "type": message.media_type() if message.body else ""}
    for name in ("Location", "From"):
        head[name] = masks.text(message.header(name) or "")
    # What goes in blocks has one in any case, to hold them together.
    if message.method or message.status in _SUCCESSES:
        head["ETag"] = bool(message.header("ETag")) or len(message.body) > BLOCK
    return {k: v for k, v in head.items() if v}


def differences(http, coap, http_masks, coap_masks):
    """Lines that say how the CoAP message differs from that of HTTP; none: it does not."""
    found = []
    if not http.method and not coap.stands_for(str(http.status)):
        found.append(f"status {http.status}, over CoAP {coap.code or coap.status}")
    one, two = _head(http, http_masks), _head(coap, coap_masks)
    found += [f"{k}: {one.get(k)!r}, over CoAP {two.get(k)!r}" for k in sorted({*one, *two})
              if one.get(k) != two.get(k)]
    one, two = body_lines(http.body, http_masks), body_lines(coap.body, coap_masks)
    if any(" > " in line for line in one):      # of a document with media types and addresses in it
        one, two = ([_SIZE.sub(r"\1SIZE", line) for line in lines] for lines in (one, two))
    if (one and one[0].startswith(_UNORDERED)) or any("NAME" in line for line in one):
        one, two = sorted(one), sorted(two)     # as the members answer; by names that are random
    if one != two:
        only = [f"- {line[:200]}" for line in one if line not in two]
        only += [f"+ {line[:200]}" for line in two if line not in one]
        found += only[:6] or ["the order of the body"]
    return found
