# SPDX-License-Identifier: Apache-2.0
"""The sinks of a run over CoAP: what lib/sink.py is over HTTP."""

import collections
import random
import socket
import threading
import time

from . import coapmap
from . import coapmsg as coap
from .sink import Answer, longest

KEPT = 2048     # exchanges, unfinished bodies and answers that are remembered
_NOT_KEY = (coap.BLOCK1, coap.BLOCK2, coap.SIZE1, coap.SIZE2, coap.CONTENT_FORMAT, coap.ECHO)


class _Table(collections.OrderedDict):
    """Forgets the oldest."""

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        if len(self) > KEPT:
            self.popitem(last=False)


def _key(source, packet):
    return source, packet.code, tuple(o for o in sorted(packet.options) if o[0] not in _NOT_KEY)


class CoapSinkServer:
    """One socket per run; every sink has its own path. A request is served once, however often it comes."""

    def __init__(self, address, szx=6):
        self.sinks, self.szx, self.lock = {}, szx, threading.Lock()
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 0))
        self.sock.settimeout(0.1)
        self.origin = f"coap://{address}:{self.sock.getsockname()[1]}"
        self.answers, self.bodies, self.kept = _Table(), _Table(), _Table()
        self.unacknowledged, self.mid, self.stopped = {}, random.randrange(1 << 16), False
        self.duplicates = 0
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    def open(self, path, sink):
        """Serve a sink; returns its URL."""
        with self.lock:
            self.sinks[path] = sink
        return self.origin + path

    def close(self):
        """Stop serving."""
        self.stopped = True
        self.thread.join()
        self.sock.close()

    def _loop(self):
        while not self.stopped:
            try:
                data, source = self.sock.recvfrom(65535)
            except (TimeoutError, ConnectionError):
                continue
            try:
                self._packet(coap.parse(data), source)
            except coap.Malformed:
                continue    # silence, RFC 7252 section 4.2

    def _packet(self, packet, source):
        if packet.type in (coap.ACK, coap.RST):
            waiting = self.unacknowledged.pop((source, packet.mid), None)
            if waiting:
                waiting.set()
        elif packet.is_request():
            self._request(packet, source)
        elif packet.type == coap.CON:
            self._send(coap.Packet(coap.RST, mid=packet.mid), source)

    def _request(self, packet, source):
        exchange = (source, packet.mid)
        if exchange in self.answers:
            self.duplicates += 1
            if self.answers[exchange]:
                self._send(self.answers[exchange], source)
            return
        self.answers[exchange] = None
        body = self._body(packet, source)
        if body is None:
            return
        threading.Thread(target=self._serve, args=(packet, source, body), daemon=True).start()

    def _body(self, packet, source):
        """The body when it is complete; else the block was answered."""
        block, ask = packet.block(coap.BLOCK1), packet.block(coap.BLOCK2)
        if ask and ask.num:
            self._later_block(packet, source, ask)
            return None
        if not block:
            return packet.payload
        key = _key(source, packet)
        so_far = b"" if block.num == 0 else self.bodies.pop(key, b"")
        if len(so_far) != block.start:
            self._answer(packet, source, coap.INCOMPLETE, [(coap.BLOCK1, block.value())], b"")
            return None
        so_far += packet.payload
        if not block.more:
            return so_far
        self.bodies[key] = so_far
        self._answer(packet, source, coap.CONTINUE, [(coap.BLOCK1, block.value())], b"")
        return None

    def _later_block(self, packet, source, ask):
        code, options, body = self.kept.get(_key(source, packet), (coap.INCOMPLETE, [], b""))
        size = ask.size
        part = body[ask.start:ask.start + size]
        block = coap.Block(ask.num, ask.start + size < len(body), ask.szx)
        self._answer(packet, source, code, options + [(coap.BLOCK2, block.value())], part)

    def _serve(self, packet, source, body):
        message = coapmap.request_message(packet, body)
        message.arrived = time.monotonic()
        with self.lock:
            sink, message.path = longest(self.sinks, message.path)
        answer = sink.serve(message) if sink else Answer(404)
        separate = answer.delay > 0
        if separate:
            if packet.type == coap.CON:
                self._send(self._remember(packet, source, coap.Packet(coap.ACK, mid=packet.mid)), source)
            time.sleep(answer.delay)
        code, options, out = coapmap.answer_packet(message.method, answer.status, answer.headers, answer.body)
        block1 = packet.block(coap.BLOCK1)
        if block1:
            options = options + [(coap.BLOCK1, block1.value())]
        ask = packet.block(coap.BLOCK2)
        szx = min(self.szx, ask.szx) if ask else self.szx
        if len(out) > 16 << szx:
            self.kept[_key(source, packet)] = (code, options, out)
            options = options + [(coap.BLOCK2, coap.Block(0, True, szx).value()), (coap.SIZE2, coap.uint(len(out)))]
            out = out[:16 << szx]
        self._answer(packet, source, code, options, out, separate)

    def _remember(self, packet, source, answer):
        self.answers[(source, packet.mid)] = answer
        return answer

    def _answer(self, packet, source, code, options, payload, separate=False):
        answer = coap.Packet(coap.ACK, code, packet.mid, packet.token, options, payload)
        if packet.type == coap.CON and not separate:
            return self._send(self._remember(packet, source, answer), source)
        self.mid = answer.mid = (self.mid + 1) & 0xffff
        answer.type = packet.type
        return self._send_until_acknowledged(answer, source)

    def _send_until_acknowledged(self, answer, source):
        done = self.unacknowledged[(source, answer.mid)] = threading.Event()
        wait = coap.ACK_TIMEOUT
        for _ in range(coap.MAX_RETRANSMIT + 1):
            self._send(answer, source)
            if answer.type != coap.CON or done.wait(wait) or self.stopped:
                break
            wait *= 2
        self.unacknowledged.pop((source, answer.mid), None)

    def _send(self, packet, source):
        try:
            self.sock.sendto(packet.encode(), source)
        except OSError:
            pass    # the run is over, or nobody is there
