#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on bootstrap, keys, objects and administration, one row of the table of threats each: ok when they fail."""

import concurrent.futures
import json
import os
import re
import shutil
import stat
import time

import leaks
import overload
from lib import boot, fuzz, objects, pki, psk, rows, secure, xml
from lib import report as reports
from lib.bed import wait_for
from lib.boot import ask, reason
from lib.client import Client, NotSent, Unknown
from lib.m2mkeys import D2N, N2D, Kmr, b64u, unb64u
from lib.secure import PPID, Provider

OTHER_PPID = "500016d3aabbcc00124b00aabbccdd"
PARTIAL_PPID = "40" + PPID[2:14]        # the Wi-Fi address alone
KILLS = 100 if reports.LONG else 5
FUZZED = 2000 if reports.LONG else 60       # altered objects
LOCK_AFTER = 10
STRANGER = "127.0.0.2"
IVAL = {"Content-Type": "application/xml"}
JOSE = "application/jose"
REGISTRATION = ('<m2m:scl {ns} sclId="{scl_id}"><m2m:link>{link}</m2m:link>'
                f"<m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID>"
                "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>")

# Identifiers and the rule that they break.
MALFORMED = (
    ("00", "PPID_LENGTH"), ("80", "PPID_LENGTH"), ("0000", "PPID_EMPTY"), ("80001a7dda71", "PPID_LENGTH"),
    ("81001a7dda7113", "PPID_NONCANONICAL"), ("0101010101ff", "PPID_HEADER"), ("01083c71bf0a1b2d", "PPID_UNKNOWN_TECH"),
    ("4001005e000001", "PPID_BAD_ADDRESS"), ("4002005e000001", "PPID_LOCAL_MAC"), ("202a", "PPID_NOT_UNIQUE"),
    ("2000", "PPID_BAD_ADDRESS"), ("20fb", "PPID_BAD_ADDRESS"),
)


# ---- bootstrap ----

def try_certificate(provider, identity, ppid=PPID):
    """Status of a bootstrap with that certificate; 0 when there is no answer, or no handshake."""
    try:
        with provider.certified(identity) as session:
            return ask(session, ppid).status
    except psk.Refused:
        return 0


def rogue_certificates(row, bed):
    """Bootstrap by a rogue certificate or none."""
    provider = Provider(bed)
    ca = provider.devices
    good, revoked = ca.device(PPID), ca.device(PPID)
    ca.revoke(revoked)
    provider.start()
    provider.admit()
    stranger = pki.Authority(bed.path("stranger"), "stranger-ca")
    for name, identity in (("none", None), ("signed by itself", ca.rogue(PPID)), ("of another authority", stranger.device(PPID)),
                           ("expired", ca.expired(PPID)), ("not yet valid", ca.device(PPID, start=1, end=2)),
                           ("revoked", revoked), ("for servers only", ca.device(PPID, usage="serverAuth")),
                           ("without a PPID", ca.client()), ("with a role instead", ca.role("msbf"))):
        status = try_certificate(provider, identity)
        row.ok(status in (0, 401, 403), f"certificate {name}: refused", f"status {status}")
    row.equal(try_certificate(provider, good), 201, "the good certificate is taken")
    ca.revoke(good)
    late = wait_for(lambda: try_certificate(provider, good) in (0, 401, 403, 503), 15)
    row.ok(late, "revoked while the daemon runs: refused")


def other_ppid(row, bed):
    """The certificate of device A asks for the PPID of B."""
    provider = Provider(bed).start()
    for one in (PPID, OTHER_PPID):
        provider.admit(one)
    mine, theirs = provider.devices.device(PPID), provider.devices.device(OTHER_PPID)
    kmr, _ = boot.bootstrap(provider, theirs, OTHER_PPID)
    before = boot.state(provider)
    for method in ("POST", "GET", "DELETE"):
        with provider.certified(mine) as session:
            answer = ask(session, OTHER_PPID, "&kmr=derive" if method == "POST" else "", method=method)
        row.equal((answer.status, reason(answer)), (403, "AUTH_FAILED"), f"{method} for B with the certificate of A",
                  lambda a=answer: repr(a))
    row.equal(boot.state(provider), before, "nothing has changed at the provider")
    row.ok(psk.handshakes(provider.mid_port, kmr.identity(), kmr.psk()), "the Kmr of B is still good")
    row.equal(try_certificate(provider, mine), 201, "A gets its own")


def malformed(row, bed):
    """Malformed pre-provisioned identifiers."""
    provider = Provider(bed).start()
    provider.admit()
    device = provider.devices.device(PPID)
    with provider.certified(device) as session:
        for ppid, token in MALFORMED:
            answer = ask(session, ppid)
            row.equal((answer.status, reason(answer)), (400, token), f"ppid {ppid}: {token}")
        for name, ppid, query in (("no hex", "zz", ""), ("empty", "", ""), ("odd", PPID[:-1], ""),
                                  ("twice", PPID, f"&ppid={PPID}"),
                                  ("an octet of zero", PPID + "%00", ""), ("700 octets", "40" * 700, "")):
            answer = ask(session, ppid, query)
            row.equal(answer.status, 400, f"ppid {name}: 400")
        answer = session.request("POST", secure.BOOTSTRAP, b"", {"Accept": "application/xml"})
        row.equal((answer.status, reason(answer)), (400, "BAD_PARAM"), "ppid missing: BAD_PARAM")
        separated = PPID[:2] + ":" + PPID[2:4].upper() + "-" + PPID[4:]
        row.equal(ask(session, separated).status, 201, "upper case and separators are the same identifier")


def replaced_module(row, bed):
    """A PPID that shares one address with a known device."""
    provider = Provider(bed, settings={"msbf": {"admission": "ca"}}).start()
    provider.admit()
    old, new = provider.devices.device(PPID), provider.devices.device(PARTIAL_PPID)
    kmr, _ = boot.bootstrap(provider, old, PPID)
    for number in (1, 2):
        with provider.certified(new) as session:
            answer = ask(session, PARTIAL_PPID)
        row.equal((answer.status, reason(answer)), (409, "PPID_PARTIAL_MATCH"), f"attempt {number} without link")
    row.ok("PPID_PARTIAL_MATCH" in boot.results(provider), "the alarm is in the audit", lambda: boot.results(provider))
    shown = provider.administer("GET", f"/devices/{boot.hash_of(PARTIAL_PPID)}")
    row.ok("LINK_PENDING" in json.dumps(shown), "it waits for an administrator", shown)
    provider.administer("POST", f"/devices/{boot.hash_of(PARTIAL_PPID)}/link", {"old": boot.hash_of(PPID)})
    linked, _ = boot.bootstrap(provider, new, PARTIAL_PPID)
    row.equal(linked.node.hex(), kmr.node.hex(), "after the link it has the node id of the old one")
    row.equal(try_certificate(provider, old), 403, "the old one is out of use")


def two_posts(row, bed):
    """Two bootstraps on one TLS session."""
    provider = Provider(bed).start()
    provider.admit()
    device = provider.devices.device(PPID)
    with provider.certified(device) as session:
        made = []
        for _ in range(2):
            answer = ask(session, PPID)
            if not row.equal(answer.status, 201, "bootstrap", lambda a=answer: repr(a)):
                return
            made.append(boot.root_key(session, PPID, answer))
    first, second = made
    row.ok(first.index < second.index, "the indices differ", f"{first.index} {second.index}")
    same = Kmr(first.key, second.node, second.index)
    row.ok(not psk.handshakes(provider.mid_port, same.identity(), same.psk()), "the first key is not good for the second index")
    row.ok(psk.handshakes(provider.mid_port, second.identity(), second.psk()), "the second key is")
    row.ok(not psk.handshakes(provider.mid_port, first.identity(), first.psk()), "the first one is replaced")


def bound_to_session(row, bed):
    """Kmr that is not bound to the TLS session."""
    provider = Provider(bed).start()
    provider.admit()
    device = provider.devices.device(PPID)
    with provider.certified(device) as other, provider.certified(device) as session:
        answer = ask(session, PPID)
        kmr = boot.root_key(session, PPID, answer)
        elsewhere = Kmr.derived(other.exporter, PPID, kmr.node, kmr.index, secure.MSBF_ID)
        nowhere = Kmr.derived(bytes(32), PPID, kmr.node, kmr.index, secure.MSBF_ID)
    row.ok(b"M2MKey" not in answer.body, "the key is not sent")
    for name, wrong in (("another session", elsewhere), ("no session", nowhere)):
        row.ok(not psk.handshakes(provider.mid_port, wrong.identity(), wrong.psk()), f"Kmr derived from {name} is refused")
    for version in (3, 2):
        row.ok(psk.handshakes(provider.mid_port, kmr.identity(version), kmr.psk(version), version),
               f"Kmr derived from this session by its exporter is good, TLS 1.{version}")
    kmc = provider.connected(kmr, boot.ParamSet(answer.body)["sclId"])
    with provider.session_b(kmc) as session:
        row.equal(session.request("GET", "/m2m/connections/self").status, 200, "a service connection with it")


# ---- brute force ----

def locked_device(row, provider):
    """After ten failures an identifier is not looked at any more, until it is unlocked."""
    good, wrong = provider.devices.device(PPID), provider.devices.device(PPID)
    provider.admit(PPID, [good.fingerprint()])
    with provider.certified(wrong) as session:
        statuses = [ask(session, PPID).status for _ in range(LOCK_AFTER)]
        row.equal(set(statuses), {403}, f"{LOCK_AFTER} failures are answered 403")
        answer = ask(session, PPID)
    row.equal((answer.status, reason(answer)), (503, "OVERLOAD"), "failure 11 is not evaluated")
    row.ok(int(answer.header("Retry-After") or 0) > 0, "it says when to come again")
    time.sleep(1)       # the limit of requests of one source is another one
    row.equal(try_certificate(provider, good), 503, "nor is the right certificate")
    provider.administer("POST", f"/devices/{boot.hash_of(PPID)}/unlock")
    row.equal(try_certificate(provider, good), 201, "unlocked it is")


def locked_connect(row, provider):
    """The same for service connections."""
    kmr = provider.issue("gscl-locked")
    with provider.session_a(kmr) as session:
        statuses = [provider.ask_connection(session, "gscl-other").status for _ in range(LOCK_AFTER)]
        row.equal(set(statuses), {403}, f"{LOCK_AFTER} connects with another SCL-ID are answered 403")
        answer = provider.ask_connection(session, "gscl-locked")
        row.equal(answer.status, 503, "connect 11 is not evaluated", lambda: repr(answer))
        provider.administer("POST", f"/nodes/{kmr.node.hex()}/unlock")
        row.equal(provider.ask_connection(session, "gscl-locked").status, 201, "unlocked it is")


def locked_admin(row, provider):
    """Guesses of the administrator's token."""
    client = Client("127.0.0.1", provider.admin_port, None, source=(STRANGER, 0))
    try:
        statuses = [client.request("GET", "/admin/nodes", headers={"Authorization": f"Bearer {n:043d}"}).status
                    for n in range(LOCK_AFTER)]
        row.equal(set(statuses), {401}, f"{LOCK_AFTER} wrong tokens are answered 401")
        answer = client.request("GET", "/admin/nodes", headers={"Authorization": f"Bearer {provider.secret}"})
        row.equal(answer.status, 503, f"after {LOCK_AFTER} of them the right one is not looked at")
    finally:
        client.close()
    row.equal(provider.admin("GET", "/nodes").status, 200, "from elsewhere it is")


def brute_force(row, bed):
    """Brute force on bootstrap, connection and administration."""
    provider = Provider(bed).start()
    locked_device(row, provider)
    locked_connect(row, provider)
    locked_admin(row, provider)


# ---- mId without channel ----

def register(provider, scl_id, session, kmc=None, seq=1):
    """Registers the SCL on session B; kmc: its bodies are objects."""
    link = f"https://{scl_id}.example.org/m2m"
    body, headers = REGISTRATION.format(ns=xml.NS, scl_id=scl_id, link=link), {"From": link, "Accept": "application/xml"}
    if kmc:
        body = objects.seal(kmc, D2N, seq, "POST", "/m2m/scls", "application/xml", body)
        headers["Content-Type"] = JOSE
    answer = session.request("POST", "/m2m/scls", body, headers)
    if answer.status != 201:
        raise AssertionError(f"POST scls: {answer!r}")
    return link


def access_network(row, bed):
    """Man in the middle on an access network that is trusted."""
    provider = Provider(bed)
    port = secure.pick_port()
    provider.listeners += ", " + secure.listener(port, "none", ["mid"], trusted_access=True)
    provider.write_config()
    provider.start()
    kmr = provider.issue("gscl-25")
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}", {"flags": 0xc000, "allowedSources": "127.0.0.1/32"})
    kmc = provider.connected(kmr, "gscl-25")
    with provider.session_b(kmc) as session:
        link = register(provider, "gscl-25", session)
    path = "/m2m/scls/gscl-25/containers"

    def send(name, counter, *, signed=None, at=path, source="127.0.0.1", header=True, method="POST", kmc=kmc):
        body = xml.container(name)
        headers = {"From": link}
        if header:
            headers["X-M2M-Connection"] = kmc.access_header(method, path, counter, (signed or body).encode())
        client = Client("127.0.0.1", port, None, source=(source, 0))
        try:
            return client.request("POST", at, body, headers).status
        except (NotSent, Unknown):
            return 0
        finally:
            client.close()

    row.equal(send("c1", 1), 201, "a request with its tag")
    row.equal(send("c2", 2, signed=xml.container("c3")), 403, "one octet of the body changed")
    row.equal(send("c4", 1), 403, "an old counter")
    row.equal(send("c1", 1), 403, "the first one again")
    row.equal(send("c5", 0), 403, "counter 0")
    row.equal(send("c6", 3, at="/m2m/scls/gscl-25/groups"), 403, "another path")
    row.equal(send("c7", 4, method="PUT"), 403, "another method")
    row.equal(send("c8", 5, header=False), 403, "no tag")
    row.equal(send("c9", 6, source=STRANGER), 403, "from a place that is not allowed")
    wrong = kmr.connect(bytes(32), kmc.connection, kmc.index, "gscl-25")
    row.equal(send("ca", 7, kmc=wrong), 403, "a tag by another key")
    row.equal(send("cb", 8), 201, "the next request goes through")
    clear = provider.issue("gscl-25b")
    kmc_b = provider.connected(clear, "gscl-25b")
    row.equal(send("cc", 1, kmc=kmc_b), 403, "a connection that demands the channel")


# ---- object security ----

class Sealed:
    """A node whose bodies must be objects, on a session B."""

    def __init__(self, provider, scl_id):
        self.provider, self.scl_id, self.path = provider, scl_id, f"/m2m/scls/{scl_id}/containers"
        self.kmr = provider.issue(scl_id)
        provider.administer("PUT", f"/nodes/{self.kmr.node.hex()}", {"flags": 0x6001})
        self.kmc = self.session = None
        self.renew()
        self.link = register(provider, scl_id, self.session, self.kmc)

    def renew(self):
        """A new service connection."""
        if self.session:
            self.session.close()
        self.seq, self.kmc = 1, self.provider.connected(self.kmr, self.scl_id)
        self.session = self.provider.session_b(self.kmc)

    def make(self, name, **more):
        """An object that creates a container."""
        self.seq += 1
        given = {"direction": D2N, "seq": self.seq, "method": "POST", "target": self.path, "media_type": "application/xml",
                 "body": xml.container(name), "kmc": self.kmc, **more}
        return objects.seal(**given)

    def send(self, compact, *, method="POST", path=None, kind=JOSE):
        """The answer to it; on a new session when the old one was closed."""
        for _ in range(2):
            answer = self.session.request(method, path or self.path, compact, {"From": self.link, "Content-Type": kind})
            if answer.status:
                return answer
            self.session.close()
            self.session = self.provider.session_b(self.kmc)
        return answer


def swapped(header, **changes):
    """A header with members changed, in their order; None takes one out."""
    members = {**json.loads(header), **changes}
    return json.dumps({k: v for k, v in members.items() if v is not None}, separators=(",", ":"))


def forged_objects(node, other):
    """(name, message) of objects that are not to be accepted, each with a good tag of what it says."""
    kmc = node.kmc
    usual = objects.jwe_header(kmc, D2N, node.seq + 100, "POST", node.path, "application/xml")
    for name, changes in (("alg none", {"alg": "none"}), ("alg A256KW", {"alg": "A256KW"}), ("enc A128GCM", {"enc": "A128GCM"}),
                          ("no enc", {"enc": None}), ("zip", {"zip": "DEF"}), ("crit", {"crit": ["x"]}), ("st", {"st": 200}),
                          ("no seq", {"seq": None}), ("seq as text", {"seq": "9"}), ("seq 0", {"seq": 0}),
                          ("seq 2^64", {"seq": 2**64}), ("no cty", {"cty": None}), ("no htm", {"htm": None}),
                          ("method RSP", {"htm": "RSP"}), ("another method", {"htm": "PUT"}),
                          ("another path", {"htu": node.path + "/x"}), ("a path without htu", {"htu": None}),
                          ("kid of nobody", {"kid": f"mc.{1:016x}.1.d2n"}),
                          ("another KmcIndex", {"kid": f"mc.{kmc.connection:016x}.2.d2n"}),
                          ("kid of the other direction", {"kid": f"mc.{kmc.connection:016x}.{kmc.index}.n2d"}),
                          ("kid of another connection", {"kid": f"mc.{other.kmc.connection:016x}.{other.kmc.index}.d2n"})):
        yield name, node.make("forged", header=swapped(usual, **changes), seq=node.seq + 100)
    yield "members in another order", node.make(
        "forged", header=json.dumps(dict(sorted(json.loads(usual).items())), separators=(",", ":")), seq=node.seq + 100)
    yield "spaces in the header", node.make("forged", header=json.dumps(json.loads(usual)), seq=node.seq + 100)
    yield "a member twice", node.make("forged", header=usual[:-1] + ',"alg":"dir"}', seq=node.seq + 100)
    yield "an iv of another seq", node.make("forged", iv=bytes(3) + b"\x01" + bytes(7) + b"\x09")
    yield "an iv of the other direction", node.make("forged", iv=bytes(3) + b"\x02" + (node.seq + 1).to_bytes(8, "big"))
    yield "an iv of 16 octets", node.make("forged", iv=bytes(16))
    yield "the key of the other direction", node.make("forged", key=kmc.object_key(N2D))
    yield "the key of another connection", node.make("forged", kmc=other.kmc)
    yield "the other direction as a whole", node.make("forged", direction=N2D)


def cut_objects(node, count):
    """(name, message) of objects with octets lost or changed."""
    whole = node.make("cut")
    parts = whole.split(".")
    for number in (0, 2, 3, 4):
        yield f"part {number + 1} empty", ".".join(parts[:number] + [""] + parts[number + 1:])
        yield f"part {number + 1} cut", ".".join(parts[:number] + [parts[number][:-2]] + parts[number + 1:])
        octets = bytearray(unb64u(parts[number]))
        octets[-1] ^= 1
        yield f"part {number + 1} changed", ".".join(parts[:number] + [b64u(bytes(octets))] + parts[number + 1:])
    yield "an encrypted key", ".".join((parts[0], b64u(b"key"), *parts[2:]))
    yield "four parts", ".".join(parts[:4])
    yield "six parts", whole + "."
    yield "a tag of 12 octets", ".".join(parts[:4] + [b64u(unb64u(parts[4])[:12])])
    yield "padding", whole + "=="
    yield "nothing", "...."
    for number, octets in enumerate(fuzz.mutations(26, whole.encode(), count)):
        if octets != whole.encode() and (number % 7 == 0 or number > len(whole)):
            yield f"altered {number}", octets


def objects_attacked(row, bed):
    """Objects with another algorithm, iv, key, path; replayed, reflected, cut."""
    provider = Provider(bed).start()
    node, other = Sealed(provider, "gscl-26"), Sealed(provider, "gscl-26b")
    first = node.make("c1")
    answer = node.send(first)
    row.equal(answer.status, 201, "an object is taken", lambda: repr(answer))
    sealed = answer.header("Content-Type") == JOSE
    row.ok(sealed, "the answer is one as well", lambda: repr(answer))
    answer_sent = answer.body.decode() if sealed else ""
    wrong = [(name, got) for name, message in forged_objects(node, other) if (got := node.send(message).status) not in (400, 403)]
    row.ok(not wrong, "forged objects are refused", lambda: wrong)
    refused = {400: 0, 403: 0}
    wrong = []
    for name, message in cut_objects(node, FUZZED):
        status = node.send(message).status
        refused[status] = refused.get(status, 0) + 1
        if status not in (400, 403):
            wrong.append((name, status))
    row.ok(not wrong, f"cut and altered objects are refused ({refused[400]} as malformed, {refused[403]} as not authentic)",
           lambda: wrong)
    row.equal(node.send(first).status, 403, "replayed")
    row.equal(node.send(node.make("r"), path=node.path + "?x=1").status, 403, "re-aimed to another query")
    row.equal(node.send(node.make("r"), path="/m2m/scls/gscl-26/groups").status, 403, "re-aimed to another path")
    row.equal(node.send(node.make("r"), method="PUT", path=node.path + "/c1").status, 403, "re-aimed to another method")
    row.equal(node.send(answer_sent).status, 403, "an answer sent back")
    answer = other.send(node.make("r", target=other.path), path=other.path)
    row.equal(answer.status, 403, "on the session of another node")
    answer = node.send(xml.container("plain"), kind="application/xml")
    row.equal((answer.status, reason(answer)), (403, "SEC_OBJECT_REQUIRED"), "a plain body")
    late = node.make("late", seq=1)
    row.equal(node.send(late).status, 403, "a seq far below the highest")
    row.equal(node.send(node.make("c2")).status, 201, "the next one is taken")
    shown = provider.client(secure.APP).get(node.path)
    row.equal(sorted(xml.names(shown.xml(), "containerCollection")), ["c1", "c2"], "nothing else was created", shown)


def objects_back(node, found, count):
    """Sends at most count objects on a session B; puts (key, iv) of what comes back into found until it is over."""
    try:
        with node.provider.session_b(node.kmc, timeout=5) as session:
            for _ in range(count):
                message = node.make(f"k{node.kmc.index}-{node.seq}")
                answer = session.request("POST", node.path, message, {"From": node.link, "Content-Type": JOSE}, timeout=5)
                if answer.header("Content-Type") != JOSE or not answer.body:
                    break
                found.append((node.kmc.key, objects.Opened(answer.body, node.kmc).iv))
    except psk.Refused:
        pass
    return len(found)


def iv_after_crash(row, bed):
    """Objects with the same key and iv after a crash of their sender."""
    provider = Provider(bed, settings={"mas": {"flags": 0x6001}}).start()
    node, seen, after = Sealed(provider, "gscl-27"), [], 0
    for kill in range(KILLS):
        found = []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            load = pool.submit(objects_back, node, found, 100000)
            wait_for(lambda n=3 + kill % 7, f=found: len(f) >= n, 30, 0.001)
            provider.kill()
            load.result()
        provider.start()
        again = []
        after += objects_back(node, again, 20)
        seen += found + again
        if not again:       # over with the crash
            node.renew()
    row.ok(len(seen) >= 3 * KILLS, f"{KILLS} kills of the NSCL under load: {len(seen)} objects, {after} of them after a kill "
           "by the key from before", len(seen))
    row.equal(len(seen) - len(set(seen)), 0, "no two of them have key and iv in common")
    row.ok(objects_back(node, [], 5) == 5, "objects still come", lambda: provider.log_tail())
    gateway_crashes(row, bed, provider)


def gateway_crashes(row, bed, provider):
    """The same when a gateway is the sender: the NSCL, which takes each number once, refuses nothing."""
    gateway = secure.Node(bed, "gscl", provider)
    gateway.provide(provider.issue(gateway.scl_id)).start()
    target, statuses, wrong = f"{provider.mid_base}/applications", [], []

    def load(who):
        client = gateway.client(who)
        try:
            while True:
                statuses.append(client.request("GET", target).status)
        except (NotSent, Unknown):
            client.close()
    for _ in range(KILLS):
        document = provider.sees(gateway.scl_id, 30)
        if document is None:
            row.ok(False, "the gateway is registered", gateway.log_tail() + provider.log_tail())
            return
        before, who = len(statuses), xml.text(document, "link") + "/applications/load"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load, who) for _ in range(4)]
            wait_for(lambda n=before: statuses[n:].count(200) > 30, 30, 0.001)
            gateway.kill()
            for one in loads:
                one.result()
        gateway.start()
        # Until the connection stands again the gateway itself answers 503.
        wrong += [s for s in statuses[before:] if s not in (200, 503)]
    served = statuses.count(200)
    row.ok(not wrong and served >= 30 * KILLS,
           f"{KILLS} kills of a gateway under load: {served} objects, none of them refused by the NSCL",
           lambda: f"{served} {wrong[:20]}")


# ---- integrity ----

def reports_forged(row, bed):
    """Integrity reports: forged, replayed, old."""
    provider = Provider(bed).start()
    kmr, stranger = provider.issue("gscl-28"), provider.issue("gscl-28b")
    for one in (kmr, stranger):
        provider.administer("PUT", f"/nodes/{one.node.hex()}", {"ivalRequired": 0x1f})
    good = boot.report(kmr, "gscl-28")

    def connect(body):
        with provider.session_a(kmr) as session:
            answer = provider.ask_connection(session, "gscl-28", body, IVAL if body else None)
        return answer.status, reason(answer)
    refused = (403, "IVAL_FAILED")
    row.equal(connect(b""), refused, "no report")
    row.equal(connect(good)[0], 201, "a good report")
    row.equal(connect(good), refused, "the same again")
    row.equal(connect(boot.report(kmr, "gscl-28", 0x1e, 1)), refused, "a bit that is demanded is not set")
    row.equal(connect(boot.report(kmr, "gscl-28", 0x1f, 1, mac=kmr.signed_ival(0x0f, secure.now_plus(1), "gscl-28"))), refused,
              "the MAC of other results")
    row.equal(connect(boot.report(stranger, "gscl-28", 0x1f, 1)), refused, "by the key of another node")
    row.equal(connect(boot.report(kmr, "gscl-28", seconds=-86400)), refused, "yesterday's")
    provider.administer("POST", f"/nodes/{kmr.node.hex()}/unlock")
    row.equal(connect(boot.report(kmr, "gscl-28", seconds=400)), refused, "of the future")
    row.equal(connect(boot.report(kmr, "gscl-28", seconds=-20)), refused, "older than the last one")
    row.equal(connect(boot.report(kmr, "gscl-28", mac=0, seconds=3)), refused, "without a MAC")
    row.equal(connect(boot.report(kmr, "gscl-28b", seconds=3)), refused, "about another SCL")
    time.sleep(1.1)     # the time of a report has seconds
    row.equal(connect(boot.report(kmr, "gscl-28"))[0], 201, "a new one is taken")
    altered_program(row, bed, provider)


def altered_program(row, bed, provider):
    """A gateway whose executable has one octet more."""
    private, public = pki.signing_key(bed.path("manifest.key"))
    path = bed.path("manifest")
    gateway = secure.Node(bed, "gscl", provider, name="gscl-28c",
                          settings={"ival": {"manifest": path, "manifest_key": public}})
    kmr = provider.issue(gateway.scl_id)
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}", {"ivalRequired": 0x1f})
    program = bed.path("gscl-28c", "program")
    shutil.copy(gateway.program, program)
    gateway.program = program
    gateway.provide(kmr)
    with open(program, "rb") as one, open(gateway.config, "rb") as two, open(path, "w", encoding="ascii") as out:
        out.write(boot.manifest(private, gateway.scl_id, {program: one.read(), gateway.config: two.read()}))
    gateway.start()
    row.ok(provider.sees(gateway.scl_id, 20), "the gateway that the manifest describes is registered",
           lambda: gateway.log_tail(20) + provider.log_tail(10))
    gateway.stop()
    with open(program, "ab") as file:
        file.write(b"\0")
    before = len([r for r in boot.results(provider, "") if r == "IVAL_FAILED"])
    gateway.start()
    refused = wait_for(lambda: len([r for r in boot.results(provider, "") if r == "IVAL_FAILED"]) > before, 20)
    row.ok(refused, "one octet more: it gets no service connection", lambda: gateway.log_tail(20))


# ---- copies ----

def copied(row, bed):
    """A copied key store or credential on other hardware."""
    provider = Provider(bed).start()
    kmr = provider.issue("gscl-49")
    mine, other = provider.devices.device(PPID), provider.devices.device(PPID)
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}/fingerprints", {"fingerprints": [mine.fingerprint()]})

    def connect(made):
        with provider.session_a(kmr) as session:
            header = made(session)
            answer = provider.ask_connection(session, "gscl-49", headers={"X-M2M-Device-Proof": header} if header else None)
        return answer.status, reason(answer)
    kept = []

    def keep(session):
        kept.append(boot.proof(mine, kmr.node, session.exporter))
        return kept[0]
    refused = (403, "AUTH_FAILED")
    row.equal(connect(lambda s: None), refused, "the credential without the device key")
    row.equal(connect(lambda s: boot.proof(other, kmr.node, s.exporter)), refused, "with another device key")
    row.equal(connect(keep)[0], 201, "with the device key")
    row.equal(connect(lambda s: kept[0]), refused, "with a proof of another session")
    spki = boot.openssl("pkey", "-in", mine.key, "-pubout", "-outform", "DER")
    row.equal(connect(lambda s: boot.proof(other, kmr.node, s.exporter, spki)), refused, "with the name of the device key")
    row.equal(connect(lambda s: boot.proof(mine, bytes(16), s.exporter)), refused, "with a proof for another node")
    row.ok("BINDING_ALARM" in boot.results(provider, ""), "the audit has the alarm")
    with provider.session_a(kmr) as session:
        nonce = os.urandom(16)
        header = boot.proof(other, kmr.node, session.exporter)
        answer = provider.ask_connection(session, "gscl-49", headers={"X-M2M-Device-Proof": header, "X-M2M-Nonce": nonce.hex()})
    row.ok(overload.verdict(provider, answer, kmr.node, nonce, cause=7), "the refusal is signed: wrong device, and nothing for ever",
           answer.headers)
    row.ok(provider.administer("GET", "/counters")["binding_alarm"] >= 6, "each alarm is counted", provider.administer("GET", "/counters"))
    row.ok(provider.log().count("binding-alarm") >= 6, "and logged", provider.log_tail)
    several(row, provider, kmr, (mine, other))
    row.equal(connect(lambda s: boot.proof(mine, kmr.node, s.exporter))[0], 201, "the device itself still can")
    copied_keystore(row, bed, provider)


def several(row, provider, kmr, devices):
    """One credential on each of several devices, and on no third."""
    third = provider.devices.device(PPID)
    prints = [d.fingerprint() for d in devices]

    def status(device):
        with provider.session_a(kmr) as session:
            header = boot.proof(device, kmr.node, session.exporter)
            return provider.ask_connection(session, "gscl-49", headers={"X-M2M-Device-Proof": header}).status
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}/fingerprints", {"fingerprints": prints})
    row.equal([status(d) for d in (*devices, third)], [201, 201, 403], "bound to two devices, it is used on both, and on no third")
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}/fingerprints", {"fingerprints": prints[:1]})
    row.equal(status(devices[1]), 403, "the second is not one of them any more")


def copied_keystore(row, bed, provider):
    """The same key store where the machine has another name."""
    node = secure.Node(bed, "gscl", provider, name="gscl-49c",
                       settings={"keystore": {"bind": True}, "bootstrap": {"ppid": OTHER_PPID}})
    kmr = provider.issue(node.scl_id, ppid=OTHER_PPID)
    node.provide(kmr)
    node.start()
    row.ok(provider.sees(node.scl_id, 20), "the key store opens where it was made", lambda: node.log_tail(20))
    node.stop()
    if os.getuid() != 0 or not boot.run_quiet("unshare", "-m", "true"):
        row.skip("the key store elsewhere", "needs a mount namespace")
        return
    with open(bed.path("machine-id"), "w", encoding="ascii") as file:
        file.write("0123456789abcdef0123456789abcdef\n")
    row.ok(boot.starts_elsewhere(node, "/etc/machine-id"), "nor does a namespace of its own keep it from opening")
    row.ok(not boot.starts_elsewhere(node, bed.path("machine-id")), "on a machine with another name it does not open")


# ---- administration ----

def outside(row, bed):
    """Administration from outside, and an audit that was edited."""
    provider = Provider(bed).start()
    client = provider.client(None)
    kmr = provider.issue("gscl-50")
    for number, (name, headers) in enumerate((("no token", {}), ("an empty token", {"Authorization": "Bearer "}),
                          ("a wrong token", {"Authorization": "Bearer " + "A" * 43}),
                          ("the token with one octet more", {"Authorization": f"Bearer {provider.secret}x"}),
                          ("the token without its end", {"Authorization": f"Bearer {provider.secret[:-1]}"}),
                          ("another scheme", {"Authorization": f"Basic {provider.secret}"})), 2):
        stranger = Client("127.0.0.1", provider.admin_port, None, source=(f"127.0.0.{number}", 0))
        for method, path in (("GET", "/admin/nodes"), ("POST", "/admin/nodes"),
                             ("POST", f"/admin/nodes/{kmr.node.hex()}/revoke")):
            body = None if method == "GET" else '{"scope":"node"}'
            status = stranger.request(method, path, body, {"Content-Type": "application/json", **headers}).status
            row.equal(status, 401, f"{method} {path.split('/')[-1]} with {name}")
        stranger.close()
    token = {"Authorization": f"Bearer {provider.secret}"}
    status = client.request("GET", "/admin/nodes", headers=token).status
    row.ok(status >= 400, "not on the listener of applications, even with the token", status)
    with provider.certified(None) as session:
        row.ok(session.request("GET", "/admin/nodes", headers=token).status >= 400, "not on that of the MSBF")
    with provider.session_a(kmr) as session:
        row.ok(session.request("GET", "/admin/nodes", headers=token).status >= 400, "not on that of mId")
    row.ok(all(r["state"] == "ENABLED" for r in provider.administer("GET", "/nodes")["nodes"]), "nothing was revoked")
    beyond_loopback(row, bed, provider)
    edited_audit(row, provider, kmr)


def beyond_loopback(row, bed, provider):
    """An administration listener for everyone does not start."""
    open_one = Provider(bed, name="open")
    open_one.listeners = open_one.listeners.replace(
        secure.listener(open_one.admin_port, "none", ["admin"]),
        secure.listener(open_one.admin_port, "none", ["admin"], "0.0.0.0"))
    open_one.write_config()
    done = open_one.action("--check-config")
    row.ok(done.returncode != 0, "in the clear beyond loopback it is no configuration", done.stdout + done.stderr)
    os.chmod(bed.path("nscl-admin"), 0o644)
    provider.stop()
    provider.spawn()
    ended = wait_for(lambda: provider.process.poll() is not None, 10)
    row.ok(ended, "with a token that others can read it does not start", provider.log_tail)
    if ended:
        provider.process.stdout.close()
        provider.process = None
    else:
        provider.await_ready()
        provider.stop()
    os.chmod(bed.path("nscl-admin"), stat.S_IRUSR | stat.S_IWUSR)
    provider.start()


def edited_audit(row, provider, kmr):
    """A record of the audit is changed in the file."""
    provider.administer("POST", f"/nodes/{kmr.node.hex()}/revoke", {"scope": "kmr", "index": 1, "reason": "MARKED-RECORD-1"})
    verdict = provider.administer("POST", "/audit/verify")
    row.ok(verdict["sound"] is True, "the audit is sound", verdict)
    provider.stop()
    row.equal(replace_in_store(os.path.join(provider.store, "mas"), b"MARKED-RECORD-1", b"MARKED-RECORD-2") > 0, True,
              "a record is found in the store")
    provider.start()
    verdict = provider.administer("POST", "/audit/verify")
    row.ok(verdict["sound"] is False, "edited, it is not sound", verdict)


def replace_in_store(directory, old, new):
    """Changes octets in all files; how often."""
    count = 0
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with open(path, "r+b") as file:
            octets = file.read()
            count += octets.count(old)
            for hit in re.finditer(re.escape(old), octets):
                file.seek(hit.start())
                file.write(new)
    return count


TABLE = {
    17: rogue_certificates,
    18: other_ppid,
    19: malformed,
    20: replaced_module,
    21: two_posts,
    22: bound_to_session,
    23: leaks.row_23,
    24: brute_force,
    25: access_network,
    26: objects_attacked,
    27: iv_after_crash,
    28: reports_forged,
    49: copied,
    50: outside,
}

if __name__ == "__main__":
    rows.run(TABLE, __doc__)
