# SPDX-License-Identifier: Apache-2.0
"""Was everything that a proxy has acknowledged delivered, in order, once? What px_load.c has sent, judged where it arrives.

A message is a line with its stream, its number (from 1) and a MAC of both, so a sink's copy is known by itself, and one that
nobody sent is recognised. `Wire` judges the units that a sink has acknowledged, which may come again, as they were; `Checker`
the messages that are applied, which may not.
"""

import array
import hashlib
import hmac
import re
import struct

KEY = b"px_load"
SIZE = 48
MM1, MM2, DATA, END = 1, 2, 3, 4
_LINE = re.compile(rb"q(\d{5})-(\d{10})-([0-9a-f]{16})\.*")
_SHOWN = 5


def line(stream, number, size=SIZE):
    """The message as px_load.c makes it, with its newline."""
    text = b"q%05d-%010d" % (stream, number)
    text += b"-" + hmac.digest(KEY, text, "sha256")[:8].hex().encode()
    return text + b"." * (size - 1 - len(text)) + b"\n"


def number_of(message):
    """(stream, number) of a message without its newline; None: nobody sent it."""
    match = _LINE.fullmatch(message)
    if not match or line(int(match.group(1)), int(match.group(2)), len(message) + 1)[:-1] != message:
        return None
    return int(match.group(1)), int(match.group(2))


class Journal:
    """What a writer knows: numbers up to stored are acknowledged, those up to sent have perhaps arrived."""

    def __init__(self, stored=0, sent=0):
        self.stored, self.sent = stored, sent

    @classmethod
    def read(cls, path):
        """Of px_load.c."""
        found = cls()
        try:
            with open(path, encoding="ascii") as file:
                for words in (text.split() for text in file if text.endswith("\n")):
                    if words[0] == "sent":
                        found.sent = max(found.sent, int(words[2]))
                    else:
                        found.stored = max(found.stored, int(words[1]))
        except FileNotFoundError:
            pass
        return found


class Checker:
    """Messages in the order in which they were applied: each once, ascending, none that nobody sent."""

    def __init__(self, first=1, again=False):
        self.first, self.again = first, again   # again: what was there may come once more, at least once
        self.last, self.missing, self.complaints, self.taken = {}, {}, [], 0

    def _complain(self, text):
        self.complaints.append(text)

    def take(self, message):
        """One message without its newline."""
        known = number_of(message)
        self.taken += 1
        if known is None:
            self._complain(f"alien: message {self.taken} was never sent: {message[:60]!r}")
            return
        stream, number = known
        last, missing = self.last.setdefault(stream, self.first - 1), self.missing.setdefault(stream, set())
        if number > last:
            missing.update(range(last + 1, number))
            self.last[stream] = number
        elif number in missing:
            missing.discard(number)
            self._complain(f"order: stream {stream} has {number} behind {last}")
        elif number < self.first:
            self._complain(f"not granted: stream {stream} has {number}, which is before {self.first}")
        elif not self.again:
            self._complain(f"twice: stream {stream} has {number} again behind {last}")

    def take_all(self, octets):
        """Messages with their newlines."""
        for message in octets.split(b"\n")[:-1]:
            self.take(message)
        if octets and not octets.endswith(b"\n"):
            self._complain(f"cut: {octets[-60:]!r}")

    def verdict(self, journals):
        """Complaints, given {stream: Journal}."""
        found = self.complaints[:_SHOWN]
        if len(self.complaints) > _SHOWN:
            found.append(f"... {len(self.complaints) - _SHOWN} complaints more")
        for stream, journal in journals.items():
            last = self.last.get(stream, self.first - 1)
            lost = sorted(n for n in self.missing.get(stream, ()) if n <= journal.stored)
            lost += range(last + 1, journal.stored + 1)
            if lost:
                found.append(f"lost: stream {stream} misses {len(lost)} acknowledged of {journal.stored}: {list(lost[:_SHOWN])}")
            if last > journal.sent:
                found.append(f"invented: stream {stream} has {last}, only {journal.sent} were sent")
        return found + [f"alien: stream {s} of nobody" for s in self.last if s not in journals]


def units(octets):
    """The units of a batch, or of a body that is one unit."""
    if octets[:1] == b"\x01":
        return [octets]
    found, at = [], 0
    while at < len(octets):
        length, = struct.unpack_from(">I", octets, at)
        found.append(octets[at + 4:at + 4 + length])
        at += 4 + length
    return found


def joined(parts):
    """A batch."""
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


def place(unit):
    """(stream, epoch, keyIndex, kind, seq): where a unit stands; kind 0 of management messages, 1 of data, 2 of END."""
    epoch, stream, index = struct.unpack_from(">IHH", unit, 4)
    if unit[2] in (MM1, MM2):
        return stream, epoch, index, 0, 0
    if unit[2] == END:
        return stream, epoch, index, 2, 0
    at = 36 + 2 + struct.unpack_from(">H", unit, 36)[0]
    at += 2 + struct.unpack_from(">H", unit, at)[0]
    return stream, epoch, index, 1, struct.unpack_from(">I", unit, at)[0]


class Wire:
    """Units as a sink has acknowledged them: in order, whole; what comes again is what it was."""

    def __init__(self):
        self.sections, self.last, self.complaints, self.fresh, self.again = {}, {}, [], [], 0

    @staticmethod
    def _digest(unit):
        return int.from_bytes(hashlib.sha256(unit).digest()[:8], "big")

    def take(self, body):
        """Units of one request."""
        for unit in units(body):
            self._take(unit)

    def _take(self, unit):
        where = place(unit)
        stream, kind, seq = where[0], where[3], where[4]
        known = self.sections.setdefault(where[:3], {0: None, 1: array.array("Q"), 2: None})
        before = known[kind] if kind != 1 else known[1][seq] if seq < len(known[1]) else None
        if before is not None:
            self.again += 1
            if before != self._digest(unit):
                self.complaints.append(f"alien duplicate: {where} is not what it was")
            return
        if where <= self.last.get(stream, (stream, -1)):
            self.complaints.append(f"order: {where} behind {self.last[stream]}")
        if kind == 1 and seq != len(known[1]):
            self.complaints.append(f"gap: {where} behind seq {len(known[1]) - 1}")
            return
        if kind and known[0] is None:
            self.complaints.append(f"gap: {where} without its management message")
        self.last[stream] = where
        self.fresh.append(unit)
        if kind == 1:
            known[1].append(self._digest(unit))
        else:
            known[kind] = self._digest(unit)
