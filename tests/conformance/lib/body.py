# SPDX-License-Identifier: Apache-2.0
"""Bodies of requests and answers from the lines of a case."""

import base64
import re

from . import cbor
from .expand import expand, unescape

_NAMESPACES = (' xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xmime="http://www.w3.org/2005/05/xmlmime"'
               ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"')


def _with_namespaces(text):
    """Declare the fixed prefixes on a root element that declares none."""
    match = re.match(r"<m2m:[\w]+", text)
    if not match or "xmlns:m2m" in text.partition(">")[0]:
        return text
    return text[:match.end()] + _NAMESPACES + text[match.end():]


def media_type(body):
    """What a body is when the case does not say: one of CBOR begins with a map of one member."""
    return {b"{": "application/json", b"\xa1": "application/cbor"}.get(body[:1], "application/xml")


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
        elif word == "@cbor":
            parts.append(cbor.dumps(cbor.parse(rest)))
        else:
            parts.append(_with_namespaces(expand(line, variables)).encode())
    return b"".join(parts)
