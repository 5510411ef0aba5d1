#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""m2m-warrant: the server's side of multiparty authentication, against a second implementation of all others."""

import contextlib
import os
import signal
import stat
import subprocess
import threading
import time

from lib import mpa
from lib import report as reports
from lib.bed import BUILD, PATIENCE, wait_for
from lib.client import Client, NotSent, Unknown
from lib.sga import public_pem

TOOL = os.path.join(BUILD, "common", "cli", "m2m-warrant")
OK, FAILED, USAGE, REFUSED = range(4)
OCTETS = {"Content-Type": "application/octet-stream"}
POSTS = 400 if reports.LONG else 40
DAY = 86400
REVOKED = 16  # at once


class Service:
    """m2m-warrant serve."""

    def __init__(self, state, log):
        self.log = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen([TOOL, f"--state={state}", "serve", "--http=127.0.0.1:0"], stdout=subprocess.PIPE, stderr=file)
        line = self.process.stdout.readline().decode().split()
        self.host, port = line[1].split("=")[1].rsplit(":", 1)
        self.port = int(port)

    def client(self):
        """A new one."""
        return Client(self.host, self.port, "http://127.0.0.1/nscl")

    def post(self, body, headers=None, method="POST", path="/transcripts"):
        """(status, body)"""
        client = self.client()
        answer = client.request(method, path, body, headers or OCTETS)
        client.close()
        return answer.status, answer.body

    def stop(self):
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self):
        """For the bed."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def text(self):
        """What it has logged."""
        with open(self.log, encoding="utf-8") as file:
            return file.read()


class Cast:
    """Operator, server, device, access point, and what they have agreed on."""

    def __init__(self, report, bed):
        self.report, self.bed, self.state = report, bed, bed.path("server")
        self.cn, self.device, self.ap = mpa.Party("cn.sp1.example"), mpa.Party("01bcad980102030405060708090a0b0c"), mpa.Party("gscl-0102")
        self.since, self.until = int(time.time()) - 10, int(time.time()) + 100 * DAY
        self.cn_pem = public_pem(bed.path("cn.pem"), self.cn.public)
        self.device_pem = public_pem(bed.path("device.pem"), self.device.public)
        pem = self.must("init", "mtc.app.example")
        with open(bed.path("server.pem"), "wb") as file:
            file.write(pem)
        self.server = mpa.Party("mtc.app.example")
        self.server.public = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, capture_output=True,
                                            check=True, timeout=PATIENCE).stdout[-32:]
        self.w5 = mpa.access_point(self.cn, self.ap, self.since, self.until)

    def run(self, *arguments, state=True):
        """(status, standard output, standard error)"""
        where = [f"--state={self.state}"] if state else []
        done = subprocess.run([TOOL, *where, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr.decode()

    def must(self, *arguments, status=OK, title="", said="", **more):
        """Its standard output, when it has that status."""
        got, out, err = self.run(*arguments, **more)
        self.report.equal(got, status, title or " ".join(arguments[:2]), err)
        self.report.ok(said in err, f"{title or arguments[0]}: says {said!r}", err)
        return out

    def file(self, name, octets):
        """The path of a file with them."""
        path = self.bed.path(name)
        with open(path, "wb") as file:
            file.write(octets)
        return path

    def agree(self):
        """W1 and W2."""
        self.w1 = mpa.warrant(self.cn, self.server, self.cn, self.since, self.until)
        self.w2 = self.must("agree", self.file("w1", self.w1), f"--peer-key={self.cn_pem}")

    def certify(self, *more, device=None, name="w3"):
        """W3."""
        device = device or self.device
        pem = public_pem(self.bed.path(f"{name}.pem"), device.public)
        return self.must("certify", device.name, pem, f"--scope={self.ap.name}", *more)

    def ready(self):
        """All that a device needs."""
        self.agree()
        self.w3 = self.certify()
        self.w4 = mpa.credential(self.cn, self.device, self.server, self.w2, self.since, self.until, self.ap.name)
        return self

    def a_run(self, device=None, chains=None, **more):
        """A run of the device."""
        return mpa.Run(device or self.device, chains or [self.w1 + self.w3, self.w2 + self.w4], self.ap, self.w5, **more)


def warrants(report, bed):
    """Agreement and certification."""
    report.ok(mpa.known(), "the second implementation has the vectors")
    c = Cast(report, bed)
    report.equal(stat.S_IMODE(os.stat(c.state).st_mode), 0o700, "the directory is the owner's alone")
    report.equal({stat.S_IMODE(os.stat(os.path.join(c.state, name)).st_mode) for name in os.listdir(c.state)}, {0o600}, "and its files")
    c.must("certify", c.device.name, c.device_pem, status=FAILED, said="agree first", title="certify before an agreement")
    c.must("init", "other.example", status=FAILED, said="already", title="a second key")
    c.agree()
    want = mpa.warrant(c.cn, c.server, c.server, c.since, c.until, serial=c.w2[8:24])
    names = b"".join(mpa.keys.lv8(name.encode()) for name in ("mtc.app.example", "cn.sp1.example", "mtc.app.example", "*"))
    body = want[:76] + c.server.public + c.cn.public + c.server.public + names
    report.equal(c.w2[:-64], body, "W2 has the octets that it should have")
    report.ok(mpa.ed25519_verify(c.server.public, mpa.DELEGATE + c.w2[:-64], c.w2[-64:]), "and the server's signature")
    w3 = c.certify("--days=10", "--rights=24")
    names = b"".join(mpa.keys.lv8(name.encode()) for name in ("mtc.app.example", c.device.name, "cn.sp1.example", c.ap.name))
    begin = int.from_bytes(w3[24:32], "big")
    body = b"MWR1\2\0" + mpa.keys.u16(len(w3)) + w3[8:24] + mpa.keys.u64(begin) + mpa.keys.u64(begin + 10 * DAY) + mpa.keys.u32(2 | 24) \
        + mpa.sha(c.w1) + c.server.public + c.device.public + c.cn.public + names
    report.equal(w3[:-64], body, "W3 has the octets that it should have")
    report.ok(mpa.ed25519_verify(c.server.public, mpa.DELEGATE + w3[:-64], w3[-64:]), "and the server's signature")
    report.ok(abs(begin - time.time()) < PATIENCE, "from now on")
    report.ok(c.certify()[8:24] != c.certify()[8:24], "serial numbers differ")
    looks(report, c, w3)


def looks(report, c, w3):
    """verify and show."""
    chain = (c.file("w1", c.w1), c.file("w3", w3))
    out = c.must("verify", *chain, f"--root={c.cn_pem}", f"--place={c.ap.name}", state=False).decode()
    report.ok("delegate 01bcad980102030405060708090a0b0c " + c.device.public.hex() in out and "rights 1a" in out, "it prints them", out)
    c.must("verify", c.file("chain", c.w1 + w3), f"--root={c.cn_pem}", state=False, title="verify a file with both")
    c.must("verify", chain[0], f"--root={c.cn_pem}", "--kind=agreement", state=False, title="verify an agreement")
    c.must("verify", c.file("w5", c.w5), f"--root={c.cn_pem}", "--kind=ap", state=False, title="verify an access point")
    for title, files, more, said in (
            ("another root", chain, [f"--root={c.device_pem}"], "root"), ("another place", chain, [f"--root={c.cn_pem}", "--place=gscl-0103"], "scope"),
            ("the wrong way round", chain[::-1], [f"--root={c.cn_pem}"], "root"), ("no device", chain[:1], [f"--root={c.cn_pem}"], "kind"),
            ("an octet", [c.file("bad", c.w1 + w3[:-1] + bytes([w3[-1] ^ 1]))], [f"--root={c.cn_pem}"], "link_signed"),
            ("cut", [c.file("cut", c.w1 + w3[:-1])], [f"--root={c.cn_pem}"], "form"), ("nothing", [c.file("empty", b"")], [f"--root={c.cn_pem}"], "links")):
        c.must("verify", *files, *more, status=REFUSED, said=said, state=False, title=f"verify: {title}")
    out = c.must("show", c.bed.path("bad"), state=False).decode()
    report.equal([line for line in out.splitlines() if line.startswith("signature")], ["signature right", "signature wrong"], "show says which is wrong")
    c.must("show", c.cn_pem, status=REFUSED, state=False, title="show of something else")


def refusals(report, bed):
    """What is not agreed on, not certified, not understood."""
    c = Cast(report, bed)
    cn, s, other = c.cn, c.server, mpa.Party("other.example")
    good = mpa.warrant(cn, s, cn, c.since, c.until)
    for title, octets, said in (
            ("another root", mpa.warrant(other, s, other, c.since, c.until), "root"),
            ("for another server", mpa.warrant(cn, other, cn, c.since, c.until), "not for this server"),
            ("no depth", mpa.warrant(cn, s, cn, c.since, c.until, depth=0), "depth"),
            ("no right", mpa.warrant(cn, s, cn, c.since, c.until, rights=8), "rights"),
            ("of a device", mpa.warrant(cn, s, cn, c.since, c.until, kind=mpa.DEVICE), "kind"),
            ("over", mpa.warrant(cn, s, cn, c.since - 1000, c.since - 100), "time"),
            ("a chain", good + good, "parent"), ("altered", good[:-1] + bytes([good[-1] ^ 1]), "link_signed"), ("cut", good[:-1], "form")):
        c.must("agree", c.file("bad", octets), f"--peer-key={c.cn_pem}", status=REFUSED, said=said, title=f"agree: {title}")
    report.ok(not os.path.exists(os.path.join(c.state, "w2")), "nothing of it is kept")
    c.agree()
    for title, more, said in (("longer than the agreement", ["--days=200"], "parent_time"), ("before it", [f"--from={c.since - 1}"], "parent_time"),
                              ("another scope", ["--scope=a/b"], "form"), ("no such right", ["--rights=128"], "form"),
                              ("over before it begins", [f"--from={c.since + 10}", f"--until={c.since + 10}"], "form")):
        c.must("certify", c.device.name, c.device_pem, *more, status=REFUSED, said=said, title=f"certify: {title}")
    c.must("certify", "a b", c.device_pem, status=REFUSED, title="certify: no name")
    c.must("certify", c.device.name, c.bed.path("absent"), status=FAILED, title="certify: no key")
    for words in (["certify"], ["agree", "x"], ["revoke", "12"], ["init"], ["nonsense"], ["verify", "x"], ["serve"], ["serve", "--http=here"],
                  ["certify", "--days=x"], ["certify", "--days=1", "--until=1"], ["serve", "--ca=x"], []):
        if words != ["serve"]:
            c.must(*words, status=USAGE, title="usage: " + " ".join(words))
    c.must("serve", status=USAGE, title="serve without an address")
    report.equal(c.run("show", "x", state=False)[0], FAILED, "show of no file")
    report.equal(c.run("certify", "x", "y", state=False)[0], USAGE, "no state")
    os.chmod(os.path.join(c.state, "key.pem"), 0o644)
    c.must("revocations", status=FAILED, title="a key that others may read")


def transcripts(report, bed):
    """What a run proves, and decisions on files."""
    c = Cast(report, bed).ready()
    run = c.a_run()
    out = c.must("transcript", c.file("t", run.transcript)).decode()
    report.equal(out.splitlines()[:3], [f"th {run.th.hex()}", f"device {c.device.name}", f"ap {c.ap.name}"], "it names the run and both")
    octets = c.must("decide", c.bed.path("t"))
    verdict = mpa.decision(octets, c.server, run.th)
    report.ok(verdict and verdict[0] == mpa.ACCEPTED and abs(verdict[1] - time.time()) < PATIENCE, "accepted, signed, now", str(verdict))
    report.equal(mpa.decision(octets, c.server, c.a_run().th), None, "about this run alone")
    octets = c.must("decide", c.bed.path("t"), "--refuse", f"--out={bed.path('d')}")
    with open(bed.path("d"), "rb") as file:
        report.equal(mpa.decision(file.read(), c.server, run.th)[0], mpa.REFUSED, "refused when that is wanted")
    hashed = c.a_run(hashes=True)
    report.equal(mpa.decision(c.must("decide", c.file("h", hashed.transcript)), c.server, hashed.th)[0], mpa.ACCEPTED, "with hashes and chains")
    for title, octets, said in bad_transcripts(c):
        c.must("decide", c.file("bad", octets), status=REFUSED, said=said, title=f"decide: {title}")
    c.must("revoke", c.w3[8:24].hex())
    c.must("revoke", c.w3[8:24].hex(), title="once more")
    report.equal(c.must("revocations").decode(), c.w3[8:24].hex() + "\n", "it is listed once")
    at_once(report, c)
    report.ok(b"state revoked" in c.must("transcript", c.bed.path("t")), "the transcript is of a revoked warrant")
    report.equal(mpa.decision(c.must("decide", c.bed.path("t")), c.server, run.th)[0], mpa.REFUSED, "and refused, signed")
    c.must("decide", c.bed.path("bad"), status=REFUSED, title="what proves nothing is still not decided on")


def at_once(report, c):
    """Several administrators: what was acknowledged is there."""
    serials = [os.urandom(16).hex() for _ in range(REVOKED)]
    tools = [subprocess.Popen([TOOL, f"--state={c.state}", "revoke", s], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for s in serials]
    said = [(t.communicate()[1], t.returncode) for t in tools]
    report.equal([code for _, code in said], [OK] * REVOKED, "revocations at once", str(said))
    listed = c.must("revocations").decode().split()
    report.equal(sorted(set(serials) - set(listed)), [], "none of them is lost")


def bad_transcripts(c):
    """(title, octets, cause)"""
    run, other = c.a_run(), c.a_run()
    thief = mpa.Party(c.device.name)
    second = mpa.Party("01bcad98ffffffffffffffffffffffff")
    w3 = c.certify(device=second, name="second")
    yield "another key", c.a_run(device=thief).transcript, "signed"
    yield "one chain", c.a_run(chains=[c.w1 + c.w3, b""]).transcript, "both"
    yield "the same chain twice", c.a_run(chains=[c.w1 + c.w3] * 2).transcript, "root"
    yield "chains of two devices", c.a_run(device=second, chains=[c.w1 + w3, c.w2 + c.w4]).transcript, "both"
    yield "spliced A1", other.a1 + run.a2 + run.a3, "signed"
    yield "spliced A2", run.a1 + other.a2 + run.a3, "signed"
    yield "spliced A3", run.a1 + run.a2 + other.a3, "signed"
    secret = os.urandom(32)
    yield "own share reflected", c.a_run(secrets=(secret, secret)).transcript, "reflected"
    yield "unknown hashes", c.a_run(hashes=True).transcript[:-len(c.a_run(hashes=True).chains)], "unknown_chain"
    yield "two messages", run.a1 + run.a2, "form"
    yield "more than it", run.transcript + b"\0", "form"
    far = mpa.Party("gscl-0103")
    w5 = mpa.access_point(c.cn, far, c.since, c.until)
    yield "another place", mpa.Run(c.device, [c.w1 + c.w3, c.w2 + c.w4], far, w5).transcript, "scope"
    yield "an access point of nobody", mpa.Run(c.device, [c.w1 + c.w3, c.w2 + c.w4], far, mpa.access_point(far, far, c.since, c.until)).transcript, "root"


def contact(report, bed):
    """The registered contact."""
    c = Cast(report, bed).ready()
    s = bed.add(Service(c.state, bed.path("log")))
    run = c.a_run()
    status, body = s.post(run.transcript)
    report.equal(status, 200, "a transcript is answered", s.text())
    report.equal(mpa.decision(body, c.server, run.th)[0], mpa.ACCEPTED, "with the signed decision")
    status, body = s.post(run.transcript)
    report.equal((status, mpa.decision(body, c.server, run.th)[0]), (200, mpa.ACCEPTED), "the same again")
    hashed = c.a_run(hashes=True)
    status, body = s.post(hashed.transcript[:-len(hashed.chains)])
    report.equal((status, mpa.decision(body, c.server, hashed.th)[0]), (200, mpa.ACCEPTED), "chains that it has seen, by their hashes")
    told = {"form": 400, "unknown_chain": 412}
    for title, octets, said in bad_transcripts(c):
        if said == "unknown_chain":
            octets = octets[:-140] + mpa.Run(c.device, [c.w1 + c.w3, c.w2 + c.w4[:-1] + b"?"], c.ap, c.w5, hashes=True).a3
        status, body = s.post(octets)
        report.equal(status, told.get(said, 403), f"refused: {title}", body)
        report.ok(len(body) != 113 and said.encode() not in body, f"without a decision or the cause: {title}", body)
        report.ok(wait_for(lambda said=said: f"cause={said}" in s.text() or f'"{said}"' in s.text(), 10), f"which is in the log: {said}", s.text()[-400:])
    requests(report, s, run)
    load(report, c, s)
    c.must("revoke", c.w3[8:24].hex())
    status, body = s.post(run.transcript)
    report.equal((status, mpa.decision(body, c.server, run.th)[0]), (200, mpa.REFUSED), "revoked meanwhile: refused, signed")
    report.equal(s.stop(), 0, "ended by SIGTERM", s.text())


def requests(report, s, run):
    """What is no transcript at all."""
    report.equal(s.post(None, method="GET")[0], 405, "GET")
    report.equal(s.post(b"")[0], 400, "an empty body")
    report.equal(s.post(run.transcript, {"Content-Type": "application/json"})[0], 415, "another media type")
    report.equal(s.post(run.transcript, path="/other")[0], 404, "another path")
    with contextlib.suppress(NotSent, Unknown):
        report.equal(s.post(bytes(100000))[0], 413, "too much")
    report.equal(s.post(run.transcript)[0], 200, "and it goes on")


def load(report, c, s):
    """Many at once."""
    runs = [c.a_run() for _ in range(POSTS)]
    results = []

    def one(part):
        client = s.client()
        for run in part:
            answer = client.request("POST", "/transcripts", run.transcript, OCTETS)
            results.append(answer.status == 200 and mpa.decision(answer.body, c.server, run.th)[0] == mpa.ACCEPTED)
        client.close()
    threads = [threading.Thread(target=one, args=(runs[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    report.equal((len(results), all(results)), (POSTS, True), "many at once")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        reports.run(warrants, refusals, transcripts, contact)
