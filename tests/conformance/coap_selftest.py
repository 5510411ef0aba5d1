#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CoAP side of the runner: messages, and its client against its sinks."""

import os
import random
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

import selftest     # noqa: E402
from lib import coapclient, coapmap     # noqa: E402
from lib import coapmsg as coap     # noqa: E402
from lib.coapsink import CoapSinkServer     # noqa: E402
from lib.sink import Answer, Rule, Sink     # noqa: E402


class Messages(unittest.TestCase):
    """Octets."""

    def test_examples(self):
        """RFC 7252 appendix A figure 16: GET /temperature, with a token."""
        packet = coap.Packet(coap.CON, coap.GET, 0x7d35, b"\x20", [(coap.URI_PATH, b"temperature")])
        data = bytes.fromhex("41017d3520bb") + b"temperature"
        self.assertEqual(data, packet.encode())
        self.assertEqual(packet, coap.parse(data))
        answer = coap.parse(bytes.fromhex("61457d3520ff") + b"22.3 C")
        self.assertEqual(("2.05", b"22.3 C"), (coap.code_text(answer.code), answer.payload))

    def test_there_and_back(self):
        chance = random.Random(5)
        for _ in range(300):
            options = sorted(((chance.choice((1, 8, 12, 13, 268, 269, 300, 2049)), chance.randbytes(
                chance.choice((0, 1, 12, 13, 268, 269, 400)))) for _ in range(chance.randrange(6))), key=lambda o: o[0])
            packet = coap.Packet(chance.randrange(3), chance.choice((1, 2, 69, 132)), chance.randrange(1 << 16),
                                 chance.randbytes(chance.randrange(9)), options, chance.randbytes(chance.randrange(40)))
            self.assertEqual(packet, coap.parse(packet.encode()))

    def test_malformed(self):
        for data in ("", "40", "400101", "8001000100", "49010001" + "00" * 9, "42010001aa", "40010001ff",
                     "40010001f0", "400100011f", "4001000114aa", "40010001d0", "40000001b1"):
            with self.assertRaises(coap.Malformed):
                coap.parse(bytes.fromhex(data))

    def test_blocks(self):
        for num, more, szx, value in ((0, False, 0, ""), (0, True, 2, "0a"), (1, False, 6, "16"),
                                     (1000, True, 6, "3e8e")):
            self.assertEqual(value, coap.Block(num, more, szx).value().hex())
            self.assertEqual(coap.Block(num, more, szx), coap.Block.read(bytes.fromhex(value)))
        with self.assertRaises(coap.Malformed):
            coap.Block.read(b"\7")


class Mapping(unittest.TestCase):
    """Between HTTP and CoAP."""

    def test_etag(self):
        for text in ('"2026-01-02T03:04:05.000006Z"', '"0102ff"'):
            self.assertEqual(text, coapmap.etag_text(coapmap.etag_octets(text)))

    def test_request(self):
        headers = [("From", "coap://a.example.org/b?c"), ("X-etsi-rcat", "RCAT_1"), ("Accept", "application/json"),
                   ("Via", "1.1 x"),
                   ("Content-Type", "application/xml"), ("If-Match", '"2026-01-02T03:04:05.000006Z"')]
        for target in ("/", "/m2m/a%2Fb/gr%C3%B6%C3%9Fe?x=1%26&y=2", "http://far.example.org/m2m?x=1"):
            options = coapmap.request_options("PUT", target, headers)
            came = coapmap.request_message(coap.parse(coap.Packet(code=coap.PUT, options=options).encode()), b"x")
            self.assertEqual((target, "PUT"), (came.path, came.method))
            for name, value in headers:
                self.assertEqual(value, came.header(name).replace("; charset=utf-8", ""))

    def test_inexpressible(self):
        for header in (("Accept", "text/html"), ("Accept", "application/xml;q=0.1"),
                       ("Content-Type", "text/html"), ("If-None-Match", '"x"'), ("If-Modified-Since", "x")):
            with self.assertRaises(coapmap.Inexpressible):
                coapmap.request_options("PUT", "/m2m", [header])

    def test_statuses(self):
        for text, body, options, wanted in (
                ("2.04", b"", [], (204, 202, 200)), ("2.04", b"x", [], (200,)), ("4.01", b"x", [], (401, 402)),
                ("4.00", b"STATUS_REQUEST_TIMEOUT", [], (408,)), ("4.04", b"STATUS_DELETED", [], (410,)),
                ("5.03", b"", [], (507,)), ("5.03", b"", [(coap.MAX_AGE, b"\5")], (503, 507)),
                ("4.21", b"", [], ("4.21",))):
            packet = coap.Packet(coap.ACK, coap.code(text), options=options)
            self.assertEqual(wanted, coapmap.statuses(packet, body))


class Exchange(unittest.TestCase):
    """The client and the sinks."""

    def setUp(self):
        self.sinks = CoapSinkServer("127.0.0.1")
        self.sink = Sink([200], "text/plain", b"", 0.0)
        self.client = coapclient.Client(self.sinks.open("/s", self.sink))

    def tearDown(self):
        self.client.close()
        self.sinks.close()

    def test_blocks_both_ways(self):
        body = random.Random(1).randbytes(10000)
        self.sink.rule(Rule("*", "*", lambda m: Answer(200, [("Content-Type", "text/plain")], m.body)))
        self.client.request("GET", "/s", [], b"")
        for szx in (6, 2, 0):
            self.client.caller.szx = szx
            answer = self.client.request("POST", "/s/x", [("Content-Type", "application/octet-stream")], body)
            self.assertEqual((200, body), (answer.status, answer.body))
        self.assertEqual(4, len(self.sink.received), "later blocks are no requests of their own")
        self.sinks.szx = 1
        answer = self.client.request("PUT", "/s/y", [], b"abc" * 100)
        self.assertEqual((200, b"abc" * 100), (answer.status, answer.body))

    def test_separate(self):
        self.sink.rule(Rule("GET", "/late", lambda _: Answer(204, delay=0.3)))
        start = time.monotonic()
        answer = self.client.request("GET", "/s/late", [], b"")
        self.assertEqual((204, "2.04", True), (answer.status, answer.code, answer.stands_for("202")))
        self.assertGreater(time.monotonic() - start, 0.29)

    def test_once(self):
        """A request that comes again is answered as before and not done again."""
        endpoint = coapclient.Endpoint(self.client.host, self.client.port)
        try:
            packet = coap.Packet(coap.CON, coap.POST, 77, b"t", coapmap.request_options("POST", "/s/x", []))
            for _ in range(3):
                endpoint.send(packet)
            answers = {endpoint.receive(2).encode() for _ in range(3)}
            self.assertEqual((1, 1, 2), (len(answers), len(self.sink.received), self.sinks.duplicates))
            self.assertIsNone(endpoint.receive(0.05))
        finally:
            endpoint.close()

    def test_lost(self):
        """What is not acknowledged is sent again, at last given up; an RST ends it at once."""
        caller = coapclient.Caller(self.client.host, self.client.port)
        caller.endpoint.ack_timeout = 0.02
        sent, lost = caller.endpoint.send, []

        def lossy(packet):
            lost.append(packet)
            if len(lost) > 3:
                sent(packet)

        try:
            caller.endpoint.send = lossy
            self.assertEqual(coap.CHANGED, caller.once(coap.POST, [(coap.URI_PATH, b"s")]).code)
            caller.endpoint.send = lost.append
            with self.assertRaises(coapclient.Silence):
                caller.once(coap.GET, [(coap.URI_PATH, b"s")])
        finally:
            caller.close()
        self.assertEqual("reset", self.client.raw([coap.Packet(coap.CON, mid=1, code=coap.CONTENT).encode()], 2).status)

    def test_nobody(self):
        self.sinks.close()
        self.assertEqual("closed", self.client.request("GET", "/s", [], b"").status)


class CoapBed(selftest.Bed):
    """The played SCL answers over CoAP."""

    def make_sinks(self):
        return CoapSinkServer("127.0.0.1")


class OverCoap(CoapBed, selftest.Steps):
    """All that the runner does with steps, over CoAP."""


class Judgement(CoapBed):
    """What a case says of HTTP alone is left out."""

    def test_statuses(self):
        self.answer("GET", "/c", 402, selftest.document(
            "<m2m:errorInfo><m2m:statusCode>STATUS_PERMISSION_DENIED</m2m:statusCode></m2m:errorInfo>").encode())
        self.good("> GET $base/c\n< 402\n")
        self.good("> GET $base/c\n< 401\n")
        self.bad("> GET $base/c\n< 403\n", "status 4.01, expected 403")

    def test_http_only(self):
        self.assertEqual("HTTP-only", self.run_case("http-only no HEAD\n> HEAD $base\n< 200\n").outcome)
        self.good("http no HEAD\n> HEAD $base\n< 200\nend\n> GET $base\n< 200\n<http Allow exists\n"
                  "<coap type = application/xml\n")
        self.bad("> HEAD $base\n< 200\n", "CoAP has no HEAD")
        self.bad("> GET $base\n\tIf-Modified-Since: x\n< 200\n", "CoAP has nothing for If-Modified")


if __name__ == "__main__":
    outcome = unittest.main(exit=False, verbosity=0).result
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
