# SPDX-License-Identifier: Apache-2.0
"""Documents to send, and looks into documents received."""

from xml.sax.saxutils import escape, quoteattr

M2M = "http://uri.etsi.org/m2m"
XMIME = "http://www.w3.org/2005/05/xmlmime"
NS = f'xmlns:m2m="{M2M}"'
RIGHT = "/m2m/accessRights/default"


def q(name):
    """Name in the ETSI namespace."""
    return "{%s}%s" % (M2M, name)


def text(element, name, default=None):
    """Text of the first element with this name below element, whatever its namespace."""
    for node in element.iter():
        if node.tag in (q(name), name):
            return node.text or ""
    return default


def texts(element, name):
    """Texts of all elements with this name below element."""
    return [node.text or "" for node in element.iter() if node.tag in (q(name), name)]


def instances(element):
    """(id, contentSize) of the contentInstances below element, in order."""
    return [(node.get(q("id")), int(text(node, "contentSize", "-1"))) for node in element.iter(q("contentInstance"))]


def names(element, collection):
    """Ids of the namedReferences of a collection."""
    return [r.get("id") for c in element.iter(q(collection)) for r in c.iter(q("namedReference"))]


def _tags(tags):
    if tags is None:
        return ""
    inner = "".join(f"<m2m:searchString>{escape(t)}</m2m:searchString>" for t in tags)
    return f"<m2m:searchStrings>{inner}</m2m:searchStrings>"


def _field(name, value):
    return "" if value is None else f"<m2m:{name}>{escape(str(value))}</m2m:{name}>"


def _id(name):
    return "" if name is None else f" m2m:id={quoteattr(name)}"


def application(name=None, tags=None, expires=None, apoc=None, paths=None, right=RIGHT):
    """application; paths are aPoCPaths."""
    inner = "".join(f"<m2m:aPoCPath><m2m:path>{escape(p)}</m2m:path></m2m:aPoCPath>" for p in paths or ())
    inner = f"<m2m:aPoCPaths>{inner}</m2m:aPoCPaths>" if paths else ""
    name = "" if name is None else f" appId={quoteattr(name)}"
    return (f"<m2m:application {NS}{name}>{_field('expirationTime', expires)}{_field('accessRightID', right)}"
            f"{_tags(tags)}{_field('aPoC', apoc)}{inner}</m2m:application>")


def container(name=None, nr=None, size=None, age=None, tags=None, expires=None, right=RIGHT):
    """container."""
    return (f"<m2m:container {NS}{_id(name)}>{_field('expirationTime', expires)}{_field('accessRightID', right)}"
            f"{_tags(tags)}{_field('maxNrOfInstances', nr)}{_field('maxByteSize', size)}"
            f"{_field('maxInstanceAge', age)}</m2m:container>")


def instance(content, name=None):
    """contentInstance with text."""
    return (f'<m2m:contentInstance {NS} xmlns:xmime="{XMIME}"{_id(name)}><m2m:content xmime:contentType="text/plain">'
            f"<m2m:textContent>{escape(content)}</m2m:textContent></m2m:content></m2m:contentInstance>")


def subscription(contact, name=None, expires=None):
    """subscription."""
    return (f"<m2m:subscription {NS}{_id(name)}>{_field('expirationTime', expires)}{_field('contact', contact)}"
            "</m2m:subscription>")
