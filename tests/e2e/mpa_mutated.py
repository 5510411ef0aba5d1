#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Multiparty authentication over the daemons: every message with every octet changed, cut, longer, again, out of order."""

import contextlib
import http.client
import http.server
import itertools
import json
import threading
import time

import mpa as parties
import threats_mpa as threats
from lib import mpa
from lib import report as reports
from lib.bed import pick_port, wait_for
from lib.m2mkeys import b64u, unb64u
from lib.secure import JSON
from lib.tls import available

BITS = 8 if reports.LONG else 1
REFUSED = (400, 403)
SOME = 400          # messages in one run, which is over after a minute
WAIT = 300


LONGER = (1, 8, 64)


def ways(data):
    """In how many ways it is altered."""
    return len(data) * (BITS + 1) + len(LONGER)


def altered(data, way):
    """One bit (long: each bit of it) of each octet changed, then every length but its own, up to a few octets more."""
    at, bit = divmod(way, BITS)
    if at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << (bit if BITS > 1 else at % 8)]) + data[at + 1:]
    n = way - BITS * len(data)
    return data[:n] if n < len(data) else data + bytes(LONGER[n - len(data)])


def every(data):
    """All of them."""
    return [altered(data, way) for way in range(ways(data))]


def several(cases):
    """As many at a time as one run lasts for."""
    for begin in range(0, len(cases), SOME):
        yield cases[begin:begin + SOME]


def strange(answers, allowed=REFUSED):
    """Which of them (status) are no refusals: (index, status)."""
    return [(at, status) for at, status in enumerate(answers) if status not in allowed]


class World(threats.World):
    """With room for as many runs as there are messages, and for as many as a fast machine sends in a second."""

    def __init__(self, bed):
        super().__init__(bed, nscl={"limits": {"rate": 0}}, attempts_max=65536)
        self.client = self.gw.client(None)

    def say(self, body, run=""):
        """One message to the gateway; its status and octets."""
        answer = self.client.request("POST", f"/m2m/mpa{run and '?run='}{run}", body, threats.OCTETS)
        return answer.status, answer.body

    def counter(self, prefix):
        """Of the operator: the sum of all counters whose names begin so."""
        return sum(n for name, n in self.nscl.administer("GET", "/counters").items() if name.startswith(prefix))


def paced(daemon, since):
    """Whether what was refused since then has no more lines in its log than one a minute."""
    return 0 < daemon.log().count("mpa-refused") <= 1 + (time.monotonic() - since) // 60


# ---- the gateway ----

def _a1(report, world, device):
    """What A1 was changed to is in the signatures: the device that has sent it does not prove that run."""
    right = device.begin()
    before, sessions, cases = world.refusals(), world.told()["sessions"], every(right)
    answers, begun, since = [], 0, time.monotonic()
    for case in cases:
        status, a2 = world.say(case)
        if status == 200:
            begun += 1
            status, _ = world.say(device.take(a2).answer(), mpa.sha(case, a2)[:16].hex())
        answers.append(status)
    report.equal(strange(answers), [], f"A1: {len(cases)} altered, {begun} of which seemed right, lead to no session")
    report.equal((world.refusals() - before, world.told()["sessions"]), (len(cases), sessions), "A1: each counted, no session")
    report.ok(paced(world.gw, since), "A1: the log of the gateway is not filled by them", world.gw.log_tail)
    first = device.take(world.say(right)[1])
    a3, run = first.answer(), first.run
    other = world.say(right)[1]
    report.equal(world.say(a3, mpa.sha(right, other)[:16].hex())[0], 403, "A1 again is another run, in which A3 of the first is refused")
    report.equal(world.say(a3, run)[0], 200, "the first one is not touched")


def _a3(report, world, device, cases, made, name):
    """Each case, of which made makes A3 for the run of the device."""
    before, sessions, answers = world.refusals(), world.told()["sessions"], []
    for some in several(cases):
        world.begun(device)
        right = device.answer()
        answers += [world.say(made(device, case), device.run)[0] for case in some]
        report.ok(world.told()["sessions"] <= sessions, f"{name}: no session")
        status, a4 = world.say(device.prove(right), device.run)
        report.ok(status == 200 and device.confirmed(a4), f"{name}: the run goes on", status)
        sessions = world.told()["sessions"]
    report.equal(strange(answers, (*REFUSED, 412)), [], f"{name}: {len(cases)} altered are refused")
    report.equal(world.refusals() - before, len(cases), f"{name}: each counted")


def _gateway(report, bed):
    """to the gateway: A1, A3, and the warrants in it"""
    world = World(bed)
    device, other = world.device("dev-1"), world.device("dev-2")
    _a1(report, world, device)
    world.begun(device)
    _a3(report, world, device, list(range(ways(device.answer()))), lambda d, way: altered(d.answer(), way), "A3")
    for at, name in enumerate(("W1 || W3", "W2 || W4")):
        def put(d, chain, at=at):
            return d.answer(chains=[chain if at == i else own for i, own in enumerate(d.chains)])
        _a3(report, world, device, every(device.chains[at]), put, f"{name}, signed by the device")
    swapped = [[device.chains[0], other.chains[1]], [other.chains[0], device.chains[1]], device.chains[::-1], other.chains,
               [world.w1 + device.w4, device.chains[1]], [device.chains[0], world.w2 + device.w3],
               [device.w3 + world.w1, device.chains[1]], [device.chains[0], device.w4 + world.w2], [device.chains[0] * 2, device.chains[1]]]
    _a3(report, world, device, swapped, lambda d, chains: d.answer(chains=chains), "warrants out of order")


# ---- the operator ----

def _key(report, world):
    """The registration of a key."""
    kmr, _, session = world.nscl.node("dev-7")
    device = mpa.Device(kmr.node.hex())
    right = mpa.registration(device, kmr.node, "dev-7")
    values = {name: unb64u(text) for name, text in right.items()}
    bodies = [json.dumps({**right, name: b64u(bad)}) for name, value in values.items() for bad in every(value)]
    bodies += [bad.decode("latin-1") for bad in every(json.dumps(right).encode())]
    before, since = world.counter("mpa_refused"), time.monotonic()
    answers = [session.request("PUT", "/m2m/mpa/key", body.encode("latin-1"), {"Content-Type": JSON}).status for body in bodies]
    report.equal(strange(answers), [], f"key: {len(bodies)} altered registrations are refused")
    report.equal(world.counter("mpa_refused") - before, len(bodies), "key: each counted")
    report.ok(paced(world.nscl, since), "key: nor is that of the NSCL", world.nscl.log_tail)
    report.equal(world.nscl.admin("GET", f"/warrants/keys/{device.name}").status, 404, "key: none is there")
    report.equal(session.request("PUT", "/m2m/mpa/key", json.dumps(right), {"Content-Type": JSON}).status, 201, "key: the right one is taken")


def _warrants(report, world, device):
    """W2 of the server, W3 of the device, on their way to the operator."""
    listed = world.nscl.administer("GET", "/warrants")
    for name, path, right, more in (("W2", f"/warrants/servers/{threats.SERVER}/agreement", world.w2, {}),
                                    ("W3", f"/warrants/devices/{device.name}", device.w3, {"server": threats.SERVER})):
        cases = every(right)
        answers = [world.nscl.admin("POST", path, {**more, "warrant": b64u(bad)}).status for bad in cases]
        report.equal(strange(answers), [], f"{name}: {len(cases)} altered are refused")
        report.equal(world.nscl.administer("GET", "/warrants"), listed, f"{name}: no warrant more, none less")
        report.ok(world.nscl.admin("POST", path, {**more, "warrant": b64u(right)}).status in (201, 204), f"{name}: the right one is taken")
        listed = world.nscl.administer("GET", "/warrants")


class Gateway(mpa.Party):
    """An access point that the test plays."""

    def __init__(self, world, scl_id):
        super().__init__(scl_id)
        kmr, _, self.session = world.nscl.node(scl_id)
        self.session.request("PUT", "/m2m/mpa/key", json.dumps(mpa.registration(self, kmr.node, scl_id)), {"Content-Type": JSON})
        self.w5 = unb64u(world.nscl.administer("POST", f"/warrants/accessPoints/{scl_id}", {})["warrant"])

    def show(self, transcript):
        """To the operator; the answer."""
        return self.session.request("POST", "/m2m/mpa/transcripts", transcript, threats.OCTETS)


def _transcripts(report, world, device):
    """By the access point whose run it was."""
    gateway = Gateway(world, "gscl-9")
    run = mpa.Run(device, device.chains, gateway, gateway.w5)
    shown, before = len(world.contact.shown), world.counter("mpa_refused")
    cases = every(run.transcript) + [b"".join(order) for order in itertools.permutations((run.a1, run.a2, run.a3))][1:] \
        + [run.transcript * 2, run.transcript + run.a1, run.a1 + run.a2, run.a3]
    answers = [gateway.show(bad).status for bad in cases]
    report.equal(strange(answers), [], f"transcript: {len(cases)} altered, cut, reordered are refused")
    report.equal(world.counter("mpa_refused") - before, len(cases), "transcript: each counted")
    report.equal(len(world.contact.shown), shown, "transcript: the server has seen none of them")
    right = gateway.show(run.transcript)
    report.equal((right.status, mpa.decision(right.body, world.s, run.th) is not None), (200, True), "transcript: the right one is decided about")
    _decisions(report, world, gateway, run, mpa.Run(device, device.chains, gateway, gateway.w5))


def _decisions(report, world, gateway, run, other):
    """What the contact answers."""
    right = mpa.decide(world.s, run.th, mpa.ACCEPTED, 1)
    cases = every(right) + [mpa.decide(world.s, other.th, mpa.ACCEPTED, 1), mpa.decide(world.s, run.th, 2, 1)]
    before, decided, answers = world.counter("mpa_decisions{result=none}"), world.contact.decided, []
    for bad in cases:
        world.contact.decided = lambda _, answer=bad: answer
        answers.append(gateway.show(run.transcript).status)
    report.equal(strange(answers, (502,)), [], f"decision: {len(cases)} altered are none")
    report.equal(world.counter("mpa_decisions{result=none}") - before, len(cases), "decision: each counted")
    world.contact.decided = decided
    report.equal(gateway.show(run.transcript).status, 200, "decision: the right one is passed on")


def _operator(report, bed):
    """to the operator: keys, warrants, transcripts, decisions"""
    world = World(bed)
    device = world.device("dev-1")
    _key(report, world)
    _warrants(report, world, device)
    _transcripts(report, world, device)


# ---- the device ----

class Between:
    """Whoever sits between device and gateway: what the gateway answers goes through alter(kind, octets)."""

    def __init__(self, bed):
        self.port, self.to, self.seen = pick_port(), None, {"A2": 0, "A4": 0, "decision": 0}
        self.alter, self.lock = lambda kind, octets: octets, threading.Lock()
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One exchange each."""
            protocol_version = "HTTP/1.1"

            def handle(self):
                """A client may go whenever it likes."""
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def pass_on(self):
                """There and back."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, octets, reason = between.ask(self.command, self.path, body, self.headers)
                self.send_response(status)
                for name, value in reason.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            do_GET = do_POST = pass_on

            def log_message(self, *_):  # pylint: disable=W0221
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    def ask(self, method, path, body, headers):
        """Status, octets, headers of the answer, altered."""
        link = http.client.HTTPConnection("127.0.0.1", self.to, timeout=60)
        try:
            link.request(method, path, body, {name: headers[name] for name in ("Content-Type", "Accept") if name in headers})
            answer = link.getresponse()
            octets = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() in ("content-type", "retry-after")}
        finally:
            link.close()
        if answer.status == 200:
            kind = "decision" if "/decisions/" in path else "A4" if "run=" in path else "A2"
            with self.lock:
                self.seen[kind] += 1
                octets = self.alter(kind, octets)
        return answer.status, octets, kept

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Altering:
    """Each message of that kind altered in another way, until all ways were tried."""

    def __init__(self, kind):
        self.kind, self.cases, self.next, self.first = kind, None, 0, None

    def __call__(self, kind, octets):
        if kind != self.kind:
            return octets
        if self.first is None:
            self.first, self.cases = octets, ways(octets) + 1
        at, self.next = self.next, self.next + 1
        if at >= self.cases:
            return octets
        if at == 0:                                     # for the very first one nothing of another run is there
            return octets[:-1] + bytes([octets[-1] ^ 128])
        if at == self.cases - 1 and kind != "decision":
            return self.first                           # again, in another run
        return altered(octets, at - 1)

    @property
    def done(self):
        """Whether the right one has passed."""
        return self.cases is not None and self.next > self.cases


def _device(report, bed):
    """to the device: A2, A4, the decision"""
    between = Between(bed)
    fast = {"retry_first": "10 ms", "retry_max": "10 ms"}
    world = parties.World(bed, device={"attach": f"http://127.0.0.1:{between.port}/m2m", "require_decision": True, "check_interval": "60 s", **fast},
                          gateway={"attempts_max": 65536, "attempt_time": "1 s"})
    between.to = world.gscl.port
    altering = between.alter = Altering("A2")
    world.gscl.start()
    world.dscl.start()
    world.admit()
    world.certify()

    for kind, before in (("A2", "A4"), ("A4", "decision"), ("decision", None)):
        if altering.kind != kind:
            altering = between.alter = Altering(kind)
            world.dscl.kill()
            between.seen = dict.fromkeys(between.seen, 0)
            world.dscl.start()
        report.ok(wait_for(lambda a=altering: a.next > 1, WAIT), f"{kind}: the first one came")
        if before:
            reached = wait_for(lambda: altering.done or between.seen[before] > 0, WAIT)
        else:
            reached = wait_for(lambda: altering.done or world.status()["state"] == "stands", WAIT)
        report.ok(reached and altering.done, f"{kind}: none of {altering.cases} altered ones was taken", lambda a=altering: (a.next, world.status()))
        status = world.stands()
        report.ok(status, f"{kind}: the right one is", world.status)
        report.equal(sum((status or world.status())["mpa_refused"].values()), altering.cases, f"{kind}: each counted")


if __name__ == "__main__":
    if not available():
        print("mpa_mutated: there is no openssl command")
        raise SystemExit(77)
    reports.run(_gateway, _operator, _device)
