# SPDX-License-Identifier: Apache-2.0
"""A receiver of notifications and of requests retargeted to an application."""

from conformance.lib.coapsink import CoapSinkServer
from conformance.lib.sink import Sink, SinkServer

from . import xml


class Notices(Sink):
    """What arrives under one path of the server."""

    def __init__(self, status=204, media_type="text/plain", body=b"", delay=0.0):
        super().__init__([status], media_type, body, delay)
        self.url = ""

    def messages(self):
        """All arrivals so far."""
        with self.changed:
            return list(self.received)

    def wait_until(self, condition, timeout=120):
        """Waits until condition(messages) is true; its last value."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.received), timeout)


class Receiver:
    """The server, coap: over CoAP; close() ends it."""

    def __init__(self, coap=False):
        self.server = CoapSinkServer("127.0.0.1") if coap else SinkServer("127.0.0.1")
        if not coap:
            self.server.server.handle_error = lambda *_: None   # daemons that are killed reset their connections
        self.count = 0

    def open(self, **more):
        """A new path with a url."""
        self.count += 1
        notices = Notices(**more)
        notices.url = self.server.open(f"/sink{self.count}", notices)
        return notices

    def close(self):
        """Ends the server."""
        self.server.close()


def status(message):
    """statusCode of a notify."""
    return xml.text(message.xml(), "statusCode")


def instance_ids(message):
    """Ids of the contentInstances a notify carries."""
    if xml.text(message.xml(), "representation") is None or status(message) != "STATUS_OK":
        return []
    return [name for name, _ in xml.instances(message.representation().xml())]
