#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on service connections and mId, one row of the table of threats each: ok when the attack fails."""

import os
import re
import signal
import statistics
import sys
import threading
import time

from lib import psk, rows, xml
from lib.bed import pick_port, wait_for
from lib.client import NotSent, Unknown
from lib.m2mkeys import Kmr, ParamSet, connection_set, reject
from lib.notices import Receiver
from lib.pki import Authority, signing_key
from lib.report import LONG, SKIPPED
from lib.secure import BOOTSTRAP, CONNECT, Node, Provider, factory_node, now_plus, ppid, registration
from lib.tls import available

TIMING_RUNS = 200 if LONG else 60
TIMING_BOUND = 0.20         # medians of unknown identity and wrong key
SINGLE_TRIES = 3            # a difference that is there shows in each of them
TIMING_TRIES = 12           # and in all together, which counts alone from then on
REJECT_SECONDS = 600 if LONG else 6
RENEWALS = 30 if LONG else 3
SUSPENDED_SECONDS = 20 if LONG else 3
SUSPENDED_TRIES = 6         # the same
NON_PFS = ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256:PSK-AES128-CBC-SHA256")
NO_DHE = ("-tls1_3", "-allow_no_dhe_kex", "-ciphersuites", "TLS_AES_128_GCM_SHA256")
QUICK = {"bootstrap": {"backoff": "200 ms", "retry": "100 ms", "retry_max": "200 ms"}}
PEER, PEER_DOMAIN = "https://localhost:1/m2m", "peer.example"   # an NSCL of another provider that is not there
TABLE = {}


def threat(number):
    """Marks the check of a row, a function of (row, world)."""
    def mark(function):
        def check(row, bed):
            function(row, World(bed))
        check.__doc__ = function.__doc__
        TABLE[number] = check
        return function
    return mark


class World:
    """What the checks have in common: the provider, made when it is first needed, and names."""

    def __init__(self, bed):
        self.bed, self.made, self.count = bed, None, 0

    def start(self, **more):
        """The provider, with settings of its own."""
        self.made = Provider(self.bed, **more).start()
        return self.made

    @property
    def provider(self):
        """MAS and NSCL, or what start() has made."""
        return self.made or self.start(msbf=False)

    def name(self):
        """An SCL-ID that was not used yet."""
        self.count += 1
        return f"node-{self.count}"

    def fresh_ppid(self):
        """A device that was not used yet."""
        self.count += 1
        return ppid(0x0a0000 + self.count)

    def imported(self, kind="gscl", **more):
        """A node with imported credentials whose mId goes through a tap: (node, Kmr, tap)."""
        provider = self.made or self.start(msbf=False, tapped=True)
        node = Node(self.bed, kind, provider, name=self.name(), settings=QUICK, **more)
        kmr = provider.issue(node.scl_id)
        return node.provide(kmr), kmr, provider.tap


def link_of(name):
    """sclBase of a node that the test plays."""
    return f"http://{name}.example.org/m2m"


def register(session, name):
    """POST scls in its own name."""
    return session.request("POST", "/m2m/scls", registration(name, link_of(name)), {"From": link_of(name)})


def reason(answer, token):
    """The answer names that reason."""
    return token.encode() in answer.body


def flipped(key):
    """The key with one bit changed."""
    return key[:-1] + bytes([key[-1] ^ 1])


# ---- who gets in ----

def _connects(provider, kmr, name):
    """The new service connection, or None."""
    try:
        return provider.connected(kmr, name)
    except (AssertionError, psk.Refused):
        return None


@threat(1)
def without_connection(row, world):
    """mId without a service connection."""
    provider, name = world.start(msbf=False, serves=("mia", "mid")), world.name()
    kmr = provider.issue(name)
    body = registration(name, link_of(name))
    client = provider.client(link_of(name))
    answer = client.post("/m2m/scls", body)
    row.ok(answer.status == 403, "POST scls without TLS is refused, on loopback as well", answer)
    client.close()
    with psk.socket.create_connection(("127.0.0.1", provider.mid_port), timeout=10) as sock:
        sock.sendall(b"POST /m2m/scls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        try:
            got = sock.recv(100)
        except OSError:
            got = b""
    row.ok(not got.startswith(b"HTTP"), "HTTP to the port of mId has no answer", got)
    for method, path in (("POST", "/m2m/scls"), ("GET", "/m2m/scls"), ("GET", "/m2m"), ("PUT", f"/m2m/scls/{name}")):
        session = provider.session_a(kmr)
        answer = session.request(method, path, body if method != "GET" else b"", {"From": link_of(name)})
        row.ok(answer.status == 403 and reason(answer, "SEC_NO_CONNECTION"), f"{method} {path} on session A", answer)
        session.close()
    kmc = _connects(provider, kmr, name)
    if not row.ok(kmc, "session A makes a service connection"):
        return
    session = provider.session_b(kmc)
    row.equal(register(session, name).status, 201, "with a service connection it is done")
    answer = session.request("POST", f"{CONNECT}?sclId={name}")
    row.equal(answer.status, 401, "connectionParamSet is for session A alone")
    session.close()
    _nothing_in_clear(row, world)


def _nothing_in_clear(row, world):
    """A host that was nobody's a moment ago: once an SCL has registered there it gets nothing without TLS."""
    provider, name, receiver = world.provider, world.name(), world.bed.add(Receiver())
    notices, client = receiver.open(), provider.client("http://127.0.0.1/e2e")
    box, link = f"/m2m/containers/{name}/contentInstances", notices.url + "/m2m"
    row.equal(client.post("/m2m/containers", xml.container(name, nr=5, size=1000)).status, 201, "a container")
    row.equal(client.post(f"{box}/subscriptions", xml.subscription(notices.url)).status, 201, "a subscription")
    client.post(box, xml.instance("one"))
    row.ok(notices.wait_until(lambda seen: len(seen) == 1, 30), "nobody's host gets notifications in clear")
    _, _, session = provider.node(name)
    answer = session.request("POST", "/m2m/scls", registration(name, link), {"From": link})
    row.equal(answer.status, 201, "an SCL registers there", answer)
    client.post(box, xml.instance("two"))
    row.ok(not notices.wait_until(lambda seen: len(seen) > 1, 3), "the next notification does not leave in clear")
    client.close()
    session.close()


@threat(2)
def wrong_kmr(row, world):
    """A known node with a wrong Kmr."""
    provider = world.provider
    kmr = provider.issue(world.name())
    for version in (3, 2):
        for name, key, want in (("right", kmr.psk(version), True), ("wrong", flipped(kmr.psk(version)), False),
                                ("zero", bytes(32), False), ("Kmr itself as", kmr.key, False)):
            done = psk.handshakes(provider.mid_port, kmr.identity(version), key, version)
            row.equal(done, want, f"TLS 1.{version}: {name} key: handshake")


@threat(3)
def enumeration(row, world):
    """Which nodes there are cannot be found out."""
    provider = world.provider
    kmr, stranger = provider.issue(world.name()), Kmr(os.urandom(32), "01bcad98" + os.urandom(12).hex(), 1)
    wrong = os.urandom(32)
    hellos = [psk.captured_hello(who.identity(), wrong) for who in (kmr, stranger)]
    answers = [set(), set()]

    def measured():
        times = [[], []]
        for _ in range(TIMING_RUNS):
            for which, hello in enumerate(hellos):
                got, seconds = psk.send_hello(provider.mid_port, hello)
                answers[which].add(got)
                times[which].append(seconds)
        return times

    # What else the machine does shows in single medians and evens out over all: an attacker's difference does not.
    medians, every = [], [[], []]
    for attempt in range(TIMING_TRIES):
        latest = measured()
        every = [known + more for known, more in zip(every, latest)]
        judged = (latest, every) if attempt < SINGLE_TRIES else (every,)
        medians.append(min(([statistics.median(t) for t in times] for times in judged), key=_apart))
        if _near(medians[-1]):
            break
    row.equal(answers[0], answers[1], "wrong key and unknown identity: the same last message")
    row.ok(_near(medians[-1]), "and after the same time", medians)
    row.report.note("medians, us: " + ", ".join(f"{a * 1e6:.0f} {b * 1e6:.0f}" for a, b in medians))
    _enumeration_by_finished(row, provider, kmr, stranger, wrong)


def _apart(medians):
    return abs(medians[0] - medians[1]) / max(medians)


def _near(medians):
    return _apart(medians) <= TIMING_BOUND


def _enumeration_by_finished(row, provider, kmr, stranger, wrong):
    """TLS 1.2, where the key shows at the end of the handshake."""
    seen = []
    for who in (kmr, stranger):
        tap = psk.Tap(provider.mid_port)
        psk.handshakes(tap.port, who.identity(2), wrong, 2)
        wait_for(lambda tap=tap: tap.flows and tap.flows[0].ended)
        seen.append([(record[0], record[1]) for record in _records(tap.flows[0].down)])
        tap.close()
    row.equal(seen[0], seen[1], "TLS 1.2: the same messages of the same lengths")


def _records(stream):
    at, found = 0, []
    while at + 5 <= len(stream):
        size = int.from_bytes(stream[at + 3:at + 5], "big")
        # The signature-free flights have fixed lengths; encrypted ones too.
        found.append((stream[at], size))
        at += 5 + size
    return found


@threat(4)
def other_version(row, world):
    """The PSK of one TLS version in the other."""
    provider, name = world.provider, world.name()
    kmr, kmc, session = provider.node(name)
    session.close()
    mixed = ((2, 2, 3), (3, 3, 2), (2, 3, 3), (3, 2, 3), (3, 2, 2), (2, 3, 2))
    for keys, kind, tried in ((kmr, "Kmr", mixed), (kmc, "Kmc", mixed if LONG else mixed[:2])):
        for named, keyed, used in tried:
            done = psk.handshakes(provider.mid_port, keys.identity(named), keys.psk(keyed), used)
            row.ok(not done, f"{kind}: identity {named}, key {keyed} in TLS 1.{used}: no session")
        for version in (2, 3):
            row.ok(psk.handshakes(provider.mid_port, keys.identity(version), keys.psk(version), version),
                   f"{kind}: TLS 1.{version} as it should be")


@threat(5)
def no_forward_secrecy(row, world):
    """Downgrade to a PSK without forward secrecy."""
    provider = world.provider
    kmr = provider.issue(world.name())
    row.ok(not psk.handshakes(provider.mid_port, kmr.identity(2), kmr.psk(2), 2, suites=NON_PFS),
           "TLS 1.2 with plain PSK: no session")
    try:
        session = provider.session_a(kmr, suites=NO_DHE)
        row.ok(session.forward_secret, "TLS 1.3: psk_ke is not chosen", session.head)
        session.close()
    except psk.Refused:
        row.ok(True, "TLS 1.3: a client that permits psk_ke is refused")
    for version in (2, 3):
        session = provider.session_a(kmr, version)
        row.ok(session.forward_secret if version == 3 else "ECDHE" in session.head,
               f"TLS 1.{version}: sessions are forward secret", session.head)
        session.close()
    weak = ("-tls1_2", "-cipher", "PSK-NULL-SHA256:PSK-AES256-CBC-SHA:ECDHE-PSK-NULL-SHA256:DHE-PSK-AES128-GCM-SHA256@SECLEVEL=0")
    row.ok(not psk.handshakes(provider.mid_port, kmr.identity(2), kmr.psk(2), 2, suites=weak),
           "NULL, SHA-1 and DHE suites: no session")


# ---- false networks ----

def _goes_on_with(row, world, node, tap):
    """The credentials were kept: at the real NSCL the node registers."""
    tap.target = world.provider.mid_port
    row.ok(world.provider.sees(node.scl_id) is not None, "afterwards it registers with the real one", node.log_tail)
    node.stop()


@threat(6)
def certificate_server(row, world):
    """A false NSCL with a certificate that the client trusts."""
    node, _, tap = world.imported()
    authority = Authority(world.bed.path("authority"))
    node.options.append(f"client.ca={authority.cert}")
    for version in (3, 2):
        tap.target = pick_port()
        before = len(tap.flows)
        false = world.bed.add(psk.CertificateServer(tap.target, authority.server(), world.bed, version))
        if not node.alive():
            node.start()
        tried = wait_for(lambda before=before: sum(1 for f in tap.flows[before:] if f.ended and f.up) >= 2)
        row.ok(tried, f"TLS 1.{version}: the node has tried", node.log_tail)
        row.ok(b"HTTP/1.1" not in false.got, f"TLS 1.{version}: the node sends no request", false.got[:300])
        false.close()
    row.ok(all(identity.startswith("mr3.") for identity in tap.identities() if identity), "it asked by its PSK alone")
    _goes_on_with(row, world, node, tap)


@threat(7)
def false_psk_server(row, world):
    """A false NSCL that does not have the PSK."""
    node, kmr, tap = world.imported()
    for version in (3, 2):
        tap.target = pick_port()
        false = psk.FalseServer(tap.target, kmr.identity(version), flipped(kmr.psk(version)), version)
        before = len(tap.flows)
        if not node.alive():
            node.start()
        row.ok(false.accepted(3) is None, f"TLS 1.{version}: no session", false.head)
        row.ok(len(tap.flows) > before, f"TLS 1.{version}: the node has tried", node.log_tail)
        false.close()
    _goes_on_with(row, world, node, tap)


@threat(8)
def odd_identities(row, world):
    """Identities with NUL, of any length, of other characters."""
    provider = world.provider
    kmr = provider.issue(world.name())
    hello, good = psk.captured_hello(kmr.identity(), kmr.psk()), kmr.identity().encode()
    got, _ = psk.send_hello(provider.mid_port, psk.forged_hello(hello, good, kmr.psk()))
    row.ok(psk.is_server_hello(got), "the identity itself is accepted", got[:40])
    rss = _resident(provider)
    odd = {"NUL and more": good + b"\0x", "NUL": good + b"\0", "NUL in front": b"\0" + good, "upper case": good.upper(),
           "space": good + b" ", "no index": good.rpartition(b".")[0] + b".", "sign": good[:-1] + b"+1",
           "leading zero": good[:-1] + b"01", "65 octets": good + b"1" * (65 - len(good)), "empty": b"",
           "index of 2^32 and more": good[:-1] + b"4294967297", "30000 octets": good + b"a" * 30000, "binary": bytes(range(64))}
    for name, identity in odd.items():
        got, seconds = psk.send_hello(provider.mid_port, psk.forged_hello(hello, identity, kmr.psk()))
        row.ok(not psk.is_server_hello(got) and seconds is not None, f"{name}: no session", got[:40])
    for _ in range(50):
        psk.send_hello(provider.mid_port, psk.forged_hello(hello, os.urandom(30000), kmr.psk()))
    row.ok(_resident(provider) - rss < 20000, "memory stays", (rss, _resident(provider)))
    row.ok(provider.alive() and psk.handshakes(provider.mid_port, kmr.identity(), kmr.psk()), "and others are served")


def _resident(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


@threat(9)
def speaks_for_another(row, world):
    """Node X speaks for SCL Y."""
    provider = world.start(msbf=False, extra=f'peers = ( {{ uri = "{PEER}"; public_domain = "{PEER_DOMAIN}"; scl_id = "peer"; }} );')
    names = (world.name(), world.name())
    keys, links = [], [link_of(name) for name in names]
    for name in names:
        _, kmc, session = provider.node(name)
        row.equal(register(session, name).status, 201, f"{name} registers itself")
        keys.append(kmc)
        session.close()

    def on_session(number, *request):
        # What is refused before its body was read ends the session.
        with provider.session_b(keys[number]) as session:
            return session.request(*request)
    mine, other = names
    container = xml.container("c", nr=5, size=1000)
    attacks = [
        ("PUT of its scl", "PUT", f"/m2m/scls/{other}", registration(other, links[0]), {}),
        ("DELETE of its scl", "DELETE", f"/m2m/scls/{other}", b"", {}),
        ("registration in its name", "POST", "/m2m/scls", registration(other, links[1]), {"From": links[1]}),
        ("registration of its name for itself", "POST", "/m2m/scls", registration(other, links[0]), {}),
        ("registration of a third", "POST", "/m2m/scls", registration("third", link_of("third")), {"From": link_of("third")}),
        ("POST below its scl", "POST", f"/m2m/scls/{other}/containers", container, {}),
        ("the same by an encoded path", "POST", f"/m2m/scls/{other[:-1]}%{ord(other[-1]):02x}/containers", container, {}),
        ("absolute path of its scl", "POST", f"{provider.mid_base}/scls/{other}/containers", container, {}),
        ("requestingEntity of it", "GET", f"/m2m/scls/{mine}", b"", {"From": links[1]}),
        ("requestingEntity of its application", "GET", "/m2m/scls", b"", {"From": f"{links[1]}/applications/a"}),
        ("requestingEntity of the NSCL", "GET", "/m2m/scls", b"", {"From": provider.mid_base}),
        ("of an application of the NSCL", "GET", "/m2m/scls", b"", {"From": f"{provider.mid_base}/applications/a"}),
    ]
    for name, method, path, body, headers in attacks:
        answer = on_session(0, method, path, body, headers)
        row.ok(answer.status == 403, name, answer)
    answer = on_session(0, "GET", "/m2m/scls", b"", {"From": other})
    row.ok(answer.status in (400, 403), "the other one by its SCL-ID", answer)
    answer = on_session(0, "PUT", f"/m2m/scls/{mine}", f"<m2m:scl {xml.NS}><m2m:link>{links[1]}</m2m:link></m2m:scl>")
    row.ok(answer.status in (400, 403), "the link of the other as its own", answer)
    answer = on_session(0, "GET", "/m2m/scls", b"", {"From": f"{links[0]}/applications/a"})
    row.equal(answer.status, 200, "its own application it speaks for")
    answer = on_session(1, "GET", f"/m2m/scls/{other}", b"")
    row.ok(answer.status == 200 and xml.text(answer.xml(), "link") == links[1], "the other is as it was", answer)
    _by_a_group(row, world, on_session, names)
    _reports_to_a_group(row, world)
    _in_nobodys_name(row, world)
    _link_of_a_peer(row, world)


def _make_group(row, provider, name, member):
    """A group that everybody may use; its membersContent."""
    body = (f'<m2m:group {xml.NS} m2m:id="{name}"><m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID><m2m:memberType>MIXED'
            f"</m2m:memberType><m2m:members><reference>{member}</reference></m2m:members></m2m:group>")
    client = provider.client("http://127.0.0.1/e2e")
    answer = client.post("/m2m/groups", body)
    client.close()
    row.equal(answer.status, 201, f"group {name}", answer)
    return f"/m2m/groups/{name}/membersContent"


def _given_away(more=""):
    """PUT of an scl with which everybody may do everything, as far as access rights say."""
    return (f"<m2m:scl {xml.NS}><m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID>"
            f"<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>{more}</m2m:scl>")


def _by_a_group(row, world, on_session, names):
    """What is refused to the SCL, it does not get by a group either."""
    mine, other = names
    answer = on_session(1, "PUT", f"/m2m/scls/{other}", _given_away())
    row.equal(answer.status, 204, "the other one lets everybody change its scl", answer)
    members = _make_group(row, world.provider, "others", f"/m2m/scls/{other}")
    answer = on_session(0, "DELETE", f"/m2m/scls/{other}")
    row.equal(answer.status, 403, "DELETE of it all the same", answer)
    answer = on_session(0, "DELETE", members)
    row.ok(b"STATUS_OK" not in answer.body and on_session(1, "GET", f"/m2m/scls/{other}").status == 200,
           "DELETE by a group", answer)
    row.ok(b"STATUS_OK" in on_session(0, "GET", members).body, f"what {mine} may, it may by a group")


def _reports_to_a_group(row, world):
    """A forged integrity report is not stored by way of a group."""
    provider, name = world.provider, world.name()
    _, kmc, session = provider.node(name)
    row.equal(register(session, name).status, 201, f"{name} registers")
    row.equal(session.request("PUT", f"/m2m/scls/{name}", _given_away()).status, 204, "its scl is everybody's")
    members = _make_group(row, provider, "reports", f"/m2m/scls/{name}")
    forged = ("<m2m:integrityValResults><ivalResults>31</ivalResults><signedIvalResult>1</signedIvalResult>"
              f"<secureTimeStamp>{now_plus(0)}</secureTimeStamp></m2m:integrityValResults>")
    answer = session.request("PUT", members, _given_away(forged))
    row.ok(b"STATUS_FORBIDDEN" in answer.body, "a forged report by a group", answer)
    row.ok(session.is_closed(3), "its session is closed")
    row.ok(not psk.handshakes(provider.mid_port, kmc.identity(), kmc.psk()), "and its connection is ended")
    session.close()


def _in_nobodys_name(row, world):
    """An SCL that is not registered, or calls itself an NSCL, for whoever is no SCL."""
    provider, name, boss = world.provider, world.name(), "https://boss.example.org/"
    kmc = provider.connected(provider.issue(name), name)

    def ask(*request):
        with provider.session_b(kmc) as session:
            return session.request(*request)

    def refused(label):
        answer = ask("GET", "/m2m/applications", b"", {"From": boss})
        row.ok(answer.status == 403 and reason(answer, "SEC_IDENTITY"), f"{label}: requestingEntity that is nobody's", answer)
    refused("not registered")
    row.equal(ask("GET", "/m2m", b"", {"From": link_of(name)}).status, 200, "not registered: it sees the sclBase")
    answer = ask("POST", "/m2m/scls", registration(name, link_of(name)).replace("GSCL", "NSCL"), {"From": link_of(name)})
    row.ok(answer.status == 403 and reason(answer, "SEC_IDENTITY"), "registration as NSCL", answer)
    refused("as NSCL")
    answer = ask("POST", "/m2m/scls", registration(name, link_of(name)), {"From": link_of(name)})
    row.ok(answer.status in (201, 409), "it registers as what it is", answer)
    refused("registered")
    row.equal(ask("DELETE", f"/m2m/scls/{name}", b"", {"From": link_of(name)}).status, 204, "it leaves")
    refused("de-registered")


def _link_of_a_peer(row, world):
    """An SCL that is registered with the link of another provider's NSCL gets that one's requests, and has its word."""
    provider = world.provider

    def registered(name, kind):
        """(answer to it, answer to a request in the name of somebody in the domain)"""
        kmc = provider.connected(provider.issue(name), name)
        with provider.session_b(kmc) as session:
            answer = session.request("POST", "/m2m/scls", registration(name, PEER).replace("GSCL", kind), {"From": PEER})
        with provider.session_b(kmc) as session:
            return answer, session.request("GET", "/m2m/scls", b"", {"From": f"https://gw.{PEER_DOMAIN}/m2m/applications/a"})
    for kind in ("NSCL", "GSCL"):
        for answer in registered(world.name(), kind):
            row.ok(answer.status == 403 and reason(answer, "SEC_IDENTITY"), f"link of a peer, as {kind}", answer)
    row.equal([a.status for a in registered("peer", "NSCL")], [201, 200], "the peer itself")


@threat(10)
def mixed_connections(row, world):
    """Requests of one identity on the session of another."""
    provider = world.start(msbf=False, tapped=True, settings={"mas": {"kmc_lifetime": "6 s"}})
    node, _, tap = world.imported()
    node.start()
    row.ok(provider.sees(node.scl_id) is not None, "registered", node.log_tail)
    load = Load(node, provider)
    load.start()
    wait_for(lambda: sum(f.identity.startswith("mr3.") for f in list(tap.flows)) >= RENEWALS,
             timeout=60 + 7 * RENEWALS)
    load.end()
    row.ok(load.good > 20 and not load.bad, "every request is served in between", load.bad[:5])
    flows = list(tap.flows)
    asked = [f for f in flows if f.identity.startswith("mr3.")]
    kinds = sorted({f.identity for f in flows if f.identity.startswith("mc3.")}, key=lambda i: int(i.rpartition(".")[2]))
    row.ok(len(kinds) >= len(asked) - 1, "every service connection has a session of its own", (len(asked), kinds))
    for flow in asked:
        row.ok(flow.ended or flow is asked[-1], "session A is closed after its one request")
    for kind in kinds[:-1]:
        row.ok(wait_for(lambda kind=kind: _used(provider, kind), 10), f"{kind}: was used itself")
    node.stop()


def _used(provider, identity):
    """Requests that the MAS knows of a connection; it is told once in a while."""
    listed = provider.administer("GET", "/connections?limit=200")["connections"]
    return next((c["requests"] for c in listed if c["connectionId"] == identity.split(".")[1]), 0)


class Load(threading.Thread):
    """An application of a node that asks the NSCL through it."""

    def __init__(self, node, provider):
        super().__init__(daemon=True)
        self.uri, self.client = f"{provider.mid_base}/scls/{node.scl_id}", node.client(f"{node.mid_base}/applications/load")
        self.client.create("/m2m/applications", xml.application("load"))
        self.halt, self.good, self.bad = threading.Event(), 0, []

    def run(self):
        while not self.halt.is_set():
            try:
                answer = self.client.get(self.uri)
                if answer.status == 200:
                    self.good += 1
                else:
                    self.bad.append(repr(answer))
            except (NotSent, Unknown) as error:
                self.bad.append(repr(error))
            time.sleep(0.01)

    def end(self):
        """Waits for its end."""
        self.halt.set()
        self.join(30)
        self.client.close()


def _asks_for_connection(row, node, kmr, tap, label):
    """A server that has Kmr's PSK: (server, exporter) with the node's request for connectionParamSet."""
    tap.target = pick_port()
    false = psk.FalseServer(tap.target, kmr.identity(), kmr.psk())
    if not node.alive():
        node.start()
    exporter = false.accepted()
    line = false.await_request() if exporter else None
    if not row.ok(line and line.startswith(f"POST {CONNECT}"), f"{label}: the node asks", line or node.log_tail()):
        false.close()
        return None, None
    return false, exporter


def _goes_on(tap, before):
    """What the node does next is a session B; False: it asks for another service connection."""
    def following():
        return next((identity for identity in tap.identities()[before:] if identity), None)
    return (wait_for(following) or "").startswith("mc")


@threat(11)
def replayed_set(row, world):
    """connectionParamSet of another session or node."""
    node, kmr, tap = world.imported()
    other = Kmr(os.urandom(32), os.urandom(16).hex(), 1)
    until = now_plus(3600)
    stale = kmr.connect(os.urandom(32), 0x1122334455667788, 7, node.scl_id)
    foreign = other.connect(os.urandom(32), 0x1122334455667799, 8, node.scl_id)
    bodies = {
        "another session, v1.1": connection_set(stale, until),
        "another session, v2.1.1": connection_set(stale, until, kek=kmr.kek_conn(stale.connection, stale.index)),
        "another node, v1.1": connection_set(foreign, until),
        "another node, v2.1.1": connection_set(foreign, until, kek=other.kek_conn(foreign.connection, foreign.index)),
    }
    for name, body in bodies.items():
        false, _ = _asks_for_connection(row, node, kmr, tap, name)
        if not false:
            return
        before = len(tap.flows)
        false.answer(201, body)
        row.ok(not _goes_on(tap, before), f"{name}: is not taken", tap.identities()[before:])
        false.close()
    _confirmed(row, node, kmr, tap)


def _confirmed(row, node, kmr, tap):
    """The same server with the right key: so it was the key that was looked at."""
    false, exporter = _asks_for_connection(row, node, kmr, tap, "right key")
    if false:
        before = len(tap.flows)
        kmc = kmr.connect(exporter, 0x11223344556677aa, 9, node.scl_id)
        false.answer(201, connection_set(kmc, now_plus(3600)))
        row.ok(_goes_on(tap, before), "the right key is taken", node.log_tail)
        false.close()
    node.stop()


@threat(12)
def tampered_key(row, world):
    """A wrong key in connectionParamSet."""
    node, kmr, tap = world.imported()
    for name in ("v1.1", "v2.1.1", "other SCL-ID", "lifetime past", "ConnectionId 0"):
        false, exporter = _asks_for_connection(row, node, kmr, tap, name)
        if not false:
            return
        kmc = kmr.connect(exporter, 0x1122334455667788, 7, node.scl_id)
        kek = kmr.kek_conn(kmc.connection, kmc.index) if name == "v2.1.1" else None
        bad = flipped(kmc.key) if name.startswith("v") else None
        until = now_plus(-60 if name == "lifetime past" else 3600)
        if name == "other SCL-ID":
            kmc = kmr.connect(exporter, 0x1122334455667788, 7, "another")
        if name == "ConnectionId 0":
            kmc = kmr.connect(exporter, 0, 7, node.scl_id)
        before = len(tap.flows)
        false.answer(201, connection_set(kmc, until, kek=kek, key=bad))
        row.ok(not _goes_on(tap, before), f"{name}: the node does not go on", tap.identities()[before:])
        false.close()
    _confirmed(row, node, kmr, tap)


# ---- ends ----

@threat(13)
def expired(row, world):
    """A Kmc that has expired."""
    provider = world.start(msbf=False, settings={"mas": {"kmc_lifetime": "6 s"}})
    _, kmc, session = provider.node(world.name())
    began = time.monotonic()
    row.equal(session.request("GET", "/m2m/connections/self").status, 200, "served while it lives")
    time.sleep(max(0.0, began + 6.2 - time.monotonic()))
    answer = session.request("GET", "/m2m/connections/self")
    row.ok(answer.status == 401 and reason(answer, "SEC_KMC_EXPIRED"), "the open session is refused", answer)
    row.ok(session.is_closed(3), "and closed")
    row.ok(not psk.handshakes(provider.mid_port, kmc.identity(), kmc.psk()), "no new session")
    session.close()


@threat(14)
def revoked(row, world):
    """A stolen Kmc after the revocation."""
    provider = world.provider
    for scope in ("connection", "kmr", "node"):
        name = world.name()
        kmr, kmc, session = provider.node(name)
        idle, silent = provider.session_b(kmc), provider.session_b(kmc)
        for one in (session, silent):
            row.equal(one.request("GET", "/m2m/connections/self").status, 200, f"{scope}: served before")
        more = {"connection": {"connection": f"{kmc.connection:016x}"}, "kmr": {"index": kmr.index}, "node": {}}[scope]
        provider.revoke(kmr.node, scope, **more)
        at = time.monotonic()
        for one, which in ((session, "open session"), (idle, "session without a request")):
            answer = one.request("GET", "/m2m/connections/self")
            row.ok(answer.status == 0 or (answer.status == 403 and reason(answer, "SEC_REVOKED")),
                   f"{scope}: the {which} is refused", answer)
        for one, which in ((session, "open"), (idle, "unused"), (silent, "idle")):
            row.ok(one.is_closed(3) and time.monotonic() < at + 1.5, f"{scope}: the {which} session is closed within a second")
            one.close()
        for version in (2, 3):
            row.ok(not psk.handshakes(provider.mid_port, kmc.identity(version), kmc.psk(version), version),
                   f"{scope}: no new session by Kmc, TLS 1.{version}")
        again = psk.handshakes(provider.mid_port, kmr.identity(), kmr.psk())
        row.equal(again, scope == "connection", f"{scope}: session by Kmr")
        provider.revoke(kmr.node, scope, **more)


@threat(15)
def rolled_back(row, world):
    """An old KmrIndex."""
    provider, name = world.provider, world.name()
    old = provider.issue(name)
    row.ok(_connects(provider, old, name), "a new node connects")
    new = provider.issue(name, nodeId=old.node.hex())
    row.equal(new.index, old.index + 1, "the index grows")
    row.ok(_connects(provider, old, name), "the old one is good until the new one is used")
    row.ok(_connects(provider, new, name), "the new one is good")
    _no_connection(row, provider, old, name, "the old one afterwards")
    provider.administer("POST", f"/nodes/{new.node.hex()}/rotate", {"index": 0})
    _no_connection(row, provider, new, name, "after a rotation without time limit")
    newest = provider.issue(name, nodeId=old.node.hex())
    row.ok(_connects(provider, newest, name), "the newest one is good")


def _no_connection(row, provider, kmr, name, label):
    try:
        session = provider.session_a(kmr)
    except psk.Refused:
        row.ok(True, label + ": no session")
        return
    answer = provider.ask_connection(session, name)
    row.ok(answer.status == 403 and reason(answer, "SEC_REBOOTSTRAP"), label + ": SEC_REBOOTSTRAP", answer)
    session.close()


def bootstrap_by_hand(provider, identity, device_ppid, label_more=""):
    """POST bootstrapParamSet in derive mode: (answer, Kmr or None)."""
    session = provider.certified(identity)
    try:
        answer = session.request("POST", f"{BOOTSTRAP}?ppid={device_ppid}&kmr=derive{label_more}", b"",
                                 {"Accept": "application/xml"})
        if answer.status != 201:
            return answer, None
        made = ParamSet(answer.body)
        return answer, Kmr.derived(session.exporter, device_ppid, made["securityM2MNodeId"], made.kmr_index, "localhost")
    finally:
        session.close()


@threat(16)
def lost_bootstrap(row, world):
    """The answer to a bootstrap is lost."""
    provider, device_ppid = world.start(), world.fresh_ppid()
    device = provider.devices.device(device_ppid)
    provider.admit(device_ppid)
    answer, first = bootstrap_by_hand(provider, device, device_ppid)
    if not row.ok(first is not None, "bootstrap", answer):
        return
    name = ParamSet(answer.body)["sclId"]
    row.ok(_connects(provider, first, name), "the node connects")
    _, lost = bootstrap_by_hand(provider, device, device_ppid)
    row.ok(lost and lost.index == first.index + 1 and lost.node == first.node, "a second one, whose answer is lost")
    row.ok(_connects(provider, first, name), "the node connects with the Kmr that it has")
    _, second = bootstrap_by_hand(provider, device, device_ppid)
    row.ok(second.index > lost.index and _connects(provider, second, name), "and with the next one")
    row.ok(not psk.handshakes(provider.mid_port, lost.identity(), lost.psk()), "the lost one is good for nothing")
    _daemon_bootstraps_again(row, world)


def _daemon_bootstraps_again(row, world):
    """A gscl whose first answer of the MSBF is cut off."""
    provider, cut = world.provider, []
    tap = world.bed.add(psk.Tap(provider.msbf_port))
    device_ppid = world.fresh_ppid()
    device = provider.devices.device(device_ppid)
    provider.admit(device_ppid, [device.fingerprint()])

    def limit(flow, _data):
        # The handshake is over when the client has sent more than its certificate.
        if not cut and len(flow.up) > 1100:
            time.sleep(0.2)
            cut.append(flow)
            return False
        return flow not in cut
    tap.limit_down = limit
    node = Node(world.bed, "gscl", provider, name=world.name(), device=device, device_ppid=device_ppid,
                settings={"bootstrap": {"msbf": f"https://localhost:{tap.port}/m2m/msbf"}}).start()
    row.ok(provider.sees(node.scl_id) is not None, "a gscl gets over a lost answer", node.log_tail)
    row.ok(cut and len(tap.flows) > 1, "an answer was lost", len(tap.flows))
    node.stop()


# ---- rejects, stalls, side channels ----

@threat(43)
def forged_rejects(row, world):
    """Rejects that are not signed, or not for this request."""
    node, kmr, tap = world.imported()
    provider = world.provider
    node.options.append(f"bootstrap.reject_key={provider.reject_keys[1]}")
    foreign, old = signing_key(world.bed.path("foreign-reject.key"))[0], os.urandom(16)
    headers = [
        ("403", 403, {}), ("410", 410, {}), ("401", 401, {}),
        ("403 with an old nonce", 403, {"X-M2M-Reject": reject(provider.reject_keys[0], kmr.node, old, 2)}),
        ("410 signed by another", 410, None),
        ("403 for another node", 403, {"X-M2M-Reject": reject(provider.reject_keys[0], os.urandom(16), old, 2)}),
    ]
    end, count = time.monotonic() + REJECT_SECONDS, 0
    while count < len(headers) or (LONG and time.monotonic() < end):
        name, status, more = headers[count % len(headers)]
        false, _ = _asks_for_connection(row, node, kmr, tap, name)
        if not false:
            return
        nonce = re.search(r"X-M2M-Nonce: ([0-9a-f]{32})", false.head, re.I)
        if more is None:
            more = {"X-M2M-Reject": reject(foreign, kmr.node, bytes.fromhex(nonce.group(1)) if nonce else old, 2)}
        before = len(tap.flows)
        false.answer(status, "", more)
        _goes_on(tap, before)       # it has read the answer
        false.close()
        count += 1
    row.ok(True, f"asked again after {count} forged rejects")
    tap.target = pick_port()
    before = len(tap.flows)
    row.ok(wait_for(lambda: len(tap.flows) >= before + 7), "closed handshakes: it goes on trying", node.log_tail)
    tap.target = provider.mid_port
    row.ok(provider.sees(node.scl_id) is not None, "the credentials are still there", node.log_tail)
    node.stop()
    _obeyed_reject(row, world)


def _obeyed_reject(row, world):
    """The one that is to be obeyed: so it was signature and nonce that were looked at."""
    node, kmr, tap = world.imported()
    node.options.append(f"bootstrap.reject_key={world.provider.reject_keys[1]}")
    false, _ = _asks_for_connection(row, node, kmr, tap, "true reject")
    if not false:
        return
    nonce = re.search(r"X-M2M-Nonce: ([0-9a-f]{32})", false.head, re.I)
    if row.ok(nonce, "the request has a nonce", false.head):
        text = reject(world.provider.reject_keys[0], kmr.node, bytes.fromhex(nonce.group(1)), 2)
        false.answer(403, "", {"X-M2M-Reject": text})
        row.ok(wait_for(lambda: "credentials-void" in node.log(), 20), "a signed one is obeyed", node.log_tail)
    false.close()
    node.stop()


@threat(51)
def stuck_mas(row, world):
    """A MAS that stands still."""
    mas = Provider(world.bed, name="mas", roles=["mas"]).start()
    provider = world.start(roles=["nscl"], mas=mas)
    name, other = world.name(), world.name()
    kmr, waiting = provider.issue(name), provider.issue(other)
    # The keys of new nodes come with the feed: the first handshake may be too early.
    wait_for(lambda: psk.handshakes(provider.mid_port, kmr.identity(), kmr.psk()))
    wait_for(lambda: psk.handshakes(provider.mid_port, waiting.identity(), waiting.psk()))
    session = provider.session_b(provider.connected(kmr, name))
    row.equal(register(session, name).status, 201, "a node is served with a MAS in another process")
    tried, every = [], ([], [])
    for attempt in range(SUSPENDED_TRIES):
        before, _ = _latency(session, SUSPENDED_SECONDS / 3)
        os.kill(mas.pid, signal.SIGSTOP)
        try:
            asking = provider.session_a(waiting)
            asking.send(_post(f"{CONNECT}?sclId={other}", asking.authority))
            strangers = threading.Thread(target=lambda: [psk.send_hello(provider.mid_port, hello) for hello in _strangers()])
            strangers.start()
            during, bad = _latency(session, SUSPENDED_SECONDS)
            strangers.join()
            asking.close()
        finally:
            os.kill(mas.pid, signal.SIGCONT)
        every[0].extend(before)
        every[1].extend(during)
        judged = ((before, during), every) if attempt < SINGLE_TRIES else (every,)
        tried.append(min((tuple(_p99(times) for times in pair) for pair in judged), key=lambda pair: pair[1] / pair[0]))
        row.ok(not bad, "what is connected is served on while the MAS stands still", bad[:3])
        if tried[-1][1] <= 2 * tried[-1][0]:
            break
    row.ok(tried[-1][1] <= 2 * tried[-1][0], "and as fast: p99 not above twice that of before", tried)
    row.report.note("p99 before and during, ms: " + ", ".join(f"{a * 1e3:.2f} {b * 1e3:.2f}" for a, b in tried))
    again = wait_for(lambda: _connects(provider, waiting, other), 20)
    row.ok(again, "afterwards new connections are made", provider.log_tail)
    session.close()


def _post(target, authority):
    return f"POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n".encode()


def _strangers():
    hello = psk.captured_hello("mr3." + "0" * 32 + ".1", os.urandom(32))
    return [psk.forged_hello(hello, f"mr3.{os.urandom(16).hex()}.1".encode(), os.urandom(32)) for _ in range(100)]


def _latency(session, seconds):
    """Seconds that requests on the session take, and what was not 200."""
    end, times, bad = time.monotonic() + seconds, [], []
    while time.monotonic() < end:
        began = time.perf_counter()
        answer = session.request("GET", "/m2m/scls")
        times.append(time.perf_counter() - began)
        if answer.status != 200:
            bad.append(repr(answer))
            break
        time.sleep(0.002)       # well below what a node may ask
    return times, bad


def _p99(times):
    return sorted(times)[int(len(times) * 0.99)]


@threat(53)
def triple_handshake(row, world):
    """TLS 1.2 without extended master secret."""
    provider, name = world.provider, world.name()
    kmr = provider.issue(name)
    env = psk.without_extended_master_secret(world.bed)
    session = provider.session_a(kmr, 2)
    row.ok(session.extended, "the control has it", session.head)
    answer = provider.ask_connection(session, name)
    row.equal(answer.status, 201, "with it a parameter set is issued", answer)
    session.close()
    try:
        session = provider.session_a(kmr, 2, env=env)
    except psk.Refused:
        row.ok(True, "without it there is no session")
        return
    row.ok(not session.extended, "the attacker leaves it out")
    answer = provider.ask_connection(session, name)
    row.ok(answer.status in (0, 401, 403), "no parameter set is issued", answer)
    session.close()


@threat(54)
def eavesdropper(row, world):
    """Who talks is not to be read on the wire."""
    provider, device_ppid = world.start(tapped=True), world.fresh_ppid()
    tap, boot = provider.tap, world.bed.add(psk.Tap(provider.msbf_port))
    node = factory_node(world.bed, "gscl", provider, device_ppid, name=world.name(),
                        settings={"bootstrap": {"msbf": f"https://localhost:{boot.port}/m2m/msbf"}}).start()
    if not row.ok(provider.sees(node.scl_id) is not None, "registered", node.log_tail):
        return
    load = Load(node, provider)
    load.start()
    wait_for(lambda: load.good > 10)
    load.end()
    seen = tap.octets() + boot.octets()
    record = provider.administer("GET", f"/nodes?sclId={node.scl_id}")["nodes"][0]
    row.ok(record["nodeId"].encode() in seen, "the capture is one: the pseudonym is in it")
    row.ok(len(tap.flows) >= 2 and load.good > 10, "sessions A and B", (len(tap.flows), load.good))
    secrets = {"SCL-ID": node.scl_id.encode(), "its name": node.name.encode(), "PPID in hex": device_ppid.encode(),
               "PPID": bytes.fromhex(device_ppid), "PPID in capitals": device_ppid.upper().encode(), "application": b"applications",
               "subscriber": b"sub1", "path": b"/m2m"}
    for name, text in secrets.items():
        row.ok(text not in seen, f"{name} is not in the capture")
    node.stop()


if __name__ == "__main__":
    if not available():
        print("threats_mid: there is no openssl command")
        sys.exit(SKIPPED)
    rows.run(TABLE, __doc__)
