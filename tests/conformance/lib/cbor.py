# SPDX-License-Identifier: Apache-2.0
"""CBOR (RFC 8949) as far as documents use it, on its own: what the SCL writes is judged by another decoder."""

import json
import math
import re
import struct

_BYTES = re.compile(r"h'([0-9A-Fa-f]*)'")
_MARK = "\x00h"


class Malformed(ValueError):
    """The bytes are no document, or not in the one form that is written."""


def _head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    size = next(i for i in range(4) if argument < 1 << (8 << i))
    return bytes([major << 5 | 24 + size]) + argument.to_bytes(1 << size, "big")


def _shortest_float(value):
    for mark, form in ((0xf9, ">e"), (0xfa, ">f")):
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, packed)[0] == value:
            return bytes([mark]) + packed
    return b"\xfb" + struct.pack(">d", value)


def dumps(value):
    """Bytes of a value, members in their order."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return _shortest_float(value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(dumps(k) + dumps(v) for k, v in value.items())
    return _head(4, len(value)) + b"".join(dumps(v) for v in value)


def _octets(value):
    if isinstance(value, str) and value.startswith(_MARK):
        return bytes.fromhex(value[len(_MARK):])
    if isinstance(value, dict):
        return {k: _octets(v) for k, v in value.items()}
    return [_octets(v) for v in value] if isinstance(value, list) else value


def parse(text):
    """A value from its diagnostic notation: JSON, and h'...' for octets."""
    return _octets(json.loads(_BYTES.sub(lambda m: json.dumps(_MARK + m[1]), text)))


def shown(value):
    """A value in diagnostic notation."""
    return f"h'{value.hex()}'" if isinstance(value, bytes) else value


class _Reader:
    """Reads one item after the other, in the deterministic encoding of RFC 8949 4.2.1 alone."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        """The next octets."""
        part = self.data[self.at:self.at + count]
        if len(part) != count:
            raise Malformed("ends early")
        self.at += count
        return part

    def head(self):
        """(major type, additional information, argument)."""
        first = self.take(1)[0]
        major, info = first >> 5, first & 0x1f
        if info < 24:
            return major, info, info
        if info > 27:
            raise Malformed(f"head {first:#x} at {self.at - 1}")
        argument = int.from_bytes(self.take(1 << info - 24), "big")
        if major != 7 and _head(major, argument)[0] != first:
            raise Malformed(f"not the shortest head at {self.at}")
        return major, info, argument

    def value(self):
        """The next item."""
        major, info, argument = self.head()
        if major < 2:
            return argument if major == 0 else -1 - argument
        if major < 4:
            data = self.take(argument)
            return data if major == 2 else data.decode()
        if major == 4:
            return [self.value() for _ in range(argument)]
        if major == 5:
            return self.members(argument)
        if major == 7 and info in (20, 21):
            return info == 21
        if major == 7 and info in (25, 26, 27):
            return self.real(info, argument)
        raise Malformed(f"unexpected item before {self.at}")

    def members(self, count):
        """A map whose keys are in order."""
        found, last = {}, b""
        for _ in range(count):
            start = self.at
            key = self.value()
            if self.data[start:self.at] <= last:
                raise Malformed(f"keys out of order at {start}")
            last = self.data[start:self.at]
            found[key] = self.value()
        return found

    def real(self, info, argument):
        """A float in its shortest form."""
        size = 1 << info - 24
        value = struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], argument.to_bytes(size, "big"))[0]
        if not math.isfinite(value) or len(_shortest_float(value)) != size + 1:
            raise Malformed(f"float at {self.at} is not in its shortest form")
        return value


def loads(data):
    """The value of a document; Malformed also when it is not in the form that must be written."""
    reader = _Reader(data)
    try:
        value = reader.value()
    except UnicodeDecodeError:
        raise Malformed("text is not UTF-8") from None
    if reader.at != len(data):
        raise Malformed("octets behind the document")
    return value
