# SPDX-License-Identifier: Apache-2.0
"""What every response must satisfy, without a case saying so."""

from . import assertion, xpath

STATUS_CODES = {
    400: "STATUS_BAD_REQUEST", 401: "STATUS_PERMISSION_DENIED", 402: "STATUS_PERMISSION_DENIED",
    403: "STATUS_FORBIDDEN", 404: "STATUS_NOT_FOUND", 405: "STATUS_METHOD_NOT_ALLOWED",
    406: "STATUS_NOT_ACCEPTABLE", 408: "STATUS_REQUEST_TIMEOUT", 409: "STATUS_CONFLICT", 410: "STATUS_DELETED",
    413: "STATUS_BAD_REQUEST", 414: "STATUS_BAD_REQUEST", 415: "STATUS_UNSUPPORTED_MEDIA_TYPE",
    431: "STATUS_BAD_REQUEST", 500: "STATUS_INTERNAL_SERVER_ERROR", 501: "STATUS_NOT_IMPLEMENTED",
    502: "STATUS_BAD_GATEWAY", 503: "STATUS_SERVICE_UNAVAILABLE", 504: "STATUS_GATEWAY_TIMEOUT",
    507: "STATUS_SERVICE_UNAVAILABLE",
}
XML_TYPES = ("application/xml", "text/xml")


def _error_code(message):
    if message.media_type() in ("application/json", "application/cbor"):
        source = message.media_type().partition("/")[2]
        return assertion.values(message, source, "errorInfo.statusCode")
    if message.media_type() not in XML_TYPES:
        raise assertion.Failed(f"error {message.status} without errorInfo: {message.summary()}")
    return [xpath.text_of(n) for n in xpath.select(message.xml(), "/m2m:errorInfo/m2m:statusCode")]


def _error(message):
    codes = _error_code(message)
    wanted = {STATUS_CODES.get(int(s)) for s in message.may or (message.status,)} - {None}
    if len(codes) != 1 or not codes[0].startswith("STATUS_") or (wanted and codes[0] not in wanted):
        raise assertion.Failed(f"errorInfo of {message.code or message.status} has statusCode {codes}, "
                               f"expected {'|'.join(sorted(wanted))}")
    if message.transport == "http" and message.status == 405 and not message.header("Allow"):
        raise assertion.Failed("405 without Allow")
    if message.status == 503 and not message.header("Retry-After"):
        raise assertion.Failed("503 without Retry-After")


def check(method, message):
    """Raise Failed when the response breaks a rule of the binding (4.4, 4.6)."""
    if message.status in ("closed", "none"):
        return
    if method == "HEAD" or message.status in (204, 304):
        if message.body:
            raise assertion.Failed(f"{method} {message.status} with a body")
        return
    if message.status >= 400:
        _error(message)
    if message.status == 201 and not message.header("Location"):
        raise assertion.Failed("201 without Location")
    if message.body and not message.media_type():
        raise assertion.Failed("body without Content-Type")


def documents(message):
    """(XML body that is an ETSI document, its release) of the message, for the schema check."""
    if message.body and message.media_type() in XML_TYPES:
        if message.xml().tag.startswith("{%s}" % xpath.PREFIXES["m2m"]):
            yield message.body, message.release
