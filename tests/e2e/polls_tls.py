#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long polls over TLS: woken by what arrives, let go after the hold, and nothing is lost when they break."""

import base64
import select
import socket
import time
import xml.etree.ElementTree as ElementTree

import nat
from lib import report as reports
from lib import tls, xml
from lib.daemon import Daemon

HOLD = 2        # seconds
PARKED = 200 if reports.LONG else 40
ROUNDS = 100 if reports.LONG else 20


class Nscl(Daemon):
    """An nscl that speaks TLS alone."""

    def __init__(self, bed, *options):
        super().__init__(bed, "nscl", options=nat.OPTIONS + options)
        self.cert, key = tls.certificate(bed, "nscl")
        self.listeners = (f'{{ address = "127.0.0.1"; port = {self.port}; security = "certificate"; '
                          f'certificate = "{self.cert}"; key = "{key}"; serve = [ "mia", "mid" ]; }}')
        self.context = tls.context(self.cert)
        self.write_config()
        self.start()

    @property
    def origin(self):
        return f"https://127.0.0.1:{self.port}"

    def client(self, who=None, **more):
        return super().client(who, context=self.context, **more)


class Poll:
    """A poll on a TLS connection of its own."""

    def __init__(self, nscl, path, who):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", nscl.port))
        self.sock = nscl.context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{nscl.port}\r\nFrom: {who}\r\n"
                     "Content-Length: 0\r\n\r\n").encode()
        self.again()

    def again(self):
        """Sends the poll, also once more on the same connection."""
        self.sock.sendall(self.head)

    def is_parked(self, seconds):
        """Nothing has come for so long."""
        return not self.sock.pending() and not select.select([self.sock], [], [], seconds)[0]

    def answer(self):
        """(status, body)"""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, body = data.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self._more()
        return int(head.split()[1]), body

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise AssertionError("the connection ended in the middle of an answer")
        return data

    def close(self):
        """The orderly end of TLS, and of the connection."""
        try:
            self.sock.settimeout(0.2)
            self.sock = self.sock.unwrap()
        except OSError:
            pass
        self.sock.close()

    def vanish(self):
        """The connection closes below TLS."""
        self.sock.close()

    def reset(self):
        """The connection is reset."""
        nat.reset(self.sock)


def application(nscl, name, parent="/m2m/applications"):
    """An application with a channel: (client, requestingEntity, contactURI, path of longPollingURI)."""
    who = f"{nscl.base}/applications/{name}"
    client = nscl.client(who)
    client.create(parent, xml.application(name))
    channel = client.post(f"{parent}/{name}/notificationChannels",
                          f"<m2m:notificationChannel {xml.NS}><m2m:channelType>LONG_POLLING</m2m:channelType>"
                          "</m2m:notificationChannel>").xml()
    contact, poll = xml.text(channel, "contactURI"), xml.text(channel, "longPollingURI")
    return client, who, contact, "/m2m" + poll.split("/m2m", 1)[1]


def names_in(body):
    """Ids of the instances that a notify has."""
    representation = xml.text(ElementTree.fromstring(body), "representation")
    return [name for name, _ in xml.instances(ElementTree.fromstring(base64.b64decode(representation)))]


def woken(report, bed):
    """A poll that is parked is woken by a notification, again and again on one connection."""
    nscl = Nscl(bed)
    client, who, contact, path = application(nscl, "na")
    report.ok(contact.startswith(nscl.base), "contactURI is https", contact)
    client.create("/m2m/applications/na/containers", xml.container("c", 100000, 10**9))
    watched = "/m2m/applications/na/containers/c/contentInstances"
    client.post(f"{watched}/subscriptions", xml.subscription(contact, "s"))
    poll = Poll(nscl, path, who)
    report.ok(poll.is_parked(0.5), "without a message the poll is held")
    slowest, wrong = 0.0, []
    for number in range(ROUNDS):
        if not poll.is_parked(0.02):
            wrong.append(f"{number}: answered before there was anything")
        begun = time.monotonic()
        client.create(watched, xml.instance("x", f"i{number}"))
        status, body = poll.answer()
        slowest = max(slowest, time.monotonic() - begun)
        if status != 200 or names_in(body) != [f"i{number}"]:
            wrong.append(f"{number}: {status} {body[:200]!r}")
        poll.again()
    report.ok(not wrong, f"{ROUNDS} notifications wake {ROUNDS} polls", "\n".join(wrong[:10]))
    report.ok(slowest < HOLD, "none waits for the end of the hold", f"{slowest:.3f} s")
    begun = time.monotonic()
    report.equal(poll.answer(), (202, b""), "a poll that nothing comes for is let go")
    report.ok(HOLD - 1 < time.monotonic() - begun < HOLD + 10, "after the hold", f"{time.monotonic() - begun:.3f} s")
    poll.again()
    report.ok(poll.is_parked(0.3), "and polls again on its connection")
    code, _ = nscl.stop()
    report.equal(code, 0, "orderly stop with a parked poll")
    client.close()


def many(report, bed):
    """Many that are parked at once, each with a message of its own."""
    nscl = Nscl(bed, "channel.hold=60", "http.max_connections=1000", "http.max_connections_per_address=1000")
    polls = []
    for number in range(PARKED):
        client, who, contact, path = application(nscl, f"na{number}")
        client.close()
        polls.append((Poll(nscl, path, who), contact))
    report.ok(not any(p.sock.pending() for p, _ in polls) and not select.select([p.sock for p, _ in polls], [], [], 0.5)[0],
              f"{PARKED} polls are held")
    senders = [nat.Sender(nscl, contact[len(nscl.origin):], nat.NOTIFY % f"http://x/{number}")
               for number, (_, contact) in enumerate(polls)]
    wrong = []
    for number, (poll, _) in enumerate(polls):
        status, body = poll.answer()
        if status != 200 or f"http://x/{number}<".encode() not in body:
            wrong.append(f"{number}: {status} {body[:200]!r}")
        poll.close()                    # who closes in order has read the answer
    report.ok(not wrong, "each gets its own message", "\n".join(wrong[:10]))
    for one in senders:
        one.join(30)
    report.equal([s.status for s in senders], [200] * PARKED, "and each sender is answered")


def lost_answers(report, bed):
    """Polls whose connection is dead, or dies with the answer on its way, take nothing away."""
    nscl = Nscl(bed, "client.notify_timeout=60", "channel.hold=60")
    client, who, contact, path = application(nscl, "na")
    contact = contact[len(nscl.origin):]

    def taken(title, sender, what):
        report.ok(sender.is_alive(), f"{title}: the sender waits", sender.status)
        answer = client.post(path, None)
        report.ok(answer.status == 200 and what in answer.body, f"{title}: the next poll gets it", answer)
        client.get("/m2m")              # who asks again has read the answer
        sender.join(30)
        report.equal(sender.status, 200, f"{title}: then the sender is answered")
    for title, end in (("closed", Poll.close), ("vanished", Poll.vanish), ("reset", Poll.reset)):
        poll = Poll(nscl, path, who)
        report.ok(poll.is_parked(0.3), f"{title}: a poll is held")
        end(poll)
        time.sleep(0.1)
        sender = nat.Sender(nscl, contact, nat.NOTIFY % title)
        time.sleep(0.3)                 # long enough to be swallowed
        taken(title, sender, title.encode())
    poll = Poll(nscl, path, who)
    report.ok(poll.is_parked(0.3), "a poll with a small window is held")
    long = "http://x/" + "y" * 200000
    sender = nat.Sender(nscl, contact, nat.NOTIFY % long)
    sender.join(0.5)
    report.ok(sender.is_alive(), "an answer that was not received is not acknowledged", sender.status)
    poll.vanish()                       # with octets unread, this is a reset
    time.sleep(0.3)
    taken("answer lost on its way", sender, long.encode())
    client.close()


def gateway(report, bed):
    """A gscl that nobody can connect to is reached by its long polls over TLS."""
    nscl = Nscl(bed)
    gscl = nat.Gscl(bed, nscl)
    gscl.options.append(f"client.ca={nscl.cert}")
    gscl.start()
    if gscl.registered_at(nscl) is None:
        raise AssertionError(f"gscl does not register\n{gscl.log_tail()}")
    client = gscl.client()
    client.create("/m2m/applications", xml.application("ga"))
    client.create("/m2m/applications/ga/containers", xml.container("c", 100000, 10**9))
    client.close()
    nat.operations(report, nscl, gscl)
    nat.watching(report, bed, nscl, gscl)


if __name__ == "__main__":
    if not tls.available():
        print("# skipped: no openssl command")
        raise SystemExit(reports.SKIPPED)
    reports.run(woken, many, lost_answers, gateway)
