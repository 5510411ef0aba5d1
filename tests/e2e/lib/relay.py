# SPDX-License-Identifier: Apache-2.0
"""A link that can be cut: a TCP relay."""

import select
import socket
import threading

from .bed import pick_port


class Relay:
    """Passes connections on to a port while it is up; close() ends it."""

    def __init__(self, target):
        self.target, self.port = target, pick_port()
        self.listener, self.pairs, self.lock = None, [], threading.Lock()
        self.restore()

    @property
    def base(self):
        """URI of the sclBase behind it."""
        return f"http://127.0.0.1:{self.port}/m2m"

    def restore(self):
        """The link is there."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self):
        """Connections break, new ones are refused."""
        listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                _end(end)

    close = cut

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self.listener is not listener:
                    return
                continue
            with self.lock:
                self.pairs.append((near, far))
            if self.listener is not listener:
                _end(near)
                _end(far)
                return
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()

    def _pump(self, near, far):
        other = {near: far, far: near}
        try:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    other[end].sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs = [p for p in self.pairs if p != (near, far)]
            _end(near)
            _end(far)


def _end(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
