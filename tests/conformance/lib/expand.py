# SPDX-License-Identifier: Apache-2.0
"""Variables of a case: $name, ${name}, $now+60s, $httpnow-1d, $timenow+5s, escapes of raw bytes."""

import datetime
import email.utils
import re

_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z]\w*)\}"
    r"|(?P<clock>now|httpnow|timenow)(?P<offset>[+-]\d+(?:ms|[smhd]))?(?P<zone>@(?:none|[+-]\d\d:\d\d))?(?!\w)"
    r"|(?P<name>[A-Za-z]\w*)|(?P<dollar>\$(?=\w)))")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[rnt0\\])")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


class ExpandError(ValueError):
    """A variable is not defined."""


def _clock(match):
    moment = datetime.datetime.now(datetime.timezone.utc)
    if match["offset"]:
        amount, unit = re.match(r"([+-]\d+)(ms|[smhd])", match["offset"]).groups()
        moment += datetime.timedelta(seconds=int(amount) * _UNITS[unit])
    if match["clock"] == "httpnow":
        return email.utils.format_datetime(moment.replace(microsecond=0), usegmt=True)
    if match["clock"] == "timenow":
        return moment.strftime("%H:%M:%SZ")
    zone = "Z"
    if match["zone"] == "@none":
        zone = ""
    elif match["zone"]:
        sign, hours, minutes = match["zone"][1], match["zone"][2:4], match["zone"][5:7]
        shift = datetime.timedelta(hours=int(hours), minutes=int(minutes))
        moment += shift if sign == "+" else -shift
        zone = match["zone"][1:]
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03d" % (moment.microsecond // 1000) + zone


def expand(text, variables):
    """Replace every variable; '$$name' is '$name', a '$' that starts nothing stays."""
    def replace(match):
        if match["dollar"]:
            return "$"
        if match["clock"]:
            return _clock(match)
        name = match["braced"] or match["name"]
        if name not in variables:
            raise ExpandError(f"undefined variable ${name}")
        return variables[name]
    return _VARIABLE.sub(replace, text)


def names(text):
    """Variable names used in text, without the clocks."""
    return {m["braced"] or m["name"] for m in _VARIABLE.finditer(text)} - {None}


def unescape(text):
    r"""Bytes of a raw line: UTF-8 with \r \n \t \0 \\ and \xHH."""
    def replace(match):
        code = match[1]
        return bytes([int(code[1:], 16)]) if code.startswith(b"x") and len(code) == 3 else _PLAIN[code]
    return _ESCAPE.sub(replace, text.encode())
