# SPDX-License-Identifier: Apache-2.0
"""HTTP client of a case (one kept connection) and raw socket exchanges."""

import http.client
import socket
import time
import urllib.parse

from . import coapclient
from .message import Message

TIMEOUT = 90     # seconds; a poll is held for a minute
CLOSED = "closed"


def connect(url, context=None):
    """A client for an SCL, by the scheme of its URL."""
    return coapclient.Client(url) if url.startswith("coap:") else Client(url, context)


class Client:
    """Requests to one server; not shared between threads."""

    def __init__(self, url, context=None):
        parts = urllib.parse.urlsplit(url)
        self.host, self.secure, self.context = parts.hostname, parts.scheme == "https", context
        self.port = parts.port or (443 if self.secure else 80)
        self.connection = None

    def close(self):
        """Drop the kept connection."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def abort(self):
        """End a request another thread waits for."""
        connection = self.connection
        if connection and connection.sock:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _connect(self):
        if self.connection:
            return False
        if self.secure:
            self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT,
                                                          context=self.context)
        else:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        return True

    def request(self, method, target, headers, body):
        """Send one request and read the response; one repeat when a kept connection was closed."""
        while True:
            fresh = self._connect()
            try:
                return self._exchange(method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if fresh:
                    return Message(status=CLOSED, closed=True)

    def _exchange(self, method, target, headers, body):
        conn = self.connection
        own_host = any(k.lower() == "host" for k, _ in headers)
        conn.putrequest(method, target, skip_accept_encoding=True, skip_host=own_host)
        for name, value in headers:
            conn.putheader(name, value.encode("utf-8"))
        if body or method in ("POST", "PUT", "PATCH"):
            conn.putheader("Content-Length", str(len(body)))
        try:
            conn.endheaders(body or None)
        except (BrokenPipeError, ConnectionResetError):
            pass    # the server may refuse a body before it has read all of it
        answer = conn.getresponse()
        data = answer.read()
        message = Message(status=answer.status, headers=answer.getheaders(), body=data)
        if answer.will_close:
            self.close()
        return message

    def raw(self, chunks, timeout):
        """Send bytes and pauses (floats) on a new connection, read one response."""
        sock = socket.create_connection((self.host, self.port), timeout=TIMEOUT)
        try:
            if self.secure:
                sock = self.context.wrap_socket(sock, server_hostname=self.host)
            self._send(sock, chunks)
            sock.settimeout(timeout)
            return self._receive(sock)
        finally:
            sock.close()

    @staticmethod
    def _send(sock, chunks):
        try:
            for chunk in chunks:
                if isinstance(chunk, float):
                    time.sleep(chunk)
                else:
                    sock.sendall(chunk)
        except ConnectionError:
            pass    # an early refusal closes the way in; what it sent is read below

    @staticmethod
    def _receive(sock):
        answer = http.client.HTTPResponse(sock)
        try:
            answer.begin()
            data = answer.read()
        except (http.client.HTTPException, ConnectionError):
            return Message(status=CLOSED, closed=True)
        except TimeoutError:
            return Message(status="none")
        closed = answer.will_close
        if not closed:
            closed = _peer_closed(sock)
        return Message(status=answer.status, headers=answer.getheaders(), body=data, closed=closed)


def _peer_closed(sock):
    sock.settimeout(0.3)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
