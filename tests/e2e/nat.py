#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gscl that nobody can connect to: it reaches its nscl over a link that fails, and is reached by long polling."""

import base64
import random
import socket
import struct
import threading
import time
import xml.etree.ElementTree as ElementTree

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.client import NotSent, Unknown
from lib.daemon import Daemon
from lib.notices import Receiver
from lib.relay import Relay

NAME = "gw1.example.org"            # resolves nowhere: whoever tried to connect to it would fail
HOLD = 2                            # seconds
OPTIONS = ("lifetime.min=1", f"channel.hold={HOLD}", "limits.instances_per_answer=100000",
           "limits.collection_max=100000")
ROUNDS = 12 if reports.LONG else 3
SEED = 20140301


class Nscl(Daemon):
    """An nscl that is known by the address of the relay in front of it."""

    def __init__(self, bed, **more):
        super().__init__(bed, "nscl", **more)
        self.relay = bed.add(Relay(self.port))
        self.options += [f"scl.uri=http://127.0.0.1:{self.relay.port}/m2m"]
        self.write_config()

    @property
    def base(self):
        """URI of the sclBase, through the relay."""
        return f"http://127.0.0.1:{self.relay.port}/m2m"


class Gscl(Daemon):
    """A gscl behind an address translator."""

    def __init__(self, bed, nscl):
        super().__init__(bed, "gscl", nscl=nscl, lifetime=60,
                         options=OPTIONS + (f'scl.own_names=[ "{NAME}" ]', "register.channel=true"))

    @property
    def base(self):
        """URI of the sclBase, by which nobody can connect."""
        return f"http://{NAME}:{self.port}/m2m"


def start_two(bed, *options):
    """nscl and gscl, registered, with an application and a container at the gscl."""
    nscl = Nscl(bed, options=OPTIONS + options).start()
    gscl = Gscl(bed, nscl).start()
    if gscl.registered_at(nscl) is None:
        raise AssertionError(f"gscl does not register\n{gscl.log_tail()}")
    client = gscl.client()
    client.create("/m2m/applications", xml.application("ga"))
    client.create("/m2m/applications/ga/containers", xml.container("c", 100000, 10**9))
    client.close()
    return nscl, gscl


def reached(report, bed):
    """An application at nscl works on the tree of the gscl."""
    nscl, gscl = start_two(bed)
    client = nscl.client(gscl.base)
    scl = client.get(f"/m2m/scls/{gscl.scl_id}").xml()
    report.equal(xml.text(scl, "serverCapability"), "false", "serverCapability of the scl at nscl")
    report.equal(xml.text(scl, "onlineStatus"), "ONLINE", "onlineStatus of the scl at nscl")
    report.equal(xml.text(scl, "link"), gscl.base, "link of the scl at nscl")
    poc = client.get(f"/m2m/scls/{gscl.scl_id}/m2mPocs/main").xml()
    channel = client.get(f"/m2m/scls/{gscl.scl_id}/communicationChannels/main").xml()
    report.equal(xml.text(poc, "contactURI"), xml.text(channel, "contactURI"), "its m2mPoc is its channel")
    client.close()
    operations(report, nscl, gscl)
    watching(report, bed, nscl, gscl)
    refused_ways(report, nscl, gscl)


def operations(report, nscl, gscl):
    """CRUD through the channel, and its speed."""
    client = nscl.client(f"{nscl.base}/applications/na")
    app = f"{gscl.base}/applications/ga"
    instances = f"{app}/containers/c/contentInstances"
    answer = client.get(app)
    report.ok(answer.status == 200 and answer.xml().get("appId") == "ga", "GET", answer)
    tag = answer.header("ETag")
    report.equal(client.request("GET", app, headers={"If-None-Match": tag}).status, 304, "conditional GET")
    answer = client.post(instances, xml.instance("through", "x1"))
    report.equal((answer.status, answer.header("Location")), (201, f"{instances}/x1"), "POST", answer)
    answer = client.get(f"{instances}/latest/content")
    report.equal((answer.status, answer.body), (200, b"through"), "content")
    answer = client.get(f"{instances}?metaDataOnly=true&sizeFrom=1000")
    report.equal((answer.status, xml.instances(answer.xml())), (200, []), "the query travels")
    answer = client.get(f"{gscl.base}/discovery?searchPrefix=/m2m/applications&maxSize=1")
    report.ok(answer.status == 200 and xml.text(answer.xml(), "truncated") == "true", "discovery", answer)
    answer = client.put(f"{app}/containers/c", xml.container(None, 100000, 10**9, tags=["seen"]))
    report.ok(answer.status in (200, 204), "PUT", answer)
    report.equal(client.post(f"{app}/containers", "<broken").status, 400, "a 400 is relayed")
    report.equal(client.get(f"{app}/nothing").status, 404, "a 404 is relayed")
    report.equal(client.post(instances, xml.instance("again", "x1")).status, 409, "a 409 is relayed")
    report.equal(client.delete(f"{instances}/x1").status, 204, "DELETE")
    large = "x" * 200000
    answer = client.post(instances, xml.instance(large, "large"))
    report.ok(answer.status == 201 and client.get(f"{instances}/large/content").body == large.encode(),
              "a large body, both ways", answer)
    begun = time.monotonic()
    for _ in range(50):
        client.get(app)
    report.ok(time.monotonic() - begun < 20, "the poll is renewed at once", f"{time.monotonic() - begun:.1f} s for 50")
    client.close()


def watching(report, bed, nscl, gscl):
    """A subscription that is made through the channel."""
    receiver = bed.add(Receiver())
    notices = receiver.open()
    client = nscl.client(f"{nscl.base}/applications/na")
    path = f"{gscl.base}/applications/ga/containers/c/contentInstances"
    answer = client.post(f"{path}/subscriptions", xml.subscription(notices.url, "s"))
    report.equal(answer.status, 201, "a subscription is made through the channel", answer)
    client.post(path, xml.instance("watched", "w1"))
    came = notices.wait_until(lambda messages: any(b"gw1.example.org" in m.body for m in messages), 30)
    report.ok(came, "it notifies", gscl.log_tail())
    report.equal(client.delete(f"{path}/subscriptions/s").status, 204, "it is deleted through the channel")
    client.close()


def refused_ways(report, nscl, gscl):
    """What must not come through."""
    client = nscl.client()
    poc = nscl.client(gscl.base).get(f"/m2m/scls/{gscl.scl_id}/m2mPocs/main").xml()
    contact = xml.text(poc, "contactURI")
    forged = (f'<m2m:requestNotify {xml.NS}><requestingEntity>{gscl.base}</requestingEntity><targetID>{gscl.base}'
              "/applications/ga</targetID><method>DELETE</method><xEtsiContactUriHeader>http://127.0.0.1:1/"
              "</xEtsiContactUriHeader><xEtsiCorrelationIDHeader>1</xEtsiCorrelationIDHeader></m2m:requestNotify>")
    report.equal(client.post(contact, forged).status, 403, "a request in another's name is refused at the channel")
    answer = client.request("GET", f"{gscl.base}/applications/ga", headers={"From": None})
    report.equal(answer.status, 402, "no From, 402", answer)
    report.equal(gscl.client().get("/m2m/applications/ga").status, 200, "nothing was deleted")
    client.close()


class Writers:
    """Threads that create instances at the gscl by way of nscl; what was acknowledged is kept."""

    def __init__(self, nscl, gscl, title, count=3):
        self.title = title
        self.nscl, self.gscl, self.ended = nscl, gscl, threading.Event()
        self.acknowledged, self.failures, self.wrong = [], 0, []
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(120)

    def _run(self, index):
        client = self.nscl.client(f"{self.nscl.base}/applications/na")
        path = f"{self.gscl.base}/applications/ga/containers/c/contentInstances"
        number = 0
        while not self.ended.is_set():
            number += 1
            name = f"{self.title}-{index}-{number}"
            try:
                answer = client.post(path, xml.instance("x", name))
            except (NotSent, Unknown):
                client.close()
                self.failures += 1
                time.sleep(0.05)
                continue
            if answer.status == 201:
                self.acknowledged.append(name)
            elif answer.status in (502, 503, 504):
                self.failures += 1
                time.sleep(0.05)
            else:
                self.wrong.append(repr(answer))
        client.close()

    def more(self, count, timeout=60):
        """Waits for so many more acknowledgements."""
        goal = len(self.acknowledged) + count
        return wait_for(lambda: len(self.acknowledged) >= goal, timeout=timeout)


def everything_is_there(report, gscl, writers, title):
    """All that was acknowledged, and nothing else was answered than what may be."""
    answer = gscl.client().get("/m2m/applications/ga/containers/c/contentInstances?metaDataOnly=true")
    there = {name for name, _ in xml.instances(answer.xml())}
    lost = [name for name in writers.acknowledged if name not in there]
    report.ok(not lost and not writers.wrong,
              f"{title}: all {len(writers.acknowledged)} acknowledged instances are there ({writers.failures} failed)",
              "\n".join(lost[:10] + writers.wrong[:10]))


def disturbed(report, bed, title, disturb):
    """Load, and something that happens to it a few times."""
    chance = random.Random(SEED)
    nscl, gscl = start_two(bed, "client.forward_timeout=5")
    for number in range(ROUNDS):
        with Writers(nscl, gscl, f"r{number}") as writers:
            report.ok(writers.more(30), f"{title} {number}: work goes on before", gscl.log_tail())
            time.sleep(chance.random() * 0.05)      # the random moment
            disturb(nscl, gscl)
            report.ok(writers.more(30, 90), f"{title} {number}: work goes on afterwards",
                      lambda: gscl.log_tail() + nscl.log_tail())
        everything_is_there(report, gscl, writers, f"{title} {number}")


def gscl_killed(report, bed):
    """SIGKILL of the gscl."""
    def kill(_nscl, gscl):
        gscl.kill()
        gscl.start()
    disturbed(report, bed, "gscl killed", kill)


def nscl_killed(report, bed):
    """SIGKILL of the nscl."""
    def kill(nscl, _gscl):
        nscl.kill()
        nscl.start()
    disturbed(report, bed, "nscl killed", kill)


def link_reset(report, bed):
    """All connections break."""
    def flicker(nscl, _gscl):
        nscl.relay.reset()
    disturbed(report, bed, "connections reset", flicker)


def link_cut(report, bed):
    """The link is down for a while."""
    def cut(nscl, _gscl):
        nscl.relay.cut()
        time.sleep(1)
        nscl.relay.restore()
    disturbed(report, bed, "link cut", cut)


def absent(report, bed):
    """Whoever is away is known to be, and back when it polls again."""
    nscl, gscl = start_two(bed, "client.forward_timeout=5")
    client = nscl.client(gscl.base)

    def status():
        return xml.text(client.get(f"/m2m/scls/{gscl.scl_id}").xml(), "onlineStatus")
    nscl.relay.cut()
    report.ok(wait_for(lambda: status() == "NOT_REACHABLE", timeout=30), "a gscl that does not poll is NOT_REACHABLE")
    report.equal(client.get(f"{gscl.base}/applications/ga").status, 503, "requests for it are refused with 503")
    nscl.relay.restore()
    report.ok(wait_for(lambda: status() == "ONLINE", timeout=60), "it is ONLINE when it polls again", gscl.log_tail())
    someone = nscl.client()
    report.equal(someone.get(f"{gscl.base}/applications/ga").status, 200, "and reached")
    channel = client.get(f"/m2m/scls/{gscl.scl_id}/communicationChannels/main").xml()
    report.equal(client.delete(f"/m2m/scls/{gscl.scl_id}/communicationChannels/main").status, 204,
                 "the channel is deleted")

    def another():
        answer = client.get(f"/m2m/scls/{gscl.scl_id}/communicationChannels/main")
        return answer.status == 200 and xml.text(answer.xml(), "contactURI") != xml.text(channel, "contactURI")
    report.ok(wait_for(another), "a channel that is gone is made again", gscl.log_tail())
    report.ok(wait_for(lambda: someone.get(f"{gscl.base}/applications/ga").status == 200), "and serves",
              gscl.log_tail())
    someone.close()
    client.close()
    code, seconds = gscl.stop()
    report.ok(code == 0 and seconds < 20, "orderly stop of the gscl", f"{code} after {seconds:.1f} s")
    report.equal(nscl.client(gscl.base).get(f"/m2m/scls/{gscl.scl_id}").status, 404, "it is de-registered")


class Poller(threading.Thread):
    """An application that takes its notifications by long polling, over the relay."""

    def __init__(self, nscl, path, who):
        super().__init__(daemon=True)
        self.nscl, self.path, self.who, self.ended, self.ids = nscl, path, who, False, []
        self.start()

    def run(self):
        client = self.nscl.client(self.who)
        client.port = self.nscl.relay.port
        while not self.ended:
            try:
                answer = client.post(self.path, None)
            except (NotSent, Unknown):
                client.close()
                time.sleep(0.05)
                continue
            if answer.status == 200:
                self._take(answer.xml())
            elif answer.status != 202:
                time.sleep(0.05)
        client.close()

    def _take(self, notify):
        representation = xml.text(notify, "representation")
        if representation is not None:
            document = ElementTree.fromstring(base64.b64decode(representation))
            self.ids += [name for name, _ in xml.instances(document)]

    def end(self):
        """Ends it."""
        self.ended = True
        self.join(30)


def notifications(report, bed):
    """Every contentInstance reaches an application that polls, whatever happens to link and nscl."""
    nscl = Nscl(bed, options=OPTIONS).start()
    who = f"{nscl.base}/applications/na"
    client = nscl.client(who)
    client.create("/m2m/applications", xml.application("na"))
    client.create("/m2m/applications/na/containers", xml.container("c", 100000, 10**9))
    channel = client.post("/m2m/applications/na/notificationChannels",
                          f"<m2m:notificationChannel {xml.NS}><m2m:channelType>LONG_POLLING</m2m:channelType>"
                          "</m2m:notificationChannel>").xml()
    path = "/m2m" + xml.text(channel, "longPollingURI").split("/m2m", 1)[1]
    watched = "/m2m/applications/na/containers/c/contentInstances"
    answer = client.post(f"{watched}/subscriptions", xml.subscription(xml.text(channel, "contactURI"), "s"))
    report.equal(xml.text(answer.xml(), "subscriptionType"), "SYNCHRONOUS", "a channel as contact")
    poller, names = Poller(nscl, path, who), []

    def create(count):
        for _ in range(count):
            names.append(f"n{len(names)}")
            client.create(watched, xml.instance("x", names[-1]))

    def arrived(title):
        there = wait_for(lambda: len(set(poller.ids)) == len(names), timeout=60)
        first = list(dict.fromkeys(poller.ids))
        report.ok(there and first == names, f"{title}: all {len(names)} arrived, in order",
                  lambda: f"missing {sorted(set(names) - set(first))[:10]} of {len(names)}\n{nscl.log_tail()}")
    create(50)
    arrived("undisturbed")
    for _ in range(ROUNDS):
        create(20)
        nscl.relay.reset()
        create(20)
    arrived("connections reset")
    nscl.relay.cut()
    create(20)
    nscl.relay.restore()
    arrived("link cut")
    create(20)
    nscl.kill()
    nscl.start()
    client.close()
    create(20)
    arrived("nscl killed")
    poller.end()
    client.close()


NOTIFY = (f"<m2m:notify {xml.NS}><m2m:statusCode>STATUS_OK</m2m:statusCode><subscriptionReference>%s"
          "</subscriptionReference></m2m:notify>")


class Sender(threading.Thread):
    """One message to a channel."""

    def __init__(self, nscl, path, body):
        super().__init__(daemon=True)
        self.nscl, self.path, self.body, self.status = nscl, path, body, None
        self.start()

    def run(self):
        client = self.nscl.client()
        self.status = client.post(self.path, self.body).status
        client.close()


def raw_poll(nscl, path, who):
    """A socket that polls; its window is small, so that a long answer does not fit."""
    poll = socket.socket()
    poll.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    poll.connect(("127.0.0.1", nscl.port))
    poll.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{nscl.port}\r\nFrom: {who}\r\n"
                 "Content-Length: 0\r\n\r\n".encode())
    return poll


def lost_answers(report, bed):
    """Polls whose connection is dead, or dies with the answer on its way, take nothing away."""
    nscl = Daemon(bed, "nscl", options=OPTIONS + ("client.notify_timeout=60", "channel.hold=60")).start()
    who = f"{nscl.base}/applications/na"
    client = nscl.client(who)
    client.create("/m2m/applications", xml.application("na"))
    channel = client.post("/m2m/applications/na/notificationChannels",
                          f"<m2m:notificationChannel {xml.NS}><m2m:channelType>LONG_POLLING</m2m:channelType>"
                          "</m2m:notificationChannel>").xml()
    contact, path = ("/m2m" + xml.text(channel, name).split("/m2m", 1)[1] for name in ("contactURI", "longPollingURI"))

    def taken(title, sender, what):
        report.ok(sender.is_alive(), f"{title}: the sender waits", sender.status)
        answer = client.post(path, None)
        report.ok(answer.status == 200 and what in answer.body, f"{title}: the next poll gets it", answer)
        client.get("/m2m")              # who asks again has read the answer
        sender.join(30)
        report.equal(sender.status, 200, f"{title}: then the sender is answered")
    for title, end in (("closed", lambda s: s.close()), ("reset", reset)):
        poll = raw_poll(nscl, path, who)
        time.sleep(0.3)                 # long enough to be held
        end(poll)
        time.sleep(0.1)
        sender = Sender(nscl, contact, NOTIFY % title)
        time.sleep(0.3)                 # long enough to be swallowed
        taken(f"poll {title} while it waits", sender, title.encode())
    poll = raw_poll(nscl, path, who)
    time.sleep(0.3)
    long = "http://x/" + "y" * 20000
    sender = Sender(nscl, contact, NOTIFY % long)
    time.sleep(0.5)
    report.ok(sender.is_alive(), "an answer that was not received is not acknowledged", sender.status)
    poll.close()                        # with octets unread, this is a reset
    time.sleep(0.3)
    taken("answer lost on its way", sender, long.encode())
    poll = raw_poll(nscl, path, who)
    sender = Sender(nscl, contact, NOTIFY % "relayed")
    poll.settimeout(30)
    report.ok(b"relayed" in poll.recv(65536), "a relay has the answer")
    reset(poll)
    taken("answer lost in a relay", sender, b"relayed")
    poll = raw_poll(nscl, path, who)
    sender = Sender(nscl, contact, NOTIFY % "slowly")
    poll.settimeout(30)
    report.ok(b"slowly" in poll.recv(65536), "a client has the answer")
    sender.join(30)
    report.equal(sender.status, 200, "and counts as one after a while, although it does not ask again")
    poll.close()
    client.close()


def reset(sock):
    """Ends a connection with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


if __name__ == "__main__":
    reports.run(reached, gscl_killed, nscl_killed, link_reset, link_cut, absent, notifications,
                lost_answers)
