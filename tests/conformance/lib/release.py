# SPDX-License-Identifier: Apache-2.0
"""Cases are written in terms of Release 2; this says them in terms of Release 1 and reads its answers.

A request loses `From` for the user part of Basic credentials, documents and queries get the R1 forms;
documents that come back are turned into the R2 forms before they are looked at.
"""

import base64
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree

from . import assertion, xpath

M2M = "{%s}" % xpath.PREFIXES["m2m"]
CONTENT_TYPE = "{%s}contentType" % xpath.PREFIXES["xmime"]
XSI_TYPE = "{%s}type" % xpath.PREFIXES["xsi"]

# Elements TS 102 921 V1.1 does not have: what its schemas lack of those of V2.1.1.
NAMES = frozenset("""
    aggregateURI communicationChannel communicationChannelCollection communicationChannels
    communicationChannelsReference consistencyStrategy currentAccuCreates groupRequestIdentifier inType
    maxAccuCreates memberTypeValidated membersContentAccessRightID noRepresentation notifyCollection
    notifyCollectionResponse outType poc primitiveType publicDomain rcatSchedList referencePoint
    requestNotify requestingEntity resourceURI safPolicySet schedItem sclAnnc sclAnncCollection sclAnncs
    sclAnncsReference subcontainers subcontainersReference subscriberId targetID targetId timeoutReason
    xEtsiContactUriHeader xEtsiCorrelationIDHeader
    """.split())
# What a request says in Release 2 only; sclType and consistencyStrategy have their R1 meaning when left out.
_SEGMENTS = re.compile(r"(?:^|[/?&\s])(%s)(?=$|[/?=\s])" % "|".join(sorted(NAMES)))
_ELEMENTS = re.compile(r"<(?:m2m:)?(%s)\b" % "|".join(sorted(NAMES - {"consistencyStrategy"})))
# In answers: those two, and what only some resources got in Release 2.
_SHOWN = NAMES | {"sclType"}
_PLACES = re.compile(r"contentInstance/m2m:searchStrings|(scl|Annc)/m2m:announceTo|"
                     r"attachedDevices/m2m:mgmtObjsReference")
_VALUES = re.compile(r">(MIXED|LOCATION_CONTAINER|MGMT_OBJ|MGMT_CMD|ATTACHED_DEVICE|NSCL|DSCL)<")
_WORD = re.compile(r"[A-Za-z]\w*")
_PAIRS = {"mgmtProtocolType": (("OMA_DM", "OMA DM"), ("BBF_TR069", "BBF TR 069")),
          "memberType": (("SCL_BASE", "SERVER_CAPABILITY_LAYER"),)}
_QUERY = (("createdAfter", "createdSince"), ("createdBefore", "createdUntil"))
_TEXT = re.compile(r"text/|application/(xml|json)\b|[^;]*\+(xml|json)\b")
_RAW_FROM = re.compile(r"(?i)^(.*\\r\\n|)From: (.*?)\\r\\n(.*)$", re.S)


def basic(originator):
    """Credentials of Release 1 for a requestingEntity (TS 102 921 V1.1.1 C.2.3)."""
    user = urllib.parse.quote(originator, safe="")
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


def originator(credentials):
    """The requestingEntity in Basic credentials, or None."""
    word, _, text = (credentials or "").partition(" ")
    if word.lower() != "basic":
        return None
    try:
        return urllib.parse.unquote(base64.b64decode(text).decode().partition(":")[0])
    except ValueError:
        return None


def of_request(headers):
    """The release a request is made in: who identifies itself by Basic credentials is of Release 1."""
    names = {k.lower() for k, _ in headers}
    return 1 if "authorization" in names and "from" not in names else 2


def reason(case, number):
    """Why a case cannot run in terms of a release; empty when it can."""
    if case.release and case.release != number:
        return f"release {case.release}"
    if number == 2:
        return ""
    for step in case.steps:
        found = _of_release_2(step)
        if found:
            return f"release 2: {found}"
    asked = [a for s in case.steps for _, a in s.expects if a.source not in ("status", "relayed")]
    if asked and not any(applies(a, number) for a in asked):
        return "release 2: all it looks at"
    return ""


def _of_release_2(step):
    """The first thing in a request that Release 1 does not know."""
    if step.kind == "fixture":
        words = set(step.args.split()) & {"communicationChannel", "sclAnnc"}
        return words.pop() if words else ""
    if step.kind not in ("request", "start", "wait-until"):
        return ""
    text = " ".join([step.args, *step.bindings.values()])
    match = _SEGMENTS.search(text) or _ELEMENTS.search("\n".join(step.block))
    match = match or _VALUES.search("\n".join(step.block))
    return match[0].strip("<>/?&=") if match else ""


def applies(item, number):
    """Is an expectation judged in this release?"""
    if item.release:
        return item.release == number
    return number == 2 or not (_SHOWN & set(_WORD.findall(item.expr)) or _PLACES.search(item.expr))


class Release:
    """Release 2: everything as it is written."""
    number = 2

    def headers(self, headers):
        """Header list as it goes out."""
        return headers

    def target(self, target):
        """Request target as it goes out."""
        return target

    def body(self, _headers, body):
        """Body as it goes out."""
        return body

    def raw(self, text):
        """A line of a raw request."""
        return text


class Release1(Release):
    """The same said in Release 1."""
    number = 1

    def headers(self, headers):
        given = {k.lower() for k, _ in headers}
        if "authorization" in given:
            return headers
        return [("Authorization", basic(v)) if k.lower() == "from" else (k, v) for k, v in headers]

    def target(self, target):
        path, mark, query = target.partition("?")
        for new, old in _QUERY:
            query = re.sub(rf"(^|&){new}=", rf"\g<1>{old}=", query)
        return path + mark + query

    def body(self, headers, body):
        kind = next((v for k, v in headers if k.lower() == "content-type"), "")
        if "xml" not in kind:
            return body
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError:
            return body
        if not root.tag.startswith(M2M) or not to_release_1(root):
            return body
        for prefix, uri in xpath.PREFIXES.items():
            ElementTree.register_namespace(prefix, uri)
        return ElementTree.tostring(root, encoding="utf-8")

    def raw(self, text):
        match = _RAW_FROM.match(text)
        return f"{match[1]}Authorization: {basic(match[2])}\\r\\n{match[3]}" if match else text


RELEASES = {1: Release1(), 2: Release()}


def to_release_1(root):
    """Turn a document into the forms of Release 1; True when it changed."""
    changed = False
    for element in list(root.iter()):
        name = element.tag.replace(M2M, "")
        changed |= _content_out(element) if name == "content" else False
        changed |= _value(element, name, 0)
        changed |= _age_out(element) if name == "maxInstanceAge" else False
        changed |= _filter_out(element) if name == "filterCriteria" else False
        changed |= element.tag == M2M + "scheduleString" and _schedule_out(element)
        for child in list(element):
            if _left_out(name, child):
                element.remove(child)
                changed = True
    return changed


def _left_out(parent, child):
    """Is it something that Release 1 means when it says nothing?"""
    name = child.tag.replace(M2M, "")
    return name == "consistencyStrategy" or (name == "sclType" and child.text == "GSCL") or \
        (parent == "contentInstance" and name == "searchStrings")


def from_release_1(root):
    """Turn a document that may be of Release 1 into the forms of Release 2."""
    for element in list(root.iter()):
        name = element.tag.replace(M2M, "")
        if name == "content" and not len(element) and (element.text or "").strip():
            _content_in(element)
        elif name == "maxInstanceAge" and (element.text or "").isdigit():
            element.text = f"PT{element.text}S"
        elif name == "scheduleString":
            element.tag = M2M + name
        else:
            _value(element, name, 1)
    return root


def _content_out(element):
    if len(element) != 1:
        return False
    child = element[0]
    text = child.text or ""
    if child.tag == M2M + "textContent":
        text = base64.b64encode(text.encode()).decode()
        element.attrib.setdefault(CONTENT_TYPE, "text/plain")
    element.remove(child)
    element.text = text
    return True


def _content_in(element):
    data = "".join(element.text.split())
    element.text = None
    if _TEXT.match(element.get(CONTENT_TYPE, "")):
        child = ElementTree.SubElement(element, M2M + "textContent")
        child.text = base64.b64decode(data).decode("utf-8", "replace")
    else:
        ElementTree.SubElement(element, M2M + "binaryContent").text = data


def _value(element, name, column):
    for pair in _PAIRS.get(name, ()):
        if element.text == pair[column]:
            element.text = pair[1 - column]
            return True
    return False


def _age_out(element):
    seconds = assertion.as_seconds(element.text or "")
    if seconds is None:
        return False
    element.text = str(int(seconds))
    return True


def _schedule_out(element):
    element.tag = "scheduleString"
    element.attrib.pop("id", None)
    return True


def _filter_out(element):
    names = dict(_QUERY)
    for child in list(element):
        child.tag = names.get(child.tag, child.tag)
        if child.tag == "attributeAccessor" and not child.text:
            element.remove(child)
    if any(c.tag not in ("ifModifiedSince", "ifUnmodifiedSince", "ifMatch", "ifNoneMatch") for c in element):
        element.set(XSI_TYPE, "m2m:ContentInstanceFilterCriteriaType")
    return True
