# SPDX-License-Identifier: Apache-2.0
"""Documents near a valid one: every mutant is one edit away from a seed. No chance is involved, the
same seeds give the same mutants.

A document is written once, in a form of its own (fixed prefixes, no white space between elements);
a mutant is that text with one place replaced.
"""
import re
import xml.etree.ElementTree as ET

NAMESPACES = {
    "m2m": "http://uri.etsi.org/m2m",
    "xmime": "http://www.w3.org/2005/05/xmlmime",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
FOREIGN = "http://example.org/foreign"      # prefix f, for what a document has of its own

# All values of the enumerations of TS 102 921.
WORDS = """
    6LOWPAN 6LOWPAN-BLUETOOTH 6LOWPAN-PLC 6LOWPAN-WIFI ABANDON_GROUP ABANDON_MEMBER ACCESS_RIGHT AN
    AP APPLICATION APPLICATION_GENERATED AR ASAP ASLEEP ASYNCHRONOUS ATTACHED_DEVICE AWAKE BBF_TR069
    CANCELLING CHANGEDUSTATE CHARGE_COMPLETE CHARGING CI CONTAINER CREATE CS CT DAMAGED DEEP DELETE
    DIA_REFERENCE_POINT DISCOVER DOWNLOAD DSCL EXECUTE FAILURE FINISHED GP GSCL IMMEDIATE INITIATED
    IPV4-BLUETOOTH IPV4-PLC IPV4-WIFI IPV4-WPAN LOCATION_CONTAINER LOCATION_SERVER_BASED
    LONG_POLLING LOW_BATTERY MGMT_CMD MGMT_OBJ MIA_REFERENCE_POINT MIXED MODIFY_TYPE MT NORMAL
    NOTIFY NOT_INSTALLED NOT_REACHABLE NSCL OFFLINE OMA_DM ONLINE PM RCAT_0 RCAT_1 RCAT_2 RCAT_3
    RCAT_4 RCAT_5 RCAT_6 RCAT_7 READ REBOOT RESET RESTART_ALL_APPLS RESTART_ONE_APPL RESTART_OS
    RETRIEVE RS SB SCHEDULEDOWNLOAD SCHEDULEINFORM SCL SCL_BASE SHALLOW SL STARTED STATUS_ACCEPTED
    STATUS_BAD_GATEWAY STATUS_BAD_REQUEST STATUS_CONFLICT STATUS_DELETED STATUS_EXPIRED
    STATUS_FORBIDDEN STATUS_GATEWAY_TIMEOUT STATUS_INTERNAL_SERVER_ERROR STATUS_METHOD_NOT_ALLOWED
    STATUS_NOT_ACCEPTABLE STATUS_NOT_FOUND STATUS_NOT_IMPLEMENTED STATUS_OK
    STATUS_PERMISSION_DENIED STATUS_REQUEST_TIMEOUT STATUS_SERVICE_UNAVAILABLE
    STATUS_UNSUPPORTED_MEDIA_TYPE SUCCESS SYNCHRONOUS UNKNOWN UPDATE UPLOAD WRITE ZIGBEE appLog
    systLog
""".split()
# Values that no release has, or only Release 1.
FALSE_WORDS = ["STATUS_CREATED", "OMA DM", "BBF TR 069", "SERVER_CAPABILITY_LAYER", "RCAT_8",
               "ok", "READ WRITE", "APPEND"]

ANY = ["", " ", "x", "two words", "\u00e9", "\U0001f600"]
NUMBERS = ["-1", "0", "1", "99", "100", "101", "+5", "007", "1.5", "1e3", "0x10", "32767", "32768",
           "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
           "-9223372036854775809", "1 2"]
BOOLEANS = ["true", "false", "0", "1", "TRUE", "yes", "true/false", "true|false"]
DATES = ["2014-03-01T08:00:00Z", "2014-03-01T08:00:00", "2014-03-01T08:00:00.123456+14:00",
         "2014-03-01T08:00:00+14:01", "2014-02-30T08:00:00Z", "2014-13-01T08:00:00Z",
         "2014-03-01", "20140301T080000Z", "2014-03-01 08:00:00Z", "14-03-01T08:00:00Z",
         "2014-03-01T25:00:00Z", "2014-03-01T08:60:00Z", "2014-03-01T08:00Z", "1393660800"]
DURATIONS = ["PT1M", "P1Y2M3DT4H5M6.7S", "-PT1S", "PT0S", "P", "PT", "P1H", "PT1.5H", "1 day",
             "3600"]
TIMES = ["12:00:00", "12:00:00Z", "12:00:00.5+02:00", "24:01:00", "12:60:00", "12:00", "noon"]
OCTETS = ["AAAA", "AAA=", "AA==", "AA A A", "A", "A===", "!!!!", "AAAAA", "0g", "abc", "ABCDEF"]
URIS = ["a b", "http://h/%zz", "http://[::1", "http://h:port/", "http://h/a|b", "//h", "?q", "#f",
        "urn:x:y", "/\u00e9"]
LENGTHS = ["x" * n for n in (2, 3, 32, 33, 64, 65, 256, 257, 1024, 1025)] + ["\u00e9" * 32]
SIZES = ["0B", "1K", "1M", "1G", "1T", "1P", "1k", "K", "1.5K", "999999999999999B",
         "1000000000000000B", "-1K", " 1K "]
NAMES = ["a b", " a ", "a/b", "-a", "1", "a:b", ".", "..", "a,b", "\u00e9", "x" * 300]

# What a value looks like, and what is tried in its place; the first that fits.
CLASSES = (
    (re.compile(r"-?\d+$"), NUMBERS + BOOLEANS),
    (re.compile(r"(true|false)$"), BOOLEANS + NUMBERS[:4]),
    (re.compile(r"\d{4}-\d\d-\d\dT"), DATES),
    (re.compile(r"-?P(\d|T)"), DURATIONS),
    (re.compile(r"\d\d:\d\d:\d\d"), TIMES),
    (re.compile(r"\d+[BKMGT]$"), SIZES),
    (re.compile("(%s)$" % "|".join(map(re.escape, WORDS))), WORDS + FALSE_WORDS),
    (re.compile(r"([0-9A-Fa-f]{2})+$"), OCTETS),
    (re.compile(r"[A-Za-z0-9+/]+=*$"), OCTETS + LENGTHS),
    (re.compile(r""), URIS + LENGTHS),
)

XSI_TYPES = ["m2m:Unknown", "Container", "xs:string", "xs:anyType", "m2m:MgmtObj", "m2m:Parameters",
             "m2m:Container", "m2m:LocationContainer", "m2m:ContentInstancesFilterCriteriaType",
             "m2m:AnyURIList", "m2m:ChannelData", "m2m:RcatType", ""]
ATTRIBUTES = [("unknown", "1"), ("m2m:unknown", "1"), ("f:unknown", "1"), ("xml:lang", "en"),
              ("id", "a"), ("m2m:id", "a"), ("m2m:name", "a"), ("m2m:name", "a b"),
              ("m2m:name", "a"), ("m2m:name", "a b"), ("appId", "a"), ("sclId", "a"), ("href", "a"),
              ("xmime:contentType", "a/b"), ("xsi:nil", "true"), ("xsi:nil", "false"),
              ("xsi:schemaLocation", "urn:a urn:b")]
STRANGERS = ["m2m:unknown", "unknown", "f:unknown"]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


class Element:
    """An element and where it stands in the text of its document."""

    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children = []
        self.path = (parent.path + "/" if parent else "") + name
        self.begin = self.inner = self.after = self.end = 0     # end: behind the end tag
        self.value = None       # of an element without children

    def tag(self, name, attributes):
        return "<" + name + "".join(f' {n}="{escape(v)}"' for n, v in attributes) + ">"


class Document:
    """A document as text, and its elements in the order of the text."""

    def __init__(self, name, tree):
        self.name, self.elements, self.text = name, [], ""
        self.prefixes = dict({uri: p for p, uri in NAMESPACES.items()})
        self.add(tree, None)
        self.root = self.elements[0]
        # Elements are told apart by the kind of document they stand in.
        self.kind = self.root.name + dict(self.root.attributes).get("xsi:type", "")

    def prefixed(self, name):
        uri, _, local = name.rpartition("}")
        if not uri:
            return local
        if uri == "{http://www.w3.org/XML/1998/namespace":
            return "xml:" + local
        return self.prefixes.get(uri[1:], "f") + ":" + local

    def add(self, node, parent):
        attributes = [(self.prefixed(n), v) for n, v in node.attrib.items()]
        element = Element(self.prefixed(node.tag), attributes, parent)
        self.elements.append(element)
        element.begin = len(self.text)
        if parent is None:      # all prefixes, so that a mutant may use any
            declared = "".join(f' xmlns:{p}="{u}"' for p, u in NAMESPACES.items())
            start = element.tag(element.name + declared + f' xmlns:f="{FOREIGN}"', attributes)
        else:
            parent.children.append(element)
            start = element.tag(element.name, attributes)
        self.text += start
        element.inner = len(self.text)
        if len(node):
            for child in node:
                self.add(child, element)
        else:
            element.value = node.text or ""
            self.text += escape(element.value)
        element.after = len(self.text)
        self.text += f"</{element.name}>"
        element.end = len(self.text)

    def replaced(self, begin, end, new):
        return self.text[:begin] + new + self.text[end:]

    def retagged(self, element, name, attributes):
        start = element.tag(name, attributes)
        if element.parent is None:
            declarations = re.search(r"( xmlns:\w+=\"[^\"]*\")+", self.text)[0]
            start = start.replace(name, name + declarations, 1)
        inner = self.text[element.inner:element.after]
        return self.replaced(element.begin, element.end, f"{start}{inner}</{name}>")


def read(path, name):
    return Document(name, ET.parse(path).getroot())


def other_names(name):
    """The same name elsewhere, and other names in the same place."""
    prefix, _, local = name.rpartition(":")
    yield local if prefix else "m2m:" + local
    yield "f:" + local
    yield f"{prefix}:{local}X" if prefix else local + "X"
    yield (prefix + ":" if prefix else "") + local[:1].swapcase() + local[1:]


def placing(doc, element):
    """Changes of the number and the order of elements."""
    text, siblings = doc.text, element.parent.children
    whole = text[element.begin:element.end]
    at = siblings.index(element)
    yield "drop", doc.replaced(element.begin, element.end, "")
    yield "twice", doc.replaced(element.end, element.end, whole)
    yield "many", doc.replaced(element.end, element.end, whole * 100)
    if at + 1 < len(siblings):
        follower = siblings[at + 1]
        yield "swap", doc.replaced(element.begin, follower.end,
                                   text[follower.begin:follower.end] + whole)
    if at + 2 < len(siblings):
        behind = doc.replaced(element.parent.after, element.parent.after, whole)
        yield "last", behind[:element.begin] + behind[element.end:]
    if at > 0:
        begin = element.parent.inner
        yield "first", doc.replaced(begin, element.end, whole + text[begin:element.begin])
    for name in STRANGERS:
        yield f"before {name}", doc.replaced(element.begin, element.begin, f"<{name}/>")


def naming(doc, element):
    for name in other_names(element.name):
        yield f"name {name}", doc.retagged(element, name, element.attributes)


def attributes(doc, element):
    have = element.attributes
    names = {n for n, _ in have}
    for i, (name, value) in enumerate(have):
        rest = have[:i] + have[i + 1:]
        yield f"without @{name}", doc.retagged(element, element.name, rest)
        for other in other_names(name):
            if other not in names:
                yield f"@{name} as {other}", doc.retagged(element, element.name,
                                                          rest + [(other, value)])
        values = XSI_TYPES if name == "xsi:type" else ANY + NAMES + URIS
        for new in values:
            yield f"@{name}={new[:20]}", doc.retagged(element, element.name, rest + [(name, new)])
    for name, value in ATTRIBUTES:
        if name not in names:
            yield f"with @{name}={value}", doc.retagged(element, element.name,
                                                        have + [(name, value)])
    if "xsi:type" not in names:
        for value in XSI_TYPES:
            yield f"with @xsi:type={value}", doc.retagged(element, element.name,
                                                          have + [("xsi:type", value)])


def content(doc, element):
    """Text among elements, elements in text, nothing at all."""
    yield "text", doc.replaced(element.inner, element.inner, "text")
    yield "CDATA", doc.replaced(element.after, element.after, "<![CDATA[text]]>")
    yield "comment", doc.replaced(element.inner, element.inner, "<!-- text --><?p i?>")
    for name in STRANGERS:
        yield f"last {name}", doc.replaced(element.after, element.after, f"<{name}>1</{name}>")
    if element.inner != element.after:
        yield "empty", doc.replaced(element.inner, element.after, "")


def values(doc, element):
    value = element.value.strip()
    if not value:
        tried = ANY + ["1", "true"]
    else:
        tried = ANY + next(v for fits, v in CLASSES if fits.match(value))
        yield "blanks around", doc.replaced(element.inner, element.after, f"\t {escape(value)}\n ")
        yield "longer", doc.replaced(element.after, element.after, "x")
    for new in tried:
        label = new if len(new) < 30 else f"{new[0]}*{len(new)}"
        yield f"={label}", doc.replaced(element.inner, element.after, escape(new))


def value_key(element):
    """One element of a global name has the same type wherever it stands."""
    local = ":" not in element.name and element.parent is not None
    return (element.parent.name + "/" if local else "") + element.name


def edits(doc, element):
    """(what it must differ in to be tried again, label, text)"""
    place = (doc.kind, element.path)
    for change in (naming, content):
        for label, text in change(doc, element):
            yield place, label, text
    if element.parent is not None:
        for label, text in placing(doc, element):
            yield place + (tuple(c.name for c in element.parent.children),), label, text
    for label, text in attributes(doc, element):
        yield place + (tuple(element.attributes),), label, text
    if not element.children:
        for label, text in values(doc, element):
            yield value_key(element), label, text


def mutants(doc, seen):
    """(description, text) of the seed itself and of everything one edit away from it that was not
    tried yet; seen is shared by all seeds."""
    yield "itself", doc.text
    for element in doc.elements:
        for key, label, text in edits(doc, element):
            if (key, label) not in seen:
                seen.add((key, label))
                yield f"{element.path} {label}", text


def bare(name, type_name):
    """A document of one element, perhaps with an xsi:type."""
    node = ET.Element("{%s}%s" % (NAMESPACES["m2m"], name))
    if type_name:
        node.set("{%s}type" % NAMESPACES["xsi"], "m2m:" + type_name)
    node.set("{%s}id" % NAMESPACES["m2m"], "a")
    if type_name:
        node.append(ET.Element("{%s}parametersCollection" % NAMESPACES["m2m"]))
    return Document(name, node)


def bare_mutants(elements, types):
    """Which names may be roots, which types may stand for which."""
    for name in elements:
        doc = bare(name, "")
        yield f"root {name}", doc.text
        yield f"root {name} without id", doc.retagged(doc.root, doc.root.name, [])
        for value in ("1", "true", "two words", "2014-03-01T08:00:00Z", "http://h/%zz"):
            yield f"root {name} ={value}", f"<{doc.root.name} xmlns:m2m=\"{NAMESPACES['m2m']}\">" \
                                           f"{value}</{doc.root.name}>"
        for value in ("1", "true", "two words", "2014-03-01T08:00:00Z", "http://h/%zz"):
            yield f"root {name} ={value}", doc.replaced(doc.root.inner, doc.root.after, value)
    for name in types:
        for root in ("mgmtObj", "parameters", "container", "channelData", "filterCriteria"):
            yield f"root {root} of type {name}", bare(root, name).text
