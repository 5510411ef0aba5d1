# SPDX-License-Identifier: Apache-2.0
"""HTTP client with one kept connection that never repeats a request by itself."""

import http.client
import socket
import xml.etree.ElementTree as ElementTree

TIMEOUT = 90


class NotSent(Exception):
    """No connection: the request has certainly not been seen."""


class Unknown(Exception):
    """The request was sent and no answer came: it may or may not have been carried out."""


class Answer:
    """Status, headers, body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """Value of a header, or None."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def xml(self):
        """The document element."""
        return ElementTree.fromstring(self.body)

    @property
    def location(self):
        """Path of the created resource."""
        value = self.header("Location") or ""
        return "/" + value.split("/", 3)[-1] if "://" in value else value

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """Requests in the name of one requestingEntity; not shared between threads."""

    def __init__(self, host, port, who, *, timeout=TIMEOUT, context=None, source=None):
        self.host, self.port, self.who, self.timeout = host, port, who, timeout
        self.context, self.source, self.connection = context, source, None

    def close(self):
        """Drops the kept connection."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def connect(self):
        """Opens the connection when there is none."""
        if self.connection:
            return
        kind = http.client.HTTPSConnection if self.context else http.client.HTTPConnection
        more = {"context": self.context} if self.context else {}
        connection = kind(self.host, self.port, timeout=self.timeout, source_address=self.source, **more)
        try:
            connection.connect()
        except OSError as error:
            raise NotSent(str(error)) from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection

    def request(self, method, target, body=None, headers=None):
        """One request and its answer. Raises NotSent or Unknown."""
        self.connect()
        lines = {"From": self.who, **(headers or {})}
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            lines.setdefault("Content-Type", "application/json" if body[:1] == b"{" else "application/xml")
        try:
            self.connection.request(method, target, body=body, headers={k: v for k, v in lines.items() if v is not None})
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unknown(f"{method} {target}: {error!r}") from error
        if answer.will_close:
            self.close()
        return Answer(answer.status, answer.getheaders(), data)

    def get(self, target, **headers):
        """GET, once more on a new connection when a kept one turns out to be closed."""
        kept = self.connection is not None
        try:
            return self.request("GET", target, headers=headers)
        except Unknown:
            if not kept:
                raise
            return self.request("GET", target, headers=headers)

    def post(self, target, body, **headers):
        """POST."""
        return self.request("POST", target, body, headers)

    def put(self, target, body, **headers):
        """PUT."""
        return self.request("PUT", target, body, headers)

    def delete(self, target, **headers):
        """DELETE."""
        return self.request("DELETE", target, headers=headers)

    def create(self, target, body, **headers):
        """POST that must answer 201; path of the new resource."""
        answer = self.post(target, body, **headers)
        if answer.status != 201:
            raise AssertionError(f"POST {target}: {answer!r}")
        return answer.location
