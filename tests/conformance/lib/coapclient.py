# SPDX-License-Identifier: Apache-2.0
"""CoAP client: confirmable requests, separate responses, blocks both ways, Echo; no DTLS."""

import collections
import os
import random
import re
import select
import socket
import time
import urllib.parse

from . import coapmap
from . import coapmsg as coap
from .message import Message

TIMEOUT = 90     # seconds; a poll is held for a minute
CLOSED = "closed"
DATAGRAM = 65535


class Silence(OSError):
    """No acknowledgement, or no answer."""


class Reset(OSError):
    """The peer wants nothing of it (RST), or nobody is there."""


class Endpoint:
    """One UDP socket towards one peer; not shared between threads, but for abort."""

    def __init__(self, host, port, source=None):
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        if source:
            self.sock.bind(source)
        self.sock.connect(address)
        self.wake = os.eventfd(0)
        self.mid, self.aborted, self.closed = random.randrange(1 << 16), False, False
        self.answered = collections.OrderedDict()    # message IDs of the peer's CONs: what was said
        self.later = []     # responses nobody waits for now: notifications, late answers
        self.ack_timeout = coap.ACK_TIMEOUT

    def close(self):
        """Give the socket back."""
        if not self.closed:
            self.closed = True
            self.sock.close()
            os.close(self.wake)

    def abort(self):
        """End what another thread waits for."""
        self.aborted = True
        if not self.closed:
            os.eventfd_write(self.wake, 1)

    def next_mid(self):
        """A message ID that was not in use for long."""
        self.mid = (self.mid + 1) & 0xffff
        return self.mid

    def send_raw(self, data):
        """Any octets."""
        try:
            self.sock.send(data)
        except ConnectionError:
            pass    # an ICMP error about an earlier datagram; the next receive tells

    def send(self, packet):
        """A packet as it is."""
        self.send_raw(packet.encode())

    def receive_raw(self, timeout):
        """The next datagram, or None after the timeout (seconds); Reset when nobody is there."""
        ready = select.select([self.sock, self.wake], [], [], max(0.0, timeout))[0]
        if self.aborted:
            raise Reset("aborted")
        if not ready:
            return None
        try:
            return self.sock.recv(DATAGRAM)
        except ConnectionError as error:
            raise Reset(str(error)) from None

    def receive(self, timeout):
        """The next packet, or None. A repeated CON gets what it got before and is not told again."""
        deadline = time.monotonic() + timeout
        while (data := self.receive_raw(deadline - time.monotonic())) is not None:
            try:
                packet = coap.parse(data)
            except coap.Malformed:
                continue
            if packet.type == coap.CON and packet.mid in self.answered:
                self.send(self.answered[packet.mid])
                continue
            return packet
        return None

    def acknowledge(self, packet, kind=coap.ACK):
        """ACK (or RST) of a CON."""
        if packet.type == coap.CON or kind == coap.RST:
            answer = coap.Packet(kind, mid=packet.mid)
            self.answered[packet.mid] = answer
            if len(self.answered) > 256:
                self.answered.popitem(last=False)
            self.send(answer)

    def exchange(self, request, timeout=TIMEOUT, known=lambda token: False):
        """Send a request (CON or NON) and return the response with its token. Responses whose token is known
        go to self.later, others are reset. Silence after all retransmissions or timeout seconds."""
        request.mid = self.next_mid()
        self.send(request)
        end = time.monotonic() + timeout
        wait = self.ack_timeout * random.uniform(1.0, coap.ACK_RANDOM)
        again, repeats = time.monotonic() + wait, 0
        waiting = request.type == coap.CON     # for its acknowledgement
        while True:
            now = time.monotonic()
            if now >= end:
                raise Silence(f"no answer within {timeout} s")
            if waiting and now >= again:
                if repeats == coap.MAX_RETRANSMIT:
                    raise Silence("not acknowledged")
                repeats, wait = repeats + 1, wait * 2
                again = now + wait
                self.send(request)
            packet = self.receive((min(again, end) if waiting else end) - time.monotonic())
            if packet is None:
                continue
            if packet.type in (coap.ACK, coap.RST) and packet.mid == request.mid:
                if packet.type == coap.RST:
                    raise Reset("RST")
                waiting = False
            if packet.is_response() and packet.token == request.token and \
                    (packet.type != coap.ACK or packet.mid == request.mid):
                self.acknowledge(packet)
                return packet
            self.unexpected(packet, known)

    def unexpected(self, packet, known):
        """A packet that answers nothing under way: kept when its token is known, else reset."""
        if packet.is_response() and packet.type != coap.ACK and known(packet.token):
            self.acknowledge(packet)
            self.later.append(packet)
        elif packet.type == coap.CON:
            self.acknowledge(packet, coap.RST)


class Caller:
    """Requests of any size over one endpoint."""

    def __init__(self, host, port, szx=6, source=None):
        self.endpoint, self.szx, self.echo = Endpoint(host, port, source), szx, None
        self.type = coap.CON
        self.observed = set()   # tokens
        self.timeout = TIMEOUT

    def close(self):
        """Give the socket back."""
        self.endpoint.close()

    def once(self, code, options, payload=b"", token=None):
        """One request message and its response; a demanded Echo (RFC 9175) is shown once."""
        for _ in range(2):
            echo = [(coap.ECHO, self.echo)] if self.echo else []
            packet = coap.Packet(self.type, code, token=token or os.urandom(4), options=options + echo,
                                 payload=payload)
            answer = self.endpoint.exchange(packet, self.timeout, self.observed.__contains__)
            fresh = answer.first(coap.ECHO)
            if fresh is None or fresh == self.echo:
                return answer
            self.echo = fresh
            if answer.code != coap.UNAUTHORIZED:
                return answer
        return answer

    def call(self, code, options, body=b""):
        """(last response, body) of a request; both bodies in blocks when they need to be."""
        answer, tag = self._send(code, options, body)
        return answer, self._receive(code, options + tag, answer)

    def _send(self, code, options, body):
        """The response to the last block, and the Request-Tag of the operation."""
        szx, at = self.szx, 0
        if len(body) <= 16 << szx:
            answer = self.once(code, options, body)
            asked = answer.block(coap.BLOCK1)
            if answer.code != coap.TOO_LARGE or not asked or asked.szx >= szx or not body:
                return answer, []
            szx = asked.szx
        tag = [(coap.REQUEST_TAG, os.urandom(4))]
        while True:
            size = 16 << szx
            block = coap.Block(at // size, at + size < len(body), szx)
            said = [(coap.BLOCK1, block.value())] + ([(coap.SIZE1, coap.uint(len(body)))] if at == 0 else [])
            answer = self.once(code, options + tag + said, body[at:at + size])
            asked = answer.block(coap.BLOCK1)
            if answer.code == coap.TOO_LARGE and asked and asked.szx < szx:
                szx, at = asked.szx, 0
                continue
            if answer.code != coap.CONTINUE or not block.more:
                return answer, tag
            at += size
            if asked and asked.szx < szx:
                szx = asked.szx

    def _receive(self, code, options, answer):
        for _ in range(3):
            block = answer.block(coap.BLOCK2)
            if block is None or (block.num == 0 and not block.more):
                return answer.payload
            body = self._blocks(code, options, answer)
            if body is not None:
                return body
            answer = self.once(code, options)
        raise Silence("the representation changes while its blocks are fetched")

    def _blocks(self, code, options, first):
        """The body, or None when it changed meanwhile."""
        body, block = first.payload, first.block(coap.BLOCK2)
        kept = [o for o in options if o[0] not in (coap.OBSERVE, coap.CONTENT_FORMAT, coap.BLOCK2)]
        while block.more:
            ask = coap.Block(len(body) // block.size, False, block.szx)
            answer = self.once(code, kept + [(coap.BLOCK2, ask.value())])
            block = answer.block(coap.BLOCK2)
            if answer.code != first.code or block is None or block.start != len(body) or \
                    answer.first(coap.ETAG) != first.first(coap.ETAG):
                return None
            body += answer.payload
        return body

    def observe(self, options, token=None):
        """Register an observer (RFC 7641); returns (token, first response, its body)."""
        token = token or os.urandom(4)
        self.observed.add(token)
        answer = self.once(coap.GET, options + [(coap.OBSERVE, b"")], token=token)
        if answer.first(coap.OBSERVE) is None:
            self.observed.discard(token)
        return token, answer, self._receive(coap.GET, options, answer)

    def unobserve(self, token, options):
        """Take it back; (response to the GET, its body)."""
        self.observed.discard(token)
        answer = self.once(coap.GET, options + [(coap.OBSERVE, b"\1")], token=token)
        return answer, self._receive(coap.GET, options, answer)

    def notification(self, timeout):
        """The next notification of any token observed, acknowledged; or None after timeout seconds."""
        deadline = time.monotonic() + timeout
        while not self.endpoint.later:
            packet = self.endpoint.receive(deadline - time.monotonic())
            if packet is None:
                return None
            self.endpoint.unexpected(packet, self.observed.__contains__)
        return self.endpoint.later.pop(0)

    def notification_body(self, packet, options):
        """The whole body of a notification whose first block came."""
        return self._receive(coap.GET, options, packet)


class Client:
    """Requests as of HTTP to one server, answers as of HTTP: what lib/client.py is, over CoAP."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "coap":
            raise ValueError(f"no client for {parts.scheme}")
        self.host, self.port = parts.hostname, parts.port or 5683
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.caller = None

    def close(self):
        """Drop the endpoint."""
        caller, self.caller = self.caller, None
        if caller:
            caller.close()

    def abort(self):
        """End a request another thread waits for."""
        caller = self.caller
        if caller:
            caller.endpoint.abort()

    def request(self, method, target, headers, body):
        """One request; raises Inexpressible for what only HTTP can say."""
        if method not in coap.METHODS:
            raise coapmap.Inexpressible(f"CoAP has no {method}")
        headers = [(k, v) for k, v in headers if body or k.lower() != "content-type"]
        options = coapmap.request_options(method, target, headers)
        try:
            if not self.caller:
                self.prove()
            answer, whole = self.caller.call(coap.METHODS[method], options, body)
        except (Reset, Silence) as error:
            self.close()
            message = Message(status=CLOSED, closed=True, body=str(error).encode())
            message.transport = "coap"
            return message
        far = re.match(r"[a-z]+://[^/]+", target)
        return coapmap.response_message(answer, whole, far[0] if far else self.origin, method)

    def prove(self):
        """A new endpoint asks for something small: with the Echo of its answer the next answers may be large."""
        self.caller = Caller(self.host, self.port)
        self.caller.once(coap.GET, [(coap.URI_PATH, b".well-known"), (coap.URI_PATH, b"core"),
                                    (coap.BLOCK2, coap.Block(0, False, 0).value())])

    def raw(self, chunks, timeout):
        """Send each chunk as a datagram (floats are pauses) from a new endpoint; the first response, or
        status 'none' for silence, 'reset' for an RST."""
        endpoint = Endpoint(self.host, self.port)
        try:
            for chunk in chunks:
                if isinstance(chunk, float):
                    time.sleep(chunk)
                else:
                    endpoint.send_raw(chunk)
            packet = endpoint.receive(timeout)
            if packet is None:
                return Message(status="none")
            if packet.type == coap.RST:
                return Message(status="reset", closed=True)
            endpoint.acknowledge(packet)
            return coapmap.response_message(packet, packet.payload, self.origin)
        finally:
            endpoint.close()
