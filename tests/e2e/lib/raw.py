# SPDX-License-Identifier: Apache-2.0
"""Bytes on a socket, and what comes back."""

import select
import socket
import struct
import time

from . import xml

TIMEOUT = 60


class Reply:
    """One response; status 0: none. closed: the peer ended the connection."""

    def __init__(self, status=0, headers=None, body=b"", closed=False):
        self.status, self.headers, self.body, self.closed = status, headers or {}, body, closed

    def __repr__(self):
        return f"{self.status or 'no answer'}{' closed' if self.closed else ''} {self.body[:200]!r}"

    @property
    def has_error_info(self):
        """The body is an errorInfo with a status code."""
        return b"errorInfo" in self.body and b"STATUS_" in self.body


class Raw:
    """A connection."""

    def __init__(self, port, source=None, timeout=TIMEOUT):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout,
                                             source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.ended = b"", False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close."""
        self.sock.close()

    def abort(self):
        """Close with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        """Sends; False when the peer has closed."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def end(self):
        """No more will be sent."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self, deadline):
        if self.ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            return False
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        self.ended = not data
        self.buffer += data
        return bool(data)

    def reply(self, timeout=TIMEOUT):
        """Reads one response, informational ones left out."""
        deadline = time.monotonic() + timeout
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self._more(deadline):
                    return Reply(closed=self.ended, body=self.buffer)
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            if status >= 200:
                return self._body(status, dict(_field(line) for line in lines[1:]), deadline)

    def _body(self, status, headers, deadline):
        length = int(headers.get("content-length", 0 if status in (204, 304) else -1))
        while length < 0 or len(self.buffer) < length:
            if not self._more(deadline):
                break
        body, self.buffer = (self.buffer, b"") if length < 0 else (self.buffer[:length], self.buffer[length:])
        return Reply(status, headers, body, self.ended)

    def closed_within(self, timeout):
        """Waits for the peer to end the connection; seconds it took, or None."""
        started = time.monotonic()
        while not self.ended:
            if not self._more(started + timeout) and not self.ended:
                return None
        return time.monotonic() - started


def _field(line):
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def head(method, target, host, who="http://127.0.0.1/e2e", version="HTTP/1.1", **more):
    """Request line and header; _ in a name is -; None leaves a header out."""
    fields = {"Host": host, "From": who, **{k.replace("_", "-"): v for k, v in more.items()}}
    lines = [f"{method} {target} {version}"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def post(target, body, kind, host, **more):
    """A POST as bytes."""
    body = body.encode() if isinstance(body, str) else body
    return head("POST", target, host=host, Content_Type=kind, Content_Length=len(body), **more) + body


def exchange(port, data, timeout=TIMEOUT, ends=False, source=None):
    """Sends on a new connection and reads one response; ends: closes the way in after the data."""
    with Raw(port, source) as raw:
        raw.send(data)
        if ends:
            raw.end()
        return raw.reply(timeout)


def document(inner, root="container", attributes=""):
    """A document with the usual namespace."""
    return f"<m2m:{root} {xml.NS}{attributes}>{inner}</m2m:{root}>"
