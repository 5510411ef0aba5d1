# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of a daemon, which can be cut."""

import selectors
import socket
import struct
import threading
import time

from .bed import pick_port, wait_for

CHUNK = 65536
# The close of a connection is a reset: what was under way is known to be lost, on both sides.
RESET = struct.pack("ii", 1, 0)


class Relay:
    """Listens on a port of its own and passes everything on to another, unless it is cut."""

    def __init__(self, target):
        self.target, self.port = target, pick_port()
        self.lock, self.peers, self.selector = threading.Lock(), {}, selectors.DefaultSelector()
        self.listener, self.ended, self.accepted, self.passed = None, False, 0, time.monotonic()
        self.kept = None        # a bytearray: what is passed on is kept there as well
        self.wake, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.restore()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def restore(self):
        """Takes connections again."""
        with self.lock:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            self.listener.setblocking(False)
            self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake.send(b"x")

    def cut(self):
        """Resets all connections and takes no more."""
        with self.lock:
            if self.listener is not None:
                self.selector.unregister(self.listener)
                self.listener.close()
                self.listener = None
            for one in list(self.peers):
                self._drop(one)

    def reset(self):
        """Resets all connections; the next are taken."""
        with self.lock:
            for one in list(self.peers):
                self._drop(one)

    def falls_quiet(self, seconds):
        """Waits until nothing has been passed on for so long."""
        return wait_for(lambda: time.monotonic() - self.passed > seconds)

    def _drop(self, one):
        other = self.peers.pop(one, None)
        if other is None:
            return
        self.peers.pop(other, None)
        for end in (one, other):
            self.selector.unregister(end)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.close()

    def _accept(self):
        try:
            here, _ = self.listener.accept()
        except OSError:
            return
        try:
            there = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            here.close()
            return
        self.accepted += 1
        for one, other in ((here, there), (there, here)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[one] = other
            self.selector.register(one, selectors.EVENT_READ)

    def pass_on(self, data):
        """What becomes of a piece of a stream; for those that alter it."""
        return data

    def _pass_on(self, one):
        other = self.peers.get(one)
        if other is None:
            return
        try:
            data = one.recv(CHUNK)
            if data:
                self.passed = time.monotonic()
                if self.kept is not None:
                    self.kept += data
                other.sendall(self.pass_on(data))
                return
        except OSError:
            pass
        self._drop(one)

    def _run(self):
        while not self.ended:
            events = self.selector.select(0.5)
            with self.lock:
                for key, _ in events:
                    if key.fileobj is self.woken:
                        self.woken.recv(64)
                    elif key.fileobj is self.listener:
                        self._accept()
                    else:
                        self._pass_on(key.fileobj)

    def close(self):
        """Ends it."""
        self.ended = True
        self.wake.send(b"x")
        self.thread.join(10)
        self.cut()
        for end in (self.wake, self.woken):
            end.close()
        self.selector.close()
