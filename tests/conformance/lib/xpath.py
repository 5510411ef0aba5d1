# SPDX-License-Identifier: Apache-2.0
"""The subset of XPath the cases need, over ElementTree, with fixed prefixes.

    path  := ('/' | '//') step (('/' | '//') step)*
    step  := name | '*' | '.' | '@' name | 'text()' | step '[' predicate ']'
    predicate := number | 'last()' | [@]name '=' "'" value "'"

A name without prefix has no namespace, exactly as in XPath.
"""

import re

PREFIXES = {
    "m2m": "http://uri.etsi.org/m2m",
    "xmime": "http://www.w3.org/2005/05/xmlmime",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
_STEP = re.compile(r"(//|/)(@?[\w:.*()-]+)((?:\[[^\]]*\])*)")
_PREDICATE = re.compile(r"\[([^\]]*)\]")
_EQUALS = re.compile(r"(@?[\w:.-]+)='([^']*)'$")


class XPathError(ValueError):
    """The expression is outside the subset."""


def qname(name):
    """Clark notation of a prefixed name."""
    if ":" not in name:
        return name
    prefix, local = name.split(":", 1)
    if prefix not in PREFIXES:
        raise XPathError(f"unknown prefix {prefix}")
    return "{%s}%s" % (PREFIXES[prefix], local)


def compile_path(expr):
    """List of (axis, name, [predicate])."""
    steps, pos = [], 0
    while pos < len(expr):
        match = _STEP.match(expr, pos)
        if not match:
            raise XPathError(f"cannot read '{expr}' at '{expr[pos:]}'")
        axis, name, predicates = match.groups()
        steps.append((axis, name, _PREDICATE.findall(predicates)))
        if name not in ("*", ".", "text()"):
            qname(name.lstrip("@"))
        for predicate in steps[-1][2]:
            _check_predicate(predicate)
        pos = match.end()
    if not steps:
        raise XPathError("empty expression")
    return steps


def _check_predicate(predicate):
    if predicate.isdigit() or predicate == "last()":
        return
    match = _EQUALS.match(predicate)
    if not match:
        raise XPathError(f"predicate [{predicate}]")
    qname(match.group(1).lstrip("@"))


def _matches(element, name):
    return name == "*" or element.tag == qname(name)


def _filter(nodes, predicate):
    if predicate.isdigit():
        index = int(predicate) - 1
        return nodes[index:index + 1]
    if predicate == "last()":
        return nodes[-1:]
    name, value = _EQUALS.match(predicate).groups()
    if name.startswith("@"):
        return [n for n in nodes if n.get(qname(name[1:])) == value]
    return [n for n in nodes if any(text_of(c) == value for c in n if c.tag == qname(name))]


def _candidates(element, axis, first):
    """Elements one step may select; the first step sees the root itself."""
    if axis == "/":
        return [element] if first else list(element)
    return list(element.iter()) if first else [e for c in element for e in c.iter()]


def text_of(node):
    """Text of a node: an element's own text, or an attribute value."""
    if isinstance(node, str):
        return node
    return (node.text or "").strip() if len(node) else (node.text or "")


def select(root, expr):
    """Nodes (elements or strings) selected by expr from the document element."""
    nodes, first = [root], True
    for axis, name, predicates in compile_path(expr):
        found = []
        for node in nodes:
            found.extend(_apply(node, axis, name, predicates, first))
        nodes, first = found, False
    return nodes


def _apply(node, axis, name, predicates, first):
    if name == "text()":
        return [text_of(node)]
    if name.startswith("@"):
        holders = [node] if axis == "/" else list(node.iter())
        key = qname(name[1:])
        return [h.get(key) for h in holders if h.get(key) is not None]
    hits = [e for e in _candidates(node, axis, first) if _matches(e, name)]
    for predicate in predicates:
        hits = _filter(hits, predicate)
    return hits
