# SPDX-License-Identifier: Apache-2.0
"""An SCL played by the runner: keeps what it is sent and answers as an SCL does."""

import re
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree

from . import xpath
from .sink import Answer, Sink

_XML = ("Content-Type", "application/xml; charset=utf-8")
_NS = 'xmlns:m2m="http://uri.etsi.org/m2m"'
_NOTICES = ("notify", "notifyCollection", "requestNotify", "responseNotify")
_REFERENCES = "".join(f"<m2m:{n}Reference>{{base}}/{n}</m2m:{n}Reference>" for n in (
    "scls", "applications", "containers", "groups", "accessRights", "subscriptions", "discovery"))
_BASE = (f"<m2m:sclBase {_NS}><m2m:searchStrings/><m2m:creationTime>2014-03-01T08:00:00.000Z</m2m:creationTime>"
         "<m2m:lastModifiedTime>2014-03-01T08:00:00.000Z</m2m:lastModifiedTime>"
         f"<m2m:aPocHandling>SHALLOW</m2m:aPocHandling>{_REFERENCES}</m2m:sclBase>")
_CHANNEL = (f'<m2m:{{name}} {_NS} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" m2m:id="{{id}}">'
            "<m2m:channelType>LONG_POLLING</m2m:channelType><m2m:contactURI>{uri}/contact</m2m:contactURI>"
            '<m2m:channelData xsi:type="m2m:LongPollingChannelData"><m2m:longPollingURI>{uri}/poll</m2m:longPollingURI>'
            "</m2m:channelData></m2m:{name}>")
POLL_HOLD = 1.0     # seconds a poll of a channel waits before it is answered 202


def root_of(body):
    """(local name, id) of a document; two empty strings when it is none."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return "", ""
    ids = [v for k, v in root.items() if k in ("id", "appId", "sclId", xpath.qname("m2m:id"))]
    return root.tag.rpartition("}")[2], ids[0] if ids else ""


def _error(status, code):
    body = f"<m2m:errorInfo {_NS}><m2m:statusCode>STATUS_{code}</m2m:statusCode></m2m:errorInfo>"
    return Answer(status, [_XML], body.encode())


class Peer(Sink):
    """A sink whose paths are resources: POST creates, GET, PUT, DELETE work on what was created."""

    def __init__(self):
        super().__init__([200], "text/plain", b"", 0.0)
        self.url, self.store, self.number, self.lock = "", {}, 0, threading.Lock()

    def opened(self, url):
        """The URI of its sclBase is known."""
        self.url = url
        self.store[""] = _BASE.format(base=urllib.parse.urlsplit(url).path).encode()

    def default(self, message, _index):
        path = re.sub(r"/+$", "", message.path.partition("?")[0])
        with self.lock:
            return getattr(self, "_" + message.method.lower(), self._get)(path, message.body)

    def _post(self, path, body):
        if path.endswith("/poll"):
            return Answer(202, delay=POLL_HOLD)
        name, ident = root_of(body)
        if not name or name in _NOTICES:
            return Answer(202 if name == "responseNotify" else 204)
        self.number += 1
        child = f"{path}/{ident or 'r%d' % self.number}"
        if child in self.store:
            return _error(409, "CONFLICT")
        if name.endswith("Channel"):
            body = _CHANNEL.format(name=name, id=child.rpartition("/")[2], uri=self.url + child).encode()
        self.store[child] = body
        return Answer(201, [("Location", self.url + child), _XML], body)

    def _get(self, path, _body):
        if path not in self.store:
            return _error(404, "NOT_FOUND")
        return Answer(200, [_XML], self.store[path])

    def _put(self, path, body):
        if path not in self.store:
            return _error(404, "NOT_FOUND")
        self.store[path] = body
        return Answer(204)

    def _delete(self, path, _body):
        if path not in self.store:
            return _error(404, "NOT_FOUND")
        for known in [k for k in self.store if k == path or k.startswith(path + "/")]:
            del self.store[known]
        return Answer(204)
