# SPDX-License-Identifier: Apache-2.0
"""What HTTP says, said in CoAP and back: TS 102 921 annex D, with the status codes of its table."""

import datetime
import re
import urllib.parse

from . import coapmsg as coap
from .message import Message

# HTTP statuses a CoAP code may stand for: (without payload, with payload). Several: CoAP does not tell them apart.
STATUSES = {
    "2.01": ((201,), (201,)),
    "2.02": ((204,), (200,)),
    "2.03": ((304,), (304,)),
    "2.04": ((204, 202, 200), (200,)),
    "2.05": ((200,), (200,)),
    "4.00": ((400, 408, 414, 431), (400, 408, 414, 431)),
    "4.01": ((401, 402), (401, 402)),
    "4.02": ((400,), (400,)),
    "4.03": ((403,), (403,)),
    "4.04": ((404, 410), (404, 410)),
    "4.05": ((405,), (405,)),
    "4.06": ((406,), (406,)),
    "4.08": ((408,), (408,)),
    "4.09": ((409,), (409,)),
    "4.12": ((412,), (412,)),
    "4.13": ((413,), (413,)),
    "4.15": ((415,), (415,)),
    "5.00": ((500,), (500,)),
    "5.01": ((501,), (501,)),
    "5.02": ((502,), (502,)),
    "5.03": ((503, 507), (503, 507)),
    "5.04": ((504,), (504,)),
    "5.05": ((505,), (505,)),
}
# What else tells them apart: the statusCode of the errorInfo.
NARROWS = {"STATUS_REQUEST_TIMEOUT": (408,), "STATUS_DELETED": (410,), "STATUS_NOT_FOUND": (404,)}
_CODES = {200: "2.05", 201: "2.01", 202: "2.04", 204: "2.04", 304: "2.03", 402: "4.01", 408: "4.00", 410: "4.04",
          414: "4.00", 431: "4.00", 507: "5.03"}
_QUERY_HEADERS = re.compile(r"x-(etsi|m2m)-", re.I)
_QUERY_NAMES = {"from": "RequestingEntity", "via": "x-m2m-via"}     # others are called as in HTTP
_HEADER_NAMES = {"requestingentity": "From", "x-m2m-via": "Via"}
_SEGMENT_SAFE = "!$&'()*+,;=:@~"
_QUERY_SAFE = "!$'()*+,;:@/?~"


class Inexpressible(ValueError):
    """HTTP can say it, CoAP cannot."""


# eTags: ours are the microseconds of lastModifiedTime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MOMENT = re.compile(r'(?:W/)?"?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"?$')


def etag_octets(text):
    """The octets of an eTag that an answer had."""
    match = _MOMENT.match(text)
    if match:
        moment = datetime.datetime.fromisoformat(match[1].replace("Z", "+00:00"))
        return ((moment - _EPOCH) // datetime.timedelta(microseconds=1)).to_bytes(8, "big")
    if re.fullmatch(r'"([0-9a-f]{2}){1,8}"', text):
        return bytes.fromhex(text[1:-1])
    return text.strip('"').encode()[:8] or b"\0"


def etag_text(octets):
    """An eTag as HTTP has it: microseconds that can be a time are one."""
    number = int.from_bytes(octets, "big")
    if len(octets) == 8 and 0 < number < 1 << 53:
        moment = _EPOCH + datetime.timedelta(microseconds=number)
        return '"%s"' % moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return '"%s"' % octets.hex()


def _tags(value):
    return [etag_octets(t.strip()) for t in value.split(",") if t.strip()]


# requests

def _if_none_match(method, value):
    if method == "GET":
        return [(coap.ETAG, t) for t in _tags(value)]
    if value.strip() != "*":
        raise Inexpressible("If-None-Match of a write says only that there is nothing")
    return [(coap.IF_NONE_MATCH, b"")]


def _accept(_method, value):
    kind = value.partition(";")[0].strip().lower()
    if kind in ("", "*/*"):
        return []
    if "," in value or ";" in value or kind not in coap.FORMAT_NUMBERS:
        raise Inexpressible(f"Accept: {value}")
    return [(coap.ACCEPT, coap.uint(coap.FORMAT_NUMBERS[kind]))]


def _content_format(_method, value):
    kind, _, parameters = value.partition(";")
    number = coap.FORMAT_NUMBERS.get(kind.strip().lower().replace("text/xml", "application/xml"))
    if number is None or (parameters and "utf-8" not in parameters.lower()):
        raise Inexpressible(f"Content-Type: {value}")
    return [(coap.CONTENT_FORMAT, coap.uint(number))]


def _if_match(_method, value):
    return [(coap.IF_MATCH, t) for t in (_tags(value) if value.strip() != "*" else [b""])]


def _host(_method, value):
    parts = urllib.parse.urlsplit("//" + value)
    port = [(coap.URI_PORT, coap.uint(parts.port))] if parts.port else []
    return [(coap.URI_HOST, (parts.hostname or "").encode())] + port


_OPTIONS = {"accept": _accept, "content-type": _content_format, "if-match": _if_match,
            "if-none-match": _if_none_match, "host": _host}


def request_options(method, target, headers):
    """Options of a request; raises Inexpressible."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", target):
        raise Inexpressible("a percent sign that encodes nothing")
    said, options = [], []
    for name, value in headers:
        if name.lower() in _QUERY_NAMES or _QUERY_HEADERS.match(name):
            said.append(f"{_QUERY_NAMES.get(name.lower(), name.lower())}={value}")
        elif name.lower() in _OPTIONS:
            options += _OPTIONS[name.lower()](method, value)
        else:
            raise Inexpressible(f"CoAP has nothing for {name}")
    if re.match(r"[a-z]+://", target):      # no Uri-Query beside Proxy-Uri, RFC 7252 section 5.10.2
        query = "&".join(urllib.parse.quote(s, safe=_QUERY_SAFE + "=") for s in said)
        mark = "&" if "?" in target else "?"
        return options + [(coap.PROXY_URI, (target + mark + query if query else target).encode())]
    return _target_options(target) + [(coap.URI_QUERY, s.encode()) for s in said] + options


def _target_options(target):
    path, _, query = target.partition("?")
    segments = path[1:].split("/") if path != "/" else []
    return [(coap.URI_PATH, urllib.parse.unquote_to_bytes(s)) for s in segments] + \
        [(coap.URI_QUERY, urllib.parse.unquote_to_bytes(q)) for q in query.split("&") if q]


def request_message(packet, body):
    """A request that came, as HTTP would have brought it."""
    method = {n: m for m, n in coap.METHODS.items()}.get(packet.code, "?")
    headers, query = [], []
    path = "/" + "/".join(urllib.parse.quote(s, safe=_SEGMENT_SAFE) for s in packet.all(coap.URI_PATH))
    values = packet.texts(coap.URI_QUERY)
    if packet.first(coap.PROXY_URI) is not None:
        path, _, rest = packet.texts(coap.PROXY_URI)[0].partition("?")
        values = [urllib.parse.unquote(q) for q in rest.split("&") if q]
    for value in values:
        name, _, rest = value.partition("=")
        if name.lower() in _HEADER_NAMES or _QUERY_HEADERS.match(name):
            headers.append((_HEADER_NAMES.get(name.lower(), name), rest))
        else:
            query.append(urllib.parse.quote(value, safe=_QUERY_SAFE + "=[]"))
    headers += _common_headers(packet)
    for number, name in ((coap.IF_MATCH, "If-Match"), (coap.ETAG, "If-None-Match")):
        if packet.all(number):
            headers.append((name, ", ".join(etag_text(t) if t else "*" for t in packet.all(number))))
    if packet.first(coap.IF_NONE_MATCH) is not None:
        headers.append(("If-None-Match", "*"))
    if packet.first(coap.ACCEPT) is not None:
        headers.append(("Accept", _format_name(packet.uint(coap.ACCEPT)).partition(";")[0]))
    return Message(headers=headers, body=body, method=method, path=path + ("?" + "&".join(query) if query else ""))


def _format_name(number):
    return coap.FORMATS.get(number, f"application/x-coap-format-{number}")


def _common_headers(packet):
    if packet.first(coap.CONTENT_FORMAT) is None:
        return []
    return [("Content-Type", _format_name(packet.uint(coap.CONTENT_FORMAT)))]


# answers

def _narrowed(statuses, body):
    for code, narrow in NARROWS.items():
        if len(statuses) > 1 and code.encode() in body and set(narrow) <= set(statuses):
            return narrow
    return statuses


def statuses(packet, body, method=""):
    """The HTTP statuses a response may stand for, the likeliest first."""
    if method == "GET" and packet.code == coap.CHANGED and not body:
        return (204, 202)       # 200 is 2.05
    found = STATUSES.get(coap.code_text(packet.code))
    if not found:
        return (coap.code_text(packet.code),)
    if coap.code_text(packet.code) == "5.03" and packet.first(coap.MAX_AGE) is None:
        return (507,)
    return _narrowed(found[bool(body)], body)


def response_message(packet, body, origin, method=""):
    """A response as HTTP would have brought it; may has the statuses it can stand for."""
    headers = _common_headers(packet)
    if packet.all(coap.LOCATION_PATH):
        path = "/".join(urllib.parse.quote(s, safe=_SEGMENT_SAFE) for s in packet.all(coap.LOCATION_PATH))
        query = "&".join(urllib.parse.quote(q, safe=_QUERY_SAFE + "=") for q in packet.all(coap.LOCATION_QUERY))
        headers.append(("Location", f"{origin}/{path}" + (f"?{query}" if query else "")))
    if packet.first(coap.ETAG) is not None and not packet.is_request():
        headers.append(("ETag", etag_text(packet.first(coap.ETAG))))
    if packet.first(coap.MAX_AGE) is not None:
        name = "Retry-After" if coap.code_text(packet.code) == "5.03" else "Cache-Control"
        value = packet.uint(coap.MAX_AGE)
        headers.append((name, str(value) if name == "Retry-After" else f"max-age={value}" if value else "no-store"))
    if packet.first(coap.OBSERVE) is not None:
        headers.append(("Observe", str(packet.uint(coap.OBSERVE))))
    may = statuses(packet, body, method)
    message = Message(status=may[0], headers=headers, body=body)
    message.may, message.transport, message.code = tuple(str(s) for s in may), "coap", coap.code_text(packet.code)
    return message


def answer_packet(method, status, headers, body):
    """(code, options, payload) of a response that HTTP would give as status, headers and body."""
    text = _CODES.get(status, f"{status // 100}.{status % 100:02}")
    if text == "2.05" and method != "GET":
        text = "2.04"
    if text == "2.04" and method == "DELETE":
        text = "2.02"
    options, known = [], {k.lower(): v for k, v in headers}
    kind = known.get("content-type")
    if body and kind:
        number = coap.FORMAT_NUMBERS.get(kind.partition(";")[0].strip().lower())
        if number is None:
            return coap.code("4.06"), [], b""
        options.append((coap.CONTENT_FORMAT, coap.uint(number)))
    if "location" in known:
        parts = urllib.parse.urlsplit(known["location"])
        options += [(coap.LOCATION_PATH, urllib.parse.unquote_to_bytes(s)) for s in parts.path.split("/")[1:]]
        options += [(coap.LOCATION_QUERY, urllib.parse.unquote_to_bytes(q)) for q in parts.query.split("&") if q]
    if "etag" in known:
        options.append((coap.ETAG, etag_octets(known["etag"])))
    if "retry-after" in known and known["retry-after"].isdigit():
        options.append((coap.MAX_AGE, coap.uint(int(known["retry-after"]))))
    return coap.code(text), options, b"" if status in (204, 304) else body


