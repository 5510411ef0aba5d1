#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runner itself, against an SCL it plays: what it sends, what it accepts and what it must not accept."""

import argparse
import base64
import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

from lib import assertion, casefile, cbor, compare, coverage, page, peer, release, report, suite, xpath     # noqa: E402
from lib.message import Message     # noqa: E402
from lib.sink import Answer, Rule, SinkServer     # noqa: E402

NS = 'xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xmime="http://www.w3.org/2005/05/xmlmime"'
B64 = base64.b64encode(b"21.5").decode()
HEAD = "# a case\nclause  X 1\n"


def document(text):
    """A document with its namespaces."""
    end = "/>" if text.partition(">")[0].endswith("/") else ">"
    return text.replace(end, f" {NS}{end}", 1)


class Bed(unittest.TestCase):
    """A played SCL and a way to run a case against it."""

    def make_sinks(self):
        """Where SCL and sinks are played."""
        return SinkServer("127.0.0.1")

    def setUp(self):
        self.sinks = self.make_sinks()
        self.scl = peer.Peer()
        self.scl.opened(self.sinks.open("/m2m", self.scl))
        self.directory = tempfile.TemporaryDirectory(prefix="scl-selftest.")

    def tearDown(self):
        self.sinks.close()
        self.directory.cleanup()

    def load(self, text, name="x-case"):
        """A parsed case."""
        path = os.path.join(self.directory.name, name + ".case")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + text)
        return casefile.load(path)

    def answer(self, method, path, status, body=b"", headers=()):
        """What the played SCL answers from now on."""
        out = [("Content-Type", "application/xml"), *headers] if body else list(headers)
        self.scl.rule(Rule(method, path, lambda _: Answer(status, out, body)))

    def run_case(self, text, number=2):
        """Result of one case."""
        options = argparse.Namespace(
            target=self.scl.url, daemon=None, kind="nscl", engine="memory", release=number, concurrency=1, slow=False,
            skip_tag=[], originator=None, context=None, sinks=self.sinks, verbose=False, keep=False,
            transport=self.scl.url.partition(":")[0])
        quiet, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            return suite.Suite([self.load(text)], options).run()[0]
        finally:
            sys.stdout.close()
            sys.stdout = quiet

    def good(self, text, number=2):
        """The case passes."""
        result = self.run_case(text, number)
        self.assertEqual(("passed", ""), (result.outcome, result.reason))

    def bad(self, text, why, number=2):
        """The case fails, and says why."""
        result = self.run_case(text, number)
        self.assertEqual("failed", result.outcome)
        self.assertRegex(result.reason, why)


class Judgement(Bed):
    """What fails a case."""

    def test_status(self):
        self.answer("GET", "/c", 200, document("<m2m:container/>").encode())
        self.good("> GET $base/c\n< 200 xpath /m2m:container exists\n")
        self.good("> GET $base/c\n< 200|204\n")
        self.bad("> GET $base/c\n< 201\n", "status 200, expected 201")

    def test_operators(self):
        self.answer("GET", "/c", 200, document("<m2m:c><m2m:a>1</m2m:a><m2m:a>7</m2m:a></m2m:c>").encode())
        for good, wrong in (("count 2", "count 1"), ("list 1,7", "list 7,1"), ("= 7", "= 2"), ("!= 2", "!= 7"),
                            ("~ ^[17]$", "~ ^2$"), ("> 5", "> 7"), ("between 5 9", "between 2 6"),
                            ("exists", "absent")):
            self.good(f"> GET $base/c\n< 200 xpath //m2m:a {good}\n")
            self.bad(f"> GET $base/c\n< 200 xpath //m2m:a {wrong}\n", "found '1', '7'")

    def test_what_every_answer_must_be(self):
        error = document("<m2m:errorInfo><m2m:statusCode>STATUS_NOT_FOUND</m2m:statusCode></m2m:errorInfo>").encode()
        for status, body, headers, why in (
                (404, b"", (), "without errorInfo"), (403, error, (), "expected STATUS_FORBIDDEN"),
                (201, b"", (), "201 without Location"),
                (200, b"x", (("Content-Type", ""),), "body is not XML|Content-Type")):
            self.answer("GET", "/c", status, body, headers)
            self.bad(f"> GET $base/c\n< {status} xpath /m2m:a absent\n" if status == 200 else
                     f"> GET $base/c\n< {status}\n", why)
        self.answer("GET", "/c", 404, error)
        self.good("> GET $base/c\n< 404\n")
        self.answer("GET", "/c", 405, error.replace(b"NOT_FOUND", b"METHOD_NOT_ALLOWED"))
        self.bad("> GET $base/c\n< 405\n", "405 without Allow")

    def test_no_answer(self):
        self.bad("> GET $base/none\n", "404")


class Cbor(Bed):
    """The other encoder and decoder of CBOR."""

    VECTORS = (     # RFC 8949 appendix A
        ("00", "0"), ("17", "23"), ("1818", "24"), ("1903e8", "1000"), ("1b000000e8d4a51000", "1000000000000"),
        ("20", "-1"), ("3903e7", "-1000"), ("f93e00", "1.5"), ("fb3ff199999999999a", "1.1"), ("fa47c35080", "100001.0"),
        ("f90001", "5.960464477539063e-8"), ("f4", "false"), ("f5", "true"), ("44 01020304", "h'01020304'"),
        ("62c3bc", '"\u00fc"'), ("83010203", "[1,2,3]"), ("a2616101616282 0203", '{"a":1,"b":[2,3]}'))

    def test_vectors(self):
        for digits, text in self.VECTORS:
            data = bytes.fromhex(digits)
            self.assertEqual(data, cbor.dumps(cbor.parse(text)))
            self.assertEqual(cbor.parse(text), cbor.loads(data))

    def test_other_forms_fail(self):
        for digits in ("", "1800", "190017", "1b00000000ffffffff", "7801 61", "9fff", "bf ff", "5fff",
                       "a2 6162 01 6161 01", "a2 6161 01 6161 01", "fb3ff8000000000000", "f97e00", "f6", "c100", "61ff", "0000", "f814"):
            with self.assertRaises(cbor.Malformed, msg=digits):
                cbor.loads(bytes.fromhex(digits))

    def test_expectation(self):
        self.answer("GET", "/c", 200, bytes.fromhex("a1 6161 a1 6162 4101"), (("Content-Type", "application/cbor"),))
        self.good("> GET $base/c\n< 200 cbor a.b = h'01'\n")
        self.bad("> GET $base/c\n< 200 cbor a.b = h'02'\n", "h'01'")
        self.answer("GET", "/c", 200, bytes.fromhex("bf 6161 01 ff"), (("Content-Type", "application/cbor"),))
        self.bad("> GET $base/c\n< 200 cbor a = 1\n", "no deterministic CBOR")


class Steps(Bed):
    """Directives."""

    def test_fixture_and_cleanup(self):
        self.good("fixture container\n> GET $c\n< 200 xpath /m2m:container/@m2m:id = c\n")
        self.assertEqual([""], list(self.scl.store), "what a case created is gone")

    def test_background(self):
        late = Answer(200, [("Content-Type", "application/xml")], document("<m2m:a/>").encode(), 0.4)
        self.scl.rule(Rule("POST", "/poll", lambda _: late))
        self.good("start p POST $base/poll\npending p for=0.1\n> GET $base\n< 200\nawait p\n< 200 xpath /m2m:a exists\n")
        self.bad("start p POST $base/poll\npending p for=2\n", "already answered")
        self.bad("start p POST $base/poll\nawait p timeout=0.1\n< 200\n", "no answer within")

    def test_part(self):
        inner = base64.b64encode(document("<m2m:a><m2m:b>1</m2m:b></m2m:a>").encode()).decode()
        self.answer("GET", "/c", 200, document(
            f'<m2m:r><status id="x"><resultBody xmime:contentType="application/xml">{inner}</resultBody></status>'
            f"<other>{B64}</other></m2m:r>").encode())
        self.good("> GET $base/c\n< 200\npart xpath //status[@id='x']/resultBody\n< type = application/xml\n"
                  "< xpath /m2m:a/m2m:b = 1\nsave b = xpath //m2m:b\npart xpath //other\n< body = 21.5\nset x = $b\n")
        self.bad("> GET $base/c\n< 200\npart xpath //resultBody\n< xpath //m2m:b = 2\n", "found '1'")
        self.bad("> GET $base/c\n< 200\npart xpath //status\n< body = 1\n", "base64|body")

    def test_peer(self):
        self.good("peer far\n> GET $farscl\n< 200 xpath /m2m:scl/m2m:link = $far\n> GET $farscl/m2mPocs/poc\n"
                  "< 200 xpath //m2m:contactURI = $far\n")

    def test_answers(self):
        sink = peer.Peer()
        sink.rule(Rule("GET", "/a", lambda _: Answer(503), 1))
        sink.rule(Rule("*", "/a*", lambda _: Answer(200)))
        sink.rule(Rule("GET", "/b", lambda _: Answer(1)))
        sink.rule(Rule("GET", "/b", lambda _: Answer(2)))
        found = [sink.serve(Message(method=m, path=p)).status
                 for m, p in (("GET", "/a"), ("GET", "/a?x"), ("POST", "/ab"), ("GET", "/b"), ("GET", "/c"))]
        self.assertEqual([503, 200, 200, 2, 404], found)

    def test_notify(self):
        self.bad("save x = xpath /*\n", "nothing has come yet")
        self.bad("sink s\nnotify s timeout=0.1\n< method = POST\n", "nothing arrived")
        self.good("sink s\nno-notify s for=0.05\n")


class Releases(Bed):
    """The terms of Release 1."""

    def arrived(self, text, number=1):
        """What came to the played SCL for the request of a case."""
        self.good(text, number)
        return next(m for m in self.scl.received if m.path == "/k/contentInstances")

    def test_identity_and_content(self):
        text = ("> POST $base/k/contentInstances\n\t<m2m:contentInstance m2m:id=\"i\"><m2m:content><m2m:textContent>21.5"
                "</m2m:textContent></m2m:content></m2m:contentInstance>\n< 201\n> GET $base/k/contentInstances/i\n"
                "< 200 xpath //m2m:content/m2m:textContent = 21.5\n")
        message = self.arrived(text)
        self.assertIsNone(dict(message.headers).get("From"))
        self.assertRegex(release.originator(message.header("Authorization")), "^http://.*/applications/")
        content = ElementTree.fromstring(message.body).find(xpath.qname("m2m:content"))
        self.assertEqual((B64, 0), (content.text, len(content)))

    def test_release_2_is_untouched(self):
        text = "> POST $base/k/contentInstances\n\t<m2m:a><m2m:maxInstanceAge>PT1M</m2m:maxInstanceAge></m2m:a>\n< 201\n"
        message = self.arrived(text, 2)
        self.assertIn(b"PT1M", message.body)
        self.assertIsNone(message.header("Authorization"))

    def test_forms(self):
        root = ElementTree.fromstring(document(
            "<m2m:x><m2m:maxInstanceAge>PT1M30S</m2m:maxInstanceAge><m2m:memberType>SCL_BASE</m2m:memberType>"
            '<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType><m2m:scheduleString'
            ' id="a">* * * * *</m2m:scheduleString>'
            "<m2m:filterCriteria><createdAfter>t</createdAfter></m2m:filterCriteria></m2m:x>"))
        self.assertTrue(release.to_release_1(root))
        got = {e.tag.rpartition("}")[2]: e.text for e in root.iter() if e.text}
        self.assertEqual({"maxInstanceAge": "90", "memberType": "SERVER_CAPABILITY_LAYER", "mgmtProtocolType": "OMA DM",
                          "scheduleString": "* * * * *", "createdSince": "t"}, got)
        back = release.from_release_1(root)
        self.assertEqual("PT90S", xpath.text_of(xpath.select(back, "//m2m:maxInstanceAge")[0]))
        self.assertEqual("OMA_DM", xpath.text_of(xpath.select(back, "//m2m:mgmtProtocolType")[0]))

    def test_skipped_with_a_reason(self):
        for text, why in (("> GET $base/containers/c/subcontainers\n< 200\n", "subcontainers"),
                          ("release 2\n> GET $base\n< 200\n", "release 2"),
                          ("> GET $base\n< 200 xpath //m2m:referencePoint exists\n", "all it looks at")):
            case = self.load(text)
            self.assertIn(why, release.reason(case, 1))
            self.assertEqual("", release.reason(case, 2))
        self.assertEqual("release 1", release.reason(self.load("release 1\n> GET $base\n< 200\n"), 2))

    def test_expectations_of_one_release(self):
        text = "> GET $base\n<1 200\n<2 404\n"
        self.good(text, 1)
        self.bad(text, "status 200, expected 404", 2)


class Pages(Bed):
    """Coverage, reports."""

    def test_coverage(self):
        table = coverage.Table(os.path.join(HERE, "methods.table"))
        found = coverage.covered([self.load(
            "fixture container\n> DELETE $app/containers\n< 405\n> POST $base/applications\n\t"
            "<m2m:applicationAnnc id=\"b\"/>\n< 201\n"
            "foreach r in $base/applications/b $ci/latest\n> GET $r\n< 200\nend\n")], table)
        for item in (("containers", "DELETE", "405"), ("applicationAnnc", "GET", "200"), ("latest", "GET", "200"),
                     ("containers", "POST", "201")):
            self.assertIn(item, found)
        self.assertNotIn(("application", "GET", "200"), found)

    def test_page(self):
        path = os.path.join(self.directory.name, "page.md")
        cases = [self.load("> GET $base\n< 200\n", n) for n in ("a-1", "b-1")]
        quiet, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            self.assertEqual(0, page.write(path, cases, []))
            self.assertEqual(0, page.check(path, cases))
            self.assertEqual(1, page.check(path, cases[:1]))
            self.assertEqual(1, page.check(path, [*cases, self.load("> GET $base\n< 200\n", "c-1")]))
        finally:
            sys.stdout.close()
            sys.stdout = quiet

    def test_summary(self):
        results = [suite.Result("a", "passed", clauses=("X 2",)), suite.Result("b", "failed", clauses=("X 2", "X 10"))]
        self.assertEqual(["X 2   1 passed, 1 failed: b", "X 10  1 failed: b"], list(report.summary(results)))

    def test_syntax(self):
        for text in ("> GET $base\n< xpath //a\n", "nonsense\n", "< 200\n", "foreach a in b\n"):
            with self.assertRaises((casefile.CaseError, assertion.AssertionSyntax)):
                self.load(text)



class Comparing(unittest.TestCase):
    """What is taken for a document inside a document when two transports are compared."""

    def lines(self, text):
        """A JSON body with a text in it, as lines."""
        masks = argparse.Namespace(text=lambda t: t)
        return compare.body_lines(b'{"appId":"%s"}' % text.encode(), masks)

    def test_documents(self):
        """XML, JSON and CBOR in base64 are read."""
        for inner, line in ((b"<a>1</a>          ", "/a = 1"), (b'{"a": 1         }', ".a = 1"),
                            (cbor.dumps({"a": "1234567890"}), ".a = 1234567890")):
            with self.subTest(inner):
                self.assertEqual([".appId = ", ".appId > " + line],
                                 self.lines(base64.b64encode(inner).decode()))

    def test_names(self):
        """A name that is base64 by chance, even of a map's first octet, is a name."""
        for name in ("ocmldcdkg43ja8by", "oaaaaaaaaaaaaaaa"):
            with self.subTest(name):
                self.assertEqual(b"\xa1", base64.b64decode(name)[:1])
                self.assertEqual([".appId = " + name], self.lines(name))


if __name__ == "__main__":
    outcome = unittest.main(exit=False, verbosity=0).result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
