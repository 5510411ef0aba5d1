# SPDX-License-Identifier: Apache-2.0
"""CoAP messages (RFC 7252): octets to packets and back, options, blocks (RFC 7959)."""

import dataclasses

CON, NON, ACK, RST = range(4)
EMPTY, GET, POST, PUT, DELETE, FETCH, PATCH, IPATCH = range(8)
METHODS = {"GET": GET, "POST": POST, "PUT": PUT, "DELETE": DELETE, "FETCH": FETCH, "PATCH": PATCH, "iPATCH": IPATCH}

IF_MATCH, URI_HOST, ETAG, IF_NONE_MATCH, OBSERVE, URI_PORT, LOCATION_PATH = 1, 3, 4, 5, 6, 7, 8
URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY, HOP_LIMIT, ACCEPT, LOCATION_QUERY = 11, 12, 14, 15, 16, 17, 20
BLOCK2, BLOCK1, SIZE2, PROXY_URI, PROXY_SCHEME, SIZE1 = 23, 27, 28, 35, 39, 60
ECHO, NO_RESPONSE, REQUEST_TAG = 252, 258, 292

FORMATS = {0: "text/plain; charset=utf-8", 40: "application/link-format", 41: "application/xml",
           42: "application/octet-stream", 47: "application/exi", 50: "application/json", 60: "application/cbor"}
FORMAT_NUMBERS = {kind.partition(";")[0]: number for number, kind in FORMATS.items()}
FORMAT_NUMBERS |= {"image/gif": 21, "image/jpeg": 22, "image/png": 23}     # that a server may not know

EXCHANGE_LIFETIME = 247.0
ACK_TIMEOUT, ACK_RANDOM, MAX_RETRANSMIT = 2.0, 1.5, 4


class Malformed(ValueError):
    """These octets are no CoAP message."""


def code(text):
    """The octet of a code such as 2.05."""
    kind, _, detail = text.partition(".")
    return int(kind) << 5 | int(detail)


def code_text(number):
    """A code as the RFCs write it: 2.05."""
    return f"{number >> 5}.{number & 31:02}"


CREATED, DELETED, VALID, CHANGED = code("2.01"), code("2.02"), code("2.03"), code("2.04")
CONTENT, CONTINUE = code("2.05"), code("2.31")
UNAUTHORIZED, INCOMPLETE, TOO_LARGE = code("4.01"), code("4.08"), code("4.13")


def uint(number):
    """An option value of format uint: no leading zeros, 0 is empty."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclasses.dataclass
class Block:
    """A Block1 or Block2 option: number, more, size exponent (0..6)."""
    num: int
    more: bool = False
    szx: int = 6

    @property
    def size(self):
        """Octets of a block."""
        return 16 << self.szx

    @property
    def start(self):
        """Where the block begins in the body."""
        return self.num * self.size

    def value(self):
        """As an option."""
        return uint(self.num << 4 | self.more << 3 | self.szx)

    @staticmethod
    def read(value):
        """From an option, or None without one."""
        if value is None:
            return None
        number = int.from_bytes(value, "big")
        if len(value) > 3 or number & 7 == 7:
            raise Malformed(f"block option {value.hex()}")
        return Block(number >> 4, bool(number & 8), number & 7)


@dataclasses.dataclass
class Packet:
    """One message. options: (number, octets) in any order; those of a number stay in theirs."""
    type: int = CON
    code: int = EMPTY
    mid: int = 0
    token: bytes = b""
    options: list = dataclasses.field(default_factory=list)
    payload: bytes = b""

    def all(self, number):
        """The values of an option."""
        return [v for n, v in self.options if n == number]

    def first(self, number):
        """The first value of an option, or None."""
        return next(iter(self.all(number)), None)

    def uint(self, number, absent=None):
        """The first value of an option as a number."""
        value = self.first(number)
        return absent if value is None else int.from_bytes(value, "big")

    def texts(self, number):
        """The values of an option as strings."""
        return [v.decode("utf-8", "backslashreplace") for v in self.all(number)]

    def block(self, number):
        """A block option, or None."""
        return Block.read(self.first(number))

    def is_request(self):
        """Has it a method?"""
        return 1 <= self.code <= 31

    def is_response(self):
        """Has it a response code?"""
        return self.code >= 64

    def encode(self):
        """Its octets."""
        out = bytearray([0x40 | self.type << 4 | len(self.token), self.code])
        out += self.mid.to_bytes(2, "big") + self.token
        last = 0
        for number, value in sorted(self.options, key=lambda o: o[0]):
            delta, more_delta = _nibble(number - last)
            length, more_length = _nibble(len(value))
            out += bytes([delta << 4 | length]) + more_delta + more_length + value
            last = number
        if self.payload:
            out += b"\xff" + self.payload
        return bytes(out)

    def __str__(self):
        shown = " ".join(f"{n}={v!r}" for n, v in self.options)
        return (f"{('CON', 'NON', 'ACK', 'RST')[self.type]} {code_text(self.code)} mid={self.mid} "
                f"token={self.token.hex()} {shown} {self.payload[:200]!r}")


def _nibble(number):
    if number < 13:
        return number, b""
    if number < 269:
        return 13, bytes([number - 13])
    return 14, (number - 269).to_bytes(2, "big")


def parse(data):
    """The packet of a datagram; raises Malformed."""
    if len(data) < 4 or data[0] >> 6 != 1:
        raise Malformed("runt or another version")
    length = data[0] & 15
    if length > 8 or len(data) < 4 + length:
        raise Malformed("token")
    packet = Packet(data[0] >> 4 & 3, data[1], int.from_bytes(data[2:4], "big"), data[4:4 + length])
    if packet.code == EMPTY and len(data) > 4:
        raise Malformed("an empty message has nothing behind its header")
    at, number = 4 + length, 0
    while at < len(data):
        if data[at] == 0xff:
            packet.payload = data[at + 1:]
            if not packet.payload:
                raise Malformed("marker without payload")
            break
        head, at = data[at], at + 1
        delta, at = _extended(data, head >> 4, at)
        length, at = _extended(data, head & 15, at)
        if at + length > len(data):
            raise Malformed("option is longer than the message")
        number += delta
        packet.options.append((number, data[at:at + length]))
        at += length
    return packet


def _extended(data, nibble, at):
    if nibble == 15:
        raise Malformed("option nibble 15")
    more = {13: 1, 14: 2}.get(nibble, 0)
    if at + more > len(data):
        raise Malformed("option header is cut off")
    base = {13: 13, 14: 269}.get(nibble, nibble)
    return base + int.from_bytes(data[at:at + more], "big"), at + more
