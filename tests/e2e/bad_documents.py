# SPDX-License-Identifier: Apache-2.0
"""Bodies, targets and headers that must be refused, for badinput.py."""

import base64
import random

from lib import xml
from lib.raw import document, head

CONTAINERS = "/m2m/applications/bad/containers"
INSTANCES = f"{CONTAINERS}/c/contentInstances"
APPLICATIONS = "/m2m/applications"
SUBSCRIPTIONS = f"{CONTAINERS}/c/subscriptions"
RIGHTS = "/m2m/accessRights"
GOOD = xml.container("never")
MANY = 1 << 20      # more than the largest body


def xml_documents():
    """(name, body): nothing of this is a container."""
    entity = '<!DOCTYPE m2m:container [<!ENTITY e "v">]>'
    laughs = "".join(f'<!ENTITY l{n} "{"&l%d;" % (n - 1) * 10}">' for n in range(1, 10))
    parameter = '<!DOCTYPE c [<!ENTITY % p "<!ENTITY x &#34;y&#34;>"> %p;]>'
    return [
        ("empty", b""), ("blank", b" \n "), ("text", b"hello"), ("a brace", b"{"), ("only an angle", b"<"),
        ("not closed", GOOD[:-5]), ("closed twice", GOOD + "</m2m:container>"), ("two roots", GOOD + GOOD),
        ("text behind", GOOD + "x"), ("crossed tags", document("<m2m:a><m2m:b></m2m:a></m2m:b>")),
        ("attribute without value", document("", attributes=" m2m:id")),
        ("attribute twice", document("", attributes=' m2m:id="a" m2m:id="b"')),
        ("attribute not quoted", document("", attributes=" m2m:id=a")),
        ("prefix without namespace", "<m2m:container/>"), ("wrong namespace", GOOD.replace("etsi.org", "example.org")),
        ("wrong root", document("", "group")), ("no namespace", "<container/>"),
        ("unknown element", document("<m2m:no/>")),
        ("element of another type", document("<m2m:aPoC>http://x/</m2m:aPoC>")),
        ("unknown attribute", document("", attributes=' size="9"')), ("text between elements", document("text")),
        ("element twice", document("<m2m:maxByteSize>100</m2m:maxByteSize>" * 2)),
        ("elements in a simple value", document("<m2m:maxByteSize><m2m:b/></m2m:maxByteSize>")),
        ("bad character reference", document("&#0;")), ("character reference too large", document("&#x110000;")),
        ("undefined entity", document("<m2m:searchStrings><m2m:searchString>&nbsp;</m2m:searchString></m2m:searchStrings>")),
        ("ampersand alone", document("a & b")), ("bare ]]>", document("]]>")), ("open CDATA", document("<![CDATA[ x")),
        ("open comment", document("<!-- x")), ("double hyphen in comment", document("<!-- -- -->")),
        ("open processing instruction", document("<?x")), ("NUL", document("\0")),
        ("control character", document("<m2m:searchStrings><m2m:searchString>\x07</m2m:searchString></m2m:searchStrings>")),
        ("invalid UTF-8", b"<m2m:container " + xml.NS.encode() + b" m2m:id=\"\xff\xfe\"/>"),
        ("overlong UTF-8", b"<m2m:container " + xml.NS.encode() + b" m2m:id=\"\xc0\xaf\"/>"),
        ("cut UTF-8", b"<m2m:container " + xml.NS.encode() + b" m2m:id=\"a\xe2\x82"),
        ("unknown encoding", '<?xml version="1.0" encoding="EBCDIC-9"?>' + GOOD),
        ("declaration behind", GOOD + '<?xml version="1.0"?>'), ("doctype", "<!DOCTYPE m2m:container>" + GOOD),
        ("internal entity", entity + document("", attributes=' m2m:id="&e;"')),
        ("billion laughs", f'<!DOCTYPE c [<!ENTITY l0 "ha">{laughs}]>' + document("&l9;")),
        ("quadratic entity", f'<!DOCTYPE c [<!ENTITY q "{"q" * 50000}">]>' + document("&q;" * 10000)),
        ("recursive entity", '<!DOCTYPE c [<!ENTITY a "&b;"><!ENTITY b "&a;">]>' + document("&a;")),
        ("parameter entity", parameter + document("&x;")),
        ("attribute defaults", '<!DOCTYPE c [<!ATTLIST m2m:container x CDATA "y">]>' + GOOD),
        ("random bytes", random.Random(1).randbytes(5000)),
    ]


def external_entities():
    """(name, body)"""
    inner = "<m2m:searchStrings><m2m:searchString>&e;</m2m:searchString></m2m:searchStrings>"
    return [
        ("file", '<!DOCTYPE c [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + document(inner)),
        ("path", '<!DOCTYPE c [<!ENTITY e SYSTEM "/etc/passwd">]>' + document(inner)),
        ("http", '<!DOCTYPE c [<!ENTITY e SYSTEM "http://127.0.0.1:9/e">]>' + document(inner)),
        ("external subset", '<!DOCTYPE c SYSTEM "file:///etc/passwd">' + GOOD),
        ("parameter entity", '<!DOCTYPE c [<!ENTITY % e SYSTEM "file:///etc/passwd">%e;]>' + GOOD),
        ("XInclude", document('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" '
                              'parse="text"/>')),
    ]


def json_documents():
    """(name, body): nothing of this is a container."""
    def inner(text):
        return '{"container":{%s}}' % text
    return [
        ("empty", b""), ("not closed", '{"container":{'), ("text behind", inner("") + "x"), ("an array", "[]"),
        ("null", "null"), ("a number", "1"), ("a string", '"container"'), ("no member", "{}"),
        ("two members", '{"container":{},"group":{}}'), ("wrong root", '{"group":{}}'),
        ("prefix", '{"m2m:container":{}}'),
        ("root is no object", '{"container":1}'), ("root is null", '{"container":null}'),
        ("unknown member", inner('"no":1')), ("null member", inner('"maxByteSize":null')),
        ("member twice", inner('"maxByteSize":100,"maxByteSize":200')), ("comma too many", inner('"maxByteSize":100,')),
        ("no quotes", inner("maxByteSize:100")), ("single quotes", inner("'maxByteSize':100")),
        ("comment", inner("/* */")), ("leading zero", inner('"maxByteSize":0100')),
        ("hex", inner('"maxByteSize":0x10')),
        ("fraction", inner('"maxByteSize":1.5')), ("exponent", inner('"maxByteSize":1e400')),
        ("NaN", inner('"maxByteSize":NaN')),
        ("too large a number", inner('"maxByteSize":99999999999999999999')),
        ("text for a number", inner('"maxByteSize":"x"')),
        ("boolean for a number", inner('"maxByteSize":true')), ("array for a number", inner('"maxByteSize":[100]')),
        ("object for a number", inner('"maxByteSize":{}')), ("number for a text", inner('"id":5')),
        ("object for a list", inner('"searchStrings":{"searchString":"a"}')),
        ("array for an object", inner('"searchStrings":[]')),
        ("lone surrogate", inner('"id":"\\ud800"')), ("bad escape", inner('"id":"\\x"')),
        ("NUL", inner('"id":"\\u0000"')),
        ("control character", inner('"id":"a\nb"')), ("invalid UTF-8", b'{"container":{"id":"\xff"}}'),
        ("deep", '{"container":' * 5000), ("deep arrays", "[" * 100000),
        ("deep member", inner('"searchStrings":' + "[" * 200)),
        ("many members", inner(",".join(f'"m{n}":1' for n in range(50000)))),
        ("id that XML cannot carry", inner('"id":"a\\uffff"')),
        ("text that XML cannot carry", inner('"searchStrings":{"searchString":["\\u0001"]}')),
        ("reference that XML cannot carry", inner('"accessRightID":"/m2m/accessRights/\\ufffe"')),
        ("XML", GOOD), ("random bytes", random.Random(2).randbytes(5000)),
    ]


def huge_documents():
    """(name, body) up to and over the limits."""
    strings = "<m2m:searchString>s</m2m:searchString>"
    return [
        ("deep", f"<a {xml.NS}>" + "<a>" * 100000), ("deep and closed", document("<a>" * 1000 + "</a>" * 1000)),
        ("deep in an unknown element", document("<m2m:a>" * 20000 + "</m2m:a>" * 20000)),
        ("many attributes", document("", attributes="".join(f' a{n}="v"' for n in range(20000)))),
        ("many namespaces", document("", attributes="".join(f' xmlns:n{n}="u:{n}"' for n in range(20000)))),
        ("long name", f"<{'n' * 500000}/>"), ("long attribute", document("", attributes=f' m2m:id="{"i" * 500000}"')),
        ("long value", document(f"<m2m:accessRightID>{'/' * 900000}</m2m:accessRightID>")),
        ("long number", document(f"<m2m:maxByteSize>{'9' * 900000}</m2m:maxByteSize>")),
        ("long comment and nothing else", f"<!--{'c' * 900000}-->"),
        ("many comments and a mistake", document("<!---->" * 100000 + "<m2m:no/>")),
        ("many search strings", document(f"<m2m:searchStrings>{strings * 25000}</m2m:searchStrings><m2m:no/>")),
        ("over the limit", document("<!--" + "c" * MANY + "-->")), ("over the limit, nonsense", b"x" * (MANY + 1)),
        ("just at the limit, nonsense", b"x" * MANY),
    ]


def _one(element, values, target=CONTAINERS, root="container", rest=""):
    for value in values:
        shown = value if len(value) < 40 else value[:37] + "..."
        yield f"{root}/{element} = {shown!r}", target, document(f"<m2m:{element}>{value}</m2m:{element}>{rest}", root)


def wrong_values():
    """(name, target, body): right elements, impossible values."""
    numbers = ("abc", "", "1.5", "1e3", "0x10", "99999999999999999999", "-99999999999999999999", "--1", "1 2", "\u0661")
    dates = ("", "tomorrow", "2014", "2014-13-01T00:00:00Z", "2014-02-30T00:00:00Z", "2000-01-01T00:00:00Z",
             "2030-01-01", "2030-01-01T25:00:00Z", "2030-01-01T00:61:00Z", "2030-01-01T00:00:00+99:00",
             "2030-01-01 00:00:00Z", "99999999999999-01-01T00:00:00Z", "-2030-01-01T00:00:00Z", "2030-01-01T00:00:00ZZ",
             "1400000000", "2030-01-01T00:00:00.Z")
    durations = ("", "1D", "P", "PT", "P1S", "-P1D", "P1.5D", "PT1H1H", "P99999999999999999999D", "one day", "P1DT")
    uris = ("", "no uri", "/m2m/nothing/x", "http://[::1", "/m2m/accessRights/\x7f", "http://other.example.org/m2m/accessRights/x")
    yield from _one("maxNrOfInstances", numbers)
    yield from _one("maxByteSize", numbers[:4])
    yield from _one("expirationTime", dates)
    yield from _one("maxInstanceAge", durations)
    yield from _one("accessRightID", uris)
    for name in ("creationTime", "lastModifiedTime", "contentInstancesReference", "subscriptionsReference"):
        yield from _one(name, ("2030-01-01T00:00:00Z",))
    yield from _one("contact", ("", "no uri", "ftp:", "relative/path"), SUBSCRIPTIONS, "subscription")
    contact = "<m2m:contact>http://127.0.0.1:9/</m2m:contact>"
    yield from _one("minimalTimeBetweenNotifications", ("-1", "abc", "1.5"), SUBSCRIPTIONS, "subscription", contact)
    yield from _one("noRepresentation", ("maybe", "2", "TRUE"), SUBSCRIPTIONS, "subscription", contact)
    yield from _one("maxAccuCreates", ("0", "-1", "x"), SUBSCRIPTIONS, "subscription", contact)
    yield "subscription without contact", SUBSCRIPTIONS, document("", "subscription")
    yield "accessRight without selfPermissions", RIGHTS, document("", "accessRight")
    flag = ("<m2m:permissions><m2m:permission><m2m:permissionFlags><m2m:flag>EVERYTHING</m2m:flag></m2m:permissionFlags>"
            "<m2m:permissionHolders/></m2m:permission></m2m:permissions><m2m:selfPermissions/>")
    yield "unknown permission flag", RIGHTS, document(flag, "accessRight")
    for path in ("", "/", "containers/x", "aPoC", "kma"):
        inner = f"<m2m:aPoCPaths><m2m:aPoCPath><m2m:path>{path}</m2m:path></m2m:aPoCPath></m2m:aPoCPaths>"
        yield f"aPoCPath {path!r}", APPLICATIONS, document(inner, "application")
    yield from contents()


def contents():
    """contentInstances without a usable content."""
    def instance(content, kind="text/plain"):
        return (f'<m2m:contentInstance {xml.NS} xmlns:xmime="{xml.XMIME}"><m2m:content xmime:contentType="{kind}">{content}'
                "</m2m:content></m2m:contentInstance>")
    big = base64.b64encode(b"b" * 30000).decode()
    for name, body in (
            ("no content", document("", "contentInstance")), ("empty content", instance("")),
            ("empty text", instance("<m2m:textContent/>")), ("bad base64", instance("<m2m:binaryContent>A===</m2m:binaryContent>")),
            ("base64 of nonsense", instance("<m2m:binaryContent>!!!!</m2m:binaryContent>")),
            ("text and binary", instance("<m2m:textContent>a</m2m:textContent><m2m:binaryContent>YQ==</m2m:binaryContent>")),
            ("more than maxByteSize", instance(f"<m2m:binaryContent>{big}</m2m:binaryContent>", "application/x"))):
        yield f"contentInstance: {name}", INSTANCES, body


def hostile_headers():
    """(name, target, body, replaced, by): what would be stored and could not be shown."""
    for value in (b"text/\xff", b"appl\x9eication/xml", b"text/\x01plain", b"t\xc3\xabxt/plain", b"a" * 300 + b"/x", b" "):
        yield f"Content-Type {value[:20]!r}", INSTANCES, b"raw", b"application/xml", value
    for value in (b"http://a/\xff", b"http://a/\x01", b"http://a/ b", b"a:\xc0\xaf"):
        yield f"From {value!r}", SUBSCRIPTIONS, xml.subscription("http://127.0.0.1:9/"), b"http://127.0.0.1/e2e", value
    media = '{"contentInstance":{"content":{"contentType":"%s","textContent":"v"}}}'
    for value in ("text/\\uffff", "text/\\r\\nX: y", "text/\\u0001"):
        yield f"contentType {value!r}", INSTANCES, media % value, b"application/xml", b"application/json"


def ids():
    """(name, target, body, status)"""
    for value in ("", "/", ".", "..", "a/b", "a b", "a?b", "a#b", "a\\b", "a%2Fb", "%00", "&#1;", "\t", "&lt;x&gt;", "&quot;",
                  "i" * 256, "i" * 5000, "subscriptions", "accessRightID", "containerCollection", "mgmtObjs/x"):
        yield f"id {value[:20]!r}", CONTAINERS, document("", attributes=f' m2m:id="{value}"'), 400
    for value in ("", "..", "a/b", "mgmtObjs", "applicationCollection"):
        yield f"appId {value!r}", APPLICATIONS, document("", "application", f' appId="{value}"'), 400
    for value in ("latest", "oldest", "currentNrOfInstances", "subscriptions"):
        yield f"instance id {value!r}", INSTANCES, xml.instance("v", value), 400
    for value in ("a", "A.b-c_d", "n" * 255, "\u00fcml\u00e4ut", "\u65e5\u672c", "a.b..c"):
        yield f"good id {value[:20]!r}", CONTAINERS, xml.container(value), 201


def paths():
    """Targets that name nothing."""
    return ("/", "//", "/m2m/../m2m", "/m2m/./applications", "/m2m/%2e%2e/x", "/m2m/applications/%00",
            "/m2m/applications/%", "/m2m/applications/%zz", "/m2m/applications/%ff%fe", "/m2m/applications/bad%2fcontainers",
            "/etc/passwd", "/m2m/" + "a/" * 2000, "/m2m/applications/bad/containers/c/contentInstances/latest/content/x",
            "/M2M", "/m2m/Applications", "/m2m;x=1/applications", "*", "/m2m/applications/bad/nothing")


def queries():
    """Filters that cannot be read, on contentInstances."""
    return ("createdAfter=yesterday", "createdBefore=2014", "ifModifiedSince=0", "sizeFrom=many", "sizeUntil=1.5",
            "metaDataOnly=perhaps", "maxSize=0", "maxSize=-1", "maxSize=all", "createdAfter=2014-02-30T00:00:00Z",
            "sizeFrom=99999999999999999999", "searchString=%")


def bad_heads(host):
    """(name, bytes): no request."""
    good = head("GET", "/m2m", host)
    return [
        ("no version", b"GET /m2m\r\n\r\n"), ("HTTP/0.9", b"GET /m2m\r\n"),
        ("HTTP/9.9", good.replace(b"1.1", b"9.9", 1)),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("no protocol name", b"GET /m2m XTTP/1.1\r\nHost: x\r\n\r\n"),
        ("no target", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n"), ("empty line only", b"\r\n\r\n\r\n"),
        ("target is no path", b"GET m2m HTTP/1.1\r\nHost: x\r\nFrom: http://a/\r\n\r\n"),
        ("two Hosts", good[:-2] + b"Host: other\r\n\r\n"), ("bad Host", head("GET", "/m2m", "a b/c?d")),
        ("Host with a bad port", head("GET", "/m2m", "127.0.0.1:99999999")),
        ("header without colon", good[:-2] + b"Nonsense\r\n\r\n"),
        ("space before colon", good.replace(b"Host:", b"Host :")),
        ("unknown method", good.replace(b"GET", b"FETCH", 1)), ("long method", b"G" * 30000 + good),
        ("lower case method", good.replace(b"GET", b"get", 1)),
        ("absolute-form without authority", head("GET", "http:///m2m", host)),
        ("absolute-form of another scheme", head("GET", "gopher://x/m2m", host)),
        ("CONNECT", head("CONNECT", "127.0.0.1:22", host)),
        ("TRACE", head("TRACE", "/m2m", host)), ("OPTIONS *", head("OPTIONS", "*", host)),
    ]


def odd_heads(host):
    """(name, bytes): a recipient may refuse it or make the best of it (RFC 9112 2.2, 5)."""
    good = head("GET", "/m2m", host)
    return [
        ("folded header", good.replace(b"From: ", b"From:\r\n ")), ("NUL in a header", good[:-2] + b"X: a\0b\r\n\r\n"),
        ("empty header name", good[:-2] + b": v\r\n\r\n"), ("CR inside", good[:-2] + b"X: a\rb\r\n\r\n"),
        ("line ends without CR", good.replace(b"\r\n", b"\n")), ("empty lines before", b"\r\n\r\n" + good),
    ]


def noise():
    """(name, bytes)"""
    chance = random.Random(3)
    return [
        ("nothing", b""), ("one byte", b"\0"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500)),
        ("zeros", bytes(100000)), ("line ends", b"\r\n" * 100000), ("random", chance.randbytes(1 << 20)),
        ("ones", b"\xff" * 300000), ("spaces", b" " * 300000), ("colons", b"GET / HTTP/1.1\r\n" + b":" * 300000),
    ]
