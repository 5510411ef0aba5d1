# SPDX-License-Identifier: Apache-2.0
"""Assertions on a response or a notification: parse, and evaluate on a message."""

import datetime
import json
import re

from . import cbor, xpath

_SOURCES = ("xpath", "rep-xpath", "json", "rep-json", "cbor", "rep-cbor")
_WHOLE = ("body", "type", "rep-body", "rep-type", "length", "method", "path", "gap")
_STATUS = re.compile(r"(\d{3}|closed|\$\w+)(\|(\d{3}|closed))*$")
_TOKEN = re.compile(r"(.+?)\s+(exists|absent|empty|count|list|between|seconds|type|=|!=|!~|~|<=|>=|<|>)(?:\s+(.*))?$")
_DURATION = re.compile(r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$")


class AssertionSyntax(ValueError):
    """The text of an assertion cannot be read."""


class Failed(Exception):
    """The assertion does not hold."""


class Assertion:
    """source, expression, operator, operand; all still with variables. release: 0 = judged in every one;
    transport: http or coap, "" = over both."""
    release, transport = 0, ""

    def __init__(self, source, expr, operator, operand):
        self.source, self.expr, self.operator, self.operand = source, expr, operator, operand

    def __str__(self):
        return " ".join(x for x in (self.source, self.expr, self.operator, self.operand) if x)


def split(text):
    """Assertions of one '<' line: a status, a condition, or a status and a condition."""
    first, _, rest = text.partition(" ")
    if _STATUS.match(first):
        found = [Assertion("status", "", "=", first)]
        return found + ([_condition(rest.strip())] if rest.strip() else [])
    return [_condition(text)]


def _condition(text):
    if text == "relayed":
        return Assertion(text, "", "", "")
    word, _, rest = text.partition(" ")
    if word in _WHOLE:
        rest = f"{word} {rest.strip()}"
    elif word not in _SOURCES:
        rest = text.partition(" ")[2].strip() if word == "header" else text
        word = "header"
    match = _TOKEN.match(rest.strip())
    if not match:
        raise AssertionSyntax(f"cannot read assertion '{text}'")
    expr, operator, operand = match.groups()
    if operator in ("exists", "absent", "empty") and operand:
        raise AssertionSyntax(f"'{operator}' takes no value in '{text}'")
    if word.endswith("xpath") and "$" not in expr:
        xpath.compile_path(expr)
    return Assertion(word, "" if word in _WHOLE else expr, operator, operand or "")


def json_select(document, path):
    """Values at a dotted path with [n] or [*]; '' is the document."""
    nodes = [document]
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+|\*)\]", path):
        found = []
        for node in nodes:
            if name and isinstance(node, dict) and name in node:
                found.append(node[name])
            elif index == "*" and isinstance(node, list):
                found.extend(node)
            elif index.isdigit() and isinstance(node, list) and int(index) < len(node):
                found.append(node[int(index)])
        nodes = found
    return nodes


def _json_text(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def values(message, source, expr):
    """List of values (strings, or JSON values as they are) the message holds."""
    if source.startswith("rep-"):
        message, source = message.representation(), source[4:]
    if source == "xpath":
        return [xpath.text_of(n) for n in xpath.select(message.xml(), expr)]
    if source == "json":
        return json_select(message.json(), expr)
    if source == "cbor":
        return [cbor.shown(v) for v in json_select(message.cbor(), expr)]
    if source == "body":
        return [message.text()]
    if source == "length":
        return [str(len(message.body))]
    if source == "type":
        return [message.header("Content-Type") or ""]
    if source == "header":
        value = message.header(expr)
        return [] if value is None else [value]
    return [str(getattr(message, source))]


def as_time(text):
    """datetime of an xs:dateTime, or None."""
    if not re.match(r"\d{4}-\d\d-\d\dT", text):
        return None
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def as_seconds(text):
    """Seconds of an xs:duration: a month is 30 days, a year 365."""
    match = _DURATION.match(text)
    if not match or text.endswith(("P", "T")):
        return None
    years, months, days, hours, minutes = (int(g or 0) for g in match.groups()[1:6])
    total = ((years * 365 + months * 30 + days) * 24 + hours) * 3600 + minutes * 60
    return (total + float(match[7] or 0)) * (-1 if match[1] else 1)


def _key(text):
    try:
        moment = as_time(text)
        return moment.timestamp() if moment else float(text)
    except ValueError:
        return None


def compare(left, operator, right):
    """Ordered comparison of two numbers, two times, or two texts."""
    lkey, rkey = _key(left), _key(right)
    if lkey is None or rkey is None:
        lkey, rkey = left, right
    return {"<": lkey < rkey, "<=": lkey <= rkey, ">": lkey > rkey, ">=": lkey >= rkey}[operator]


def _count(found, operand):
    match = re.fullmatch(r"(<=|>=|<|>)?\s*(\d+)", operand)
    if not match:
        raise Failed(f"count needs a number, not '{operand}'")
    if match[1]:
        return compare(str(len(found)), match[1], match[2])
    return len(found) == int(match[2])


def _between(texts, operand):
    low, high = operand.split()
    return any(compare(t, ">=", low) and compare(t, "<=", high) for t in texts)


_JSON_TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


def _json_type(found, operand):
    if operand == "number":
        return any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in found)
    return any(isinstance(v, _JSON_TYPES[operand]) for v in found)


_CHECKS = {
    "exists": lambda found, texts, arg: bool(found),
    "absent": lambda found, texts, arg: not found,
    "empty": lambda found, texts, arg: all(t == "" for t in texts),
    "count": lambda found, texts, arg: _count(found, arg),
    "list": lambda found, texts, arg: ",".join(texts) == arg,
    "type": lambda found, texts, arg: _json_type(found, arg),
    "=": lambda found, texts, arg: arg in texts,
    "!=": lambda found, texts, arg: arg not in texts,
    "~": lambda found, texts, arg: any(re.search(arg, t) for t in texts),
    "!~": lambda found, texts, arg: not any(re.search(arg, t) for t in texts),
    "between": lambda found, texts, arg: _between(texts, arg),
    "seconds": lambda found, texts, arg: any(as_seconds(t) == float(arg) for t in texts),
}


def check(message, source, expr, operator, operand):
    """Raise Failed unless the (expanded) assertion holds for the message."""
    if source == "status":
        if not any(message.stands_for(s) for s in operand.split("|")):
            raise Failed(f"status {message.code or message.status}, expected {operand}")
        return
    if source == "relayed":
        return
    found = values(message, source, expr)
    texts = [_json_text(v) for v in found]
    if operator in ("<", "<=", ">", ">="):
        good = any(compare(t, operator, operand) for t in texts)
    else:
        good = _CHECKS[operator](found, texts, operand)
    if not good:
        shown = ", ".join(repr(t[:200]) for t in texts[:8]) or "nothing"
        raise Failed(f"{source} {expr} {operator} {operand}: found {shown}".replace("  ", " "))
