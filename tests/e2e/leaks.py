#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys are nowhere to be seen: not in logs, stores, backups, answers, process tables, nor in memory that is not locked."""

import json
import os
import secrets
import subprocess

from lib import proxy as px
from lib import queue
from lib import report as reports
from lib import rows, secure, sga, xml
from lib.bed import pick_port, wait_for
from lib.client import Client
from lib.m2mkeys import D2N, N2D, b64u
from lib.relay import Relay
from lib.secure import Provider
from lib.traces import PIECE, Search, readable_by_all

ROUNDS = 10 if reports.LONG else 2
APP = "meterApp"
DEBUG = ("log.level=debug",)


class Planted:
    """A provider, a node that the test plays, and a gateway with imported credentials; all with keys that are known."""

    def __init__(self, bed):
        self.bed, self.answers = bed, []
        self.provider = Provider(bed, options=DEBUG).start()
        self.kmr = self.provider.issue("gscl-played")
        self.gateway = secure.Node(bed, "gscl", self.provider, name="gscl-imported", options=DEBUG)
        self.imported = self.provider.issue(self.gateway.scl_id)
        self.gateway.provide(self.imported)
        self.keys = {"Kmr of the node": self.kmr.key, "Kmr of the gateway": self.imported.key,
                     "K_ival of the gateway": self.imported.ival_key()}
        for version in (2, 3):
            self.keys[f"PSK_mr{version} of the node"] = self.kmr.psk(version)
            self.keys[f"PSK_mr{version} of the gateway"] = self.imported.psk(version)
        self.keks = {"KEK of the MAS": _key_of(self.provider.groups["mas"]["kek_file"]),
                     "KEK of the gateway": _key_of(self.gateway.groups["keystore"]["kek_file"])}
        self.secret = self.provider.secret

    def traffic(self):
        """Sessions A and B, good requests and bad ones."""
        provider = self.provider
        kmc = provider.connected(self.kmr, "gscl-played")
        self.keys.update({f"Kmc {kmc.index}": kmc.key, f"Kma {kmc.index}": kmc.kma(APP),
                          f"K_obj_d2n {kmc.index}": kmc.object_key(D2N),
                          f"K_obj_n2d {kmc.index}": kmc.object_key(N2D), f"PSK_mc3 {kmc.index}": kmc.psk(3),
                          f"PSK_mc2 {kmc.index}": kmc.psk(2), f"PSK_mn3 {kmc.index}": kmc.psk(3, "mn"),
                          f"PSK_ma3 {kmc.index}": kmc.ma_psk(APP),
                          f"KEK_conn {kmc.index}": self.kmr.kek_conn(kmc.connection, kmc.index)})
        link = "https://gscl-played.example.org/m2m"
        with provider.session_b(kmc) as session:
            for method, path, body in (("POST", "/m2m/scls", secure.registration("gscl-played", link)),
                                       ("POST", "/m2m/scls/gscl-played/containers", xml.container("c")),
                                       ("GET", "/m2m/connections/self", ""), ("GET", "/m2m/scls/gscl-other", ""),
                                       ("POST", "/m2m/scls", "<rubbish")):
                self.answers.append(session.request(method, path, body, {"From": link}))
        with provider.session_a(self.kmr) as session:
            self.answers += [provider.ask_connection(session, "gscl-other"), provider.ask_connection(session, "..."),
                             provider.ask_connection(session, "gscl-played", "<rubbish"), session.request("GET", "/m2m")]
        self.bad_administration()

    def bad_administration(self):
        """Calls that fail with a key in them."""
        key = b64u(self.kmr.key)
        for body in ({"sclId": "gscl-played", "kmr": key}, {"sclId": "x", "kmr": key + "A"}, {"sclId": "y", "kmr": key, "z": 1},
                     {"sclId": "z" * 100, "kmr": key}):
            self.answers.append(self.provider.admin("POST", "/nodes", body))
        for path in ("/nodes", "/kmrs", "/connections", f"/nodes/{self.kmr.node.hex()}", "/audit", "/counters"):
            self.answers.append(self.provider.admin("GET", path))
        client = Client("127.0.0.1", self.provider.port, "http://127.0.0.1/e2e")
        self.answers += [client.get("/m2m/scls"), client.get("/m2m/scls/gscl-imported"), client.get("/metrics")]
        client.close()

    def search(self):
        """For all keys that were planted so far."""
        return Search({**self.keys, **self.keks})


def _key_of(path):
    with open(path, encoding="ascii") as file:
        return bytes.fromhex(file.read().strip())


def _backups(planted, number):
    directories = []
    for daemon in (planted.provider, planted.gateway):
        directory = planted.bed.path(f"backup-{daemon.name}-{number}")
        done = daemon.action(f"--backup={directory}")
        directories.append((directory, done))
    return directories


def _files(row, planted, number):
    """Logs, stores, backups, answers."""
    search = planted.search()
    for directory, done in _backups(planted, number):
        row.ok(done.returncode == 0, f"round {number}: backup", done.stdout + done.stderr)
        found, count = search.tree(directory)
        row.ok(not found and count > 0, f"round {number}: nothing in the {count} files of a backup", lambda f=found: f)
    for daemon in (planted.provider, planted.gateway):
        found, count = search.tree(daemon.directory)
        row.ok(not found, f"round {number}: nothing in log, store and configuration of {daemon.name} ({count} files)",
               lambda f=found: f)
        found = search.process(daemon.pid)
        row.ok(not found, f"round {number}: nothing in environment, arguments and mappings of {daemon.name}", lambda f=found: f)
        with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as file:
            limit = next(line for line in file if line.startswith("Max core file size"))
        row.equal(limit.split()[4:6], ["0", "0"], f"round {number}: the kernel makes no core image of {daemon.name}")
        private = [p for p in readable_by_all(daemon.store) if os.path.basename(p) not in ("LOCK",)]
        keys = [p for p in private if "mas" in p.split(os.sep) or "keystore" in os.path.basename(p)]
        row.ok(not keys, f"round {number}: what {daemon.name} keeps of keys is for its owner", lambda k=keys: k)
    found = [hit for n, answer in enumerate(planted.answers) if answer
             for hit in search.octets(answer.body + repr(answer.headers).encode(), f"answer {n}: {answer!r}")]
    row.ok(not found, f"round {number}: nothing in {len(planted.answers)} answers", lambda: found)
    row.ok(not os.path.exists(os.path.join(planted.gateway.directory, "credentials.xml")), "the imported file is gone")


def _memory(row, planted, number):
    """Memory that is not locked, and a core image."""
    search = planted.search()
    for daemon in (planted.provider, planted.gateway):
        if daemon.sanitized():
            row.skip(f"memory of {daemon.name}", "the address sanitizer keeps freed memory")
            continue
        control = Search({"SCL-ID": daemon.scl_id.encode()}).memory(daemon.pid)
        found = search.memory(daemon.pid)
        if found is None:
            row.skip(f"memory of {daemon.name}", "not permitted")
            continue
        row.ok(control, f"round {number}: the search sees memory of {daemon.name}")
        row.ok(not found, f"round {number}: nothing in memory of {daemon.name} that is not locked", lambda f=found: f)
        found = search.core(planted.bed, daemon.pid)
        if found is None:
            row.skip(f"core image of {daemon.name}", "gcore makes none")
        else:
            row.ok(not found, f"round {number}: nothing in a core image of {daemon.name}", lambda f=found: f)


def row_23(row, bed, rounds=1):
    """Keys in logs, stores, backups, answers, process tables, core images."""
    planted = Planted(bed)
    planted.gateway.start()
    row.ok(planted.provider.sees(planted.gateway.scl_id, 30), "a gateway with imported credentials is registered", bed.logs)
    row.ok(Search({"k": b"k" * 32}).octets(json.dumps({"x": b64u(b"xk" + b"k" * 32)}).encode(), "text"),
           "the search finds what is there")
    for number in range(1, rounds + 1):
        planted.traffic()
        _files(row, planted, number)
        _memory(row, planted, number)
        for daemon in (planted.gateway, planted.provider):
            daemon.stop()
        found = [hit for d in (planted.provider, planted.gateway) for hit in planted.search().tree(d.directory)[0]]
        row.ok(not found, f"round {number}: nothing in the files of what has ended", lambda f=found: f)
        planted.provider.start()
        planted.gateway.start()
        row.ok(planted.provider.sees(planted.gateway.scl_id, 30), f"round {number}: registered again", bed.logs)


def all_rounds(row, bed):
    """Keys in logs, stores, backups, answers, process tables, core images, after restarts."""
    row_23(row, bed, ROUNDS)


# ---- proxy re-encryption ----

class Parked:
    """A proxy between a source and the sink of an nscl, with plaintexts and keys that are known; lines are listened to."""

    def __init__(self, bed):
        self.bed, self.source, self.stream = bed, px.Party(bed, "source"), None
        self.inbox = px.Inbox(bed, self.source, name="reader")
        self.proxy = px.proxy(bed, "keeper", udp_address="127.0.0.1", udp_port=pick_port())
        self.lines = [bed.add(Relay(d.port)) for d in (self.proxy, self.inbox.daemon)]
        for line in self.lines:
            line.kept = bytearray()
        self.stream = px.Stream(self.source, section=2, epochs=1)
        self.url = f"http://127.0.0.1:{self.lines[1].port}{px.ROOT}/inbox"
        rest = self.proxy.rest()
        self.store = rest.store(1 << 20, source={"url": self.source.url, "sign": self.source.sign_hex})
        udp = rest.made("/stores", {"reserve": 8192, "ttl": 600, "transport": "udp"})["udp"]
        self.texts, self.sessions, self.powers = [], [], []
        self.keys = {"UDP key": bytes.fromhex(udp["key"])}
        for party in (self.source, self.inbox.sink):
            (_, octets), = px.blocks(party.key)
            for number, name in enumerate(("a1", "a2", "seed", "signing key")):
                self.keys[f"{name} of {party.name}"] = octets[2 + 32 * number:34 + 32 * number]
        self.epochs, self.forward = 0, None

    def traffic(self, row):
        """Four messages in two sections, all the way."""
        texts = [secrets.token_hex(16) for _ in range(4)]
        parts = self.stream.seal(self.inbox.documents(self.source, texts))
        first, self.epochs = self.epochs, self.epochs + 2
        done = subprocess.run([px.tool("seal_pre"), "keys", self.source.key], input=queue.joined(parts), stdout=subprocess.PIPE, check=True, timeout=60)
        self.sessions += [bytes.fromhex(t) for t in done.stdout.decode().split()]
        epochs = f"{first}-{first + 1}"
        sent = px.reencrypted(self.source, self.inbox.sink, parts, epochs)
        self.powers += [u[-288:] for u in sent if u[2] == queue.MM1]
        through = px.Rest(px.HttpWay(Client("127.0.0.1", self.lines[0].port, px.OWNER)))
        through.put_all(self.store, parts)
        through.close()
        rest = self.proxy.rest()
        for number, key in enumerate(px.granted(self.source, self.inbox.sink, epochs)[1]):
            self.keys[f"rk of epoch {first + number}"] = bytes.fromhex(key["rk"])
        if self.forward:
            rest.call("DELETE", f"/forwards/{self.forward}")
        self.forward = rest.forward(self.store, [px.sink_row(self.source, self.inbox.sink, self.url, epochs)],
                                    **{"from": {"stream": 1, "epoch": first, "keyIndex": first}})
        self.texts += texts
        row.ok(wait_for(lambda: self.inbox.contents() == self.texts), "everything is applied at the sink",
               lambda: f"{self.inbox.contents()} {rest.monitor(self.forward)}{self.proxy.log_tail()}")

    def search(self, *, powers=True, plain=True, signing=True):
        """For what the proxy must not have: keys, what opens a session for its sink, plaintexts; also in hex."""
        keys = {name: k for name, k in self.keys.items() if signing or not name.startswith("signing key")}
        keys |= {f"session key {n}": k for n, k in enumerate(self.sessions)}
        if plain:
            keys |= {f"plaintext {n}": t.encode() for n, t in enumerate(self.texts)}
        if powers:
            keys |= {f"D {n}": d for n, d in enumerate(self.powers)}
        made = Search(keys)
        for name, key in keys.items():
            made.raw[name] = (key[:PIECE], key[-PIECE:], key[:PIECE].hex().encode(), key[-PIECE:].hex().encode())
        return made


def _proxy_files(row, parked, number):
    """Files, processes, traffic."""
    found, count = parked.search().tree(parked.proxy.directory)
    row.ok(not found and count > 1, f"round {number}: nothing in the {count} files of the proxy", lambda: found)
    hits = parked.search().process(parked.proxy.pid)
    row.ok(not hits, f"round {number}: nothing in what the kernel shows of it", lambda: hits)
    for name, line in zip(("source and proxy", "proxy and sink"), parked.lines):
        hits = parked.search(powers=False).octets(bytes(line.kept), name)
        row.ok(line.kept and not hits, f"round {number}: nothing in {len(line.kept)} octets between {name}", lambda h=hits: h)
    # Management messages, which have D, belong to what a sink keeps.
    found, _ = parked.search(plain=False, powers=False).tree(parked.inbox.daemon.directory)
    row.ok(not found, f"round {number}: no key in the files of the sink", lambda: found)
    plain = Search({f"plaintext {n}": t.encode() for n, t in enumerate(parked.texts)})
    row.equal(len({hit.split(" in ")[0] for hit in plain.tree(parked.inbox.daemon.directory)[0]}), len(parked.texts),
              f"round {number}: the search finds all plaintexts at the sink")
    back = parked.bed.path(f"proxy-backup-{number}")
    done = parked.proxy.action("--backup", back)
    row.ok(done.returncode == 0, f"round {number}: backup of the proxy", done.stdout + done.stderr)
    found, count = parked.search().tree(back)
    row.ok(not found and count > 0, f"round {number}: nothing in its {count} files", lambda: found)


def _proxy_memory(row, parked, number):
    """Memory that is not locked."""
    # libcrypto keeps the Ed25519 key of an identity on its own heap.
    for daemon, more in ((parked.proxy, {}), (parked.inbox.daemon, {"plain": False, "signing": False})):
        if daemon.sanitized():
            row.skip(f"memory of {daemon.name}", "the address sanitizer keeps freed memory")
            continue
        control = Search({"SCL-ID": daemon.scl_id.encode()}).memory(daemon.pid)
        found = parked.search(powers=False, **more).memory(daemon.pid)
        if found is None:
            row.skip(f"memory of {daemon.name}", "not permitted")
            continue
        row.ok(control, f"round {number}: the search sees memory of {daemon.name}")
        row.ok(not found, f"round {number}: nothing in memory of {daemon.name} that is not locked", lambda f=found: f)
        # Vector registers keep pieces of what a thread copied last.
        found = parked.search(powers=False, **more).core(parked.bed, daemon.pid, registers=False)
        if found is None:
            row.skip(f"core image of {daemon.name}", "gcore makes none")
        else:
            row.ok(not found, f"round {number}: nothing in a core image of {daemon.name}", lambda f=found: f)


def row_77(row, bed, rounds=1):
    """Plaintexts and keys of streams in files, memory and traffic of a proxy."""
    if px.without_pairings():
        row.skip("proxy re-encryption", "a build without pairings")
        return
    parked = Parked(bed)
    for number in range(1, rounds + 1):
        parked.traffic(row)
        row.equal(len(parked.sessions), 2 * number, f"round {number}: session keys are known")
        _proxy_files(row, parked, number)
        _proxy_memory(row, parked, number)
        parked.proxy.stop()
        found, _ = parked.search().tree(parked.proxy.directory)
        row.ok(not found, f"round {number}: nothing in the files of a proxy that has ended", lambda f=found: f)
        parked.proxy.start()


def all_proxy_rounds(row, bed):
    """Plaintexts and keys of streams in files, memory and traffic of a proxy, after restarts."""
    row_77(row, bed, ROUNDS)


# ---- the SGA ----

class Negotiated:
    """A gateway with devices of the test, whose keys are known, and two dscl; lines are listened to."""

    def __init__(self, bed):
        self.bed, self.gateway = bed, sga.Gateway(bed, more={"options": DEBUG}).start()
        self.line = bed.add(Relay(self.gateway.port))
        self.line.kept = bytearray()
        self.i, self.j = (self.gateway.device(n, seed=secrets.token_bytes(32)) for n in ("i", "j"))
        self.dscls = [sga.Dscl(bed, n, [sga.server_row(bed, self.gateway, n, root=f"http://127.0.0.1:{self.line.port}{sga.ROOT}")], [m],
                               more={"options": DEBUG}).start() for n, m in (("d1", "d2"), ("d2", "d1"))]
        self.keys, self.texts = {}, []
        for one in (self.i, self.j):
            self.keys |= {f"kd of {one.name}": one.shared.kd, f"k_auth of {one.name}": one.shared.auth, f"k_hop of {one.name}": one.shared.hop,
                          f"k_g2d of {one.name}": one.shared.g2d, f"request key of {one.name}": one.shared.req}

    def traffic(self, row):
        """A session of the devices of the test, messages of the dscl."""
        number = len(self.texts)
        here, there = sga.establish(self.i, self.j)
        self.keys |= {f"{name} {number}": value for name, value in (
            ("kt_i", here.kt_i), ("kt_j", here.kt_j), ("K_is", here.kis_key), ("K_js", there.kis_key), ("K", here.k), ("PRK", here.prk), ("R_i", here.exponent),
            ("S_i", here.s), ("S_j", there.s), ("key of records", here.keys["out"][0]), ("hop key of i", here.hop.keys["up"][0]), ("hop key of j", there.hop.keys["up"][0]))}
        text = secrets.token_hex(16).encode()
        self.i.must(201, self.i.send(here, text))
        row.equal(self.j.take(there)[1], text, "a message between devices of the test")
        ours = secrets.token_hex(16).encode()
        one, two = (d.app() for d in self.dscls)
        row.ok(one.ready() and two.ready(), "the dscl are registered", self.dscls[0].log_tail)
        row.ok(one.send("d2", ours).status == 202, "a message of a dscl")
        row.equal([d for _, d, _ in two.take(1)], [ours], "arrives")
        self.texts += [text, ours]

    def search(self, plain=True):
        """For keys, and what was said."""
        texts = {f"text {n}": t for n, t in enumerate(self.texts)} if plain else {}
        return Search({**self.keys, **texts})


def _sga_places(row, made, number):
    """Files, processes, memory, traffic."""
    for daemon in (made.gateway, *made.dscls):
        found, count = made.search(plain=True).tree(daemon.directory)
        row.ok(not found and count > 1, f"round {number}: nothing in the {count} files of {daemon.name}", lambda f=found: f)
        hits = made.search().process(daemon.pid)
        row.ok(not hits, f"round {number}: nothing in what the kernel shows of {daemon.name}", lambda h=hits: h)
        back = made.bed.path(f"backup-{daemon.name}-{number}")
        done = daemon.action("--backup", back)
        row.ok(done.returncode == 0, f"round {number}: backup of {daemon.name}", done.stdout + done.stderr)
        found, count = made.search().tree(back)
        row.ok(not found and count > 0, f"round {number}: nothing in its {count} files", lambda f=found: f)
    hits = made.search().octets(bytes(made.line.kept), "traffic")
    row.ok(made.line.kept and not hits, f"round {number}: nothing in {len(made.line.kept)} octets of traffic", lambda: hits)
    daemon = made.gateway
    if daemon.sanitized():
        row.skip(f"memory of {daemon.name}", "the address sanitizer keeps freed memory")
        return
    control = Search({"SCL-ID": daemon.scl_id.encode()}).memory(daemon.pid)
    found = made.search().memory(daemon.pid)
    if found is None:
        row.skip(f"memory of {daemon.name}", "not permitted")
        return
    row.ok(control, f"round {number}: the search sees memory of {daemon.name}")
    row.ok(not found, f"round {number}: nothing in memory of {daemon.name} that is not locked", lambda f=found: f)
    found = made.search().core(made.bed, daemon.pid, registers=False)
    if found is None:
        row.skip(f"core image of {daemon.name}", "gcore makes none")
    else:
        row.ok(not found, f"round {number}: nothing in a core image of {daemon.name}", lambda f=found: f)


def row_99(row, bed, rounds=1):
    """Keys and plaintexts of the SGA in files, memory and traffic of a gateway, in files of devices."""
    made = Negotiated(bed)
    for number in range(1, rounds + 1):
        made.traffic(row)
        _sga_places(row, made, number)
        for daemon in (made.gateway, *made.dscls):
            daemon.stop()
            found, _ = made.search().tree(daemon.directory)
            row.ok(not found, f"round {number}: nothing in the files of {daemon.name}, which has ended", lambda f=found: f)
            daemon.start()
        for one in (made.i, made.j):
            one.ctr += 1000
            one.way.close()


def all_sga_rounds(row, bed):
    """Keys and plaintexts of the SGA in files, memory and traffic, after restarts."""
    row_99(row, bed, ROUNDS)


if __name__ == "__main__":
    rows.run({23: all_rounds, 77: all_proxy_rounds, 99: all_sga_rounds}, __doc__)
