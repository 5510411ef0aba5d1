# SPDX-License-Identifier: Apache-2.0
"""A relay of datagrams that loses, doubles, delays and reorders them, by a seed."""

import dataclasses
import heapq
import random
import selectors
import socket
import threading
import time

from .bed import pick_port

DATAGRAM = 65535


@dataclasses.dataclass
class Line:
    """What a line does to a datagram in either direction; probabilities, and seconds."""
    loss: float = 0.2
    double: float = 0.1
    late: float = 0.2           # overtaken by those behind it
    delay: float = 0.005        # of all, at most
    lateness: float = 0.2       # of late ones and second copies, at most


GOOD = Line(0, 0, 0, 0, 0)


class Lossy:
    """In front of a port of 127.0.0.1: every source has a port of its own behind the relay, as it had before."""

    def __init__(self, target, seed, line=None):
        self.target, self.line, self.random = target, line or Line(), random.Random(seed)
        self.port = pick_port()
        self.passed = self.lost = self.doubled = 0
        self.behind, self.queue, self.count, self.ended = {}, [], 0, False
        self.selector = selectors.DefaultSelector()
        self.front = self._socket()
        self.front.bind(("127.0.0.1", self.port))
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.front, selectors.EVENT_READ, None)
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def _socket():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock

    def counts(self):
        """What it did, as text."""
        return f"{self.passed} datagrams passed on, {self.lost} lost, {self.doubled} twice"

    def _due(self):
        line, wait = self.line, self.random.random() * self.line.delay
        if self.random.random() < line.late:
            wait += self.random.random() * line.lateness
        return time.monotonic() + wait

    def _take(self, data, source, upward):
        """One datagram into the queue, once, twice or not at all."""
        if self.random.random() < self.line.loss:
            self.lost += 1
            return
        copies = 1
        if self.random.random() < self.line.double:
            copies, self.doubled = 2, self.doubled + 1
        for copy in range(copies):
            late = self.random.random() * self.line.lateness if copy else 0
            self.count += 1
            heapq.heappush(self.queue, (self._due() + late, self.count, data, source, upward))

    def _behind(self, source):
        """The socket that stands for a source towards the target."""
        sock = self.behind.get(source)
        if sock is None:
            sock = self.behind[source] = self._socket()
            sock.connect(("127.0.0.1", self.target))
            self.selector.register(sock, selectors.EVENT_READ, source)
        return sock

    def _pass_on(self, data, source, upward):
        try:
            if upward:
                self._behind(source).send(data)
            else:
                self.front.sendto(data, source)
            self.passed += 1
        except OSError:
            pass    # nobody is there now

    def _receive(self, sock, source):
        try:
            while True:
                data, sender = sock.recvfrom(DATAGRAM)
                self._take(data, source or sender, source is None)
        except OSError:
            pass    # nothing more, or an error about an earlier datagram

    def _run(self):
        while not self.ended:
            wait = self.queue[0][0] - time.monotonic() if self.queue else 1.0
            for key, _ in self.selector.select(max(0.0, wait)):
                if key.fileobj is self.woken:
                    self.woken.recv(64)
                else:
                    self._receive(key.fileobj, key.data)
            while self.queue and self.queue[0][0] <= time.monotonic():
                self._pass_on(*heapq.heappop(self.queue)[2:])

    def close(self):
        """Ends it."""
        self.ended = True
        self.wake.send(b"x")
        self.thread.join(10)
        for sock in (self.front, self.wake, self.woken, *self.behind.values()):
            sock.close()
        self.selector.close()
