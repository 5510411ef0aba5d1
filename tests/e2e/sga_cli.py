#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""m2m-sga: devices of the SGA in directories, and administration."""

import contextlib
import http.client
import http.server
import json
import os
import random
import re
import signal
import stat
import subprocess
import threading
import urllib.parse

from lib import report as reports
from lib import sga
from lib import sgawire as wire
from lib.bed import BUILD, wait_for
from lib.coap import CoapDaemon
from lib.daemon import Daemon
from lib.sga import public_pem, secret_file
from lib.sgacrypt import CIPHERS, Bad, expand, extract
from lib.sgafake import FakeGateway

TOOL = os.path.join(BUILD, "common", "cli", "m2m-sga")
MESSAGES = 120 if reports.LONG else 20
OK, FAILED, USAGE, REFUSED, NOTHING = range(5)


class Tool:
    """One state directory, or the administrator."""

    def __init__(self, bed, name, root, *more):
        self.bed, self.name, self.state = bed, name, bed.path(f"state-{name}")
        self.more = [f"--from=http://127.0.0.1/{name}", *more]
        self.root = root

    def start(self, *arguments, data=None, at_root=False):
        """The process."""
        where = [f"--root={self.root}"] if at_root else [f"--state={self.state}"]
        return subprocess.Popen([TOOL, *where, *self.more, *arguments], stdin=subprocess.PIPE if data is not None else subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *arguments, data=None, at_root=False):
        """(status, standard output, standard error)"""
        process = self.start(*arguments, data=data, at_root=at_root)
        out, err = process.communicate(data, 180)
        return process.returncode, out, err.decode()

    def must(self, report, *arguments, status=OK, title="", **more):
        """Its standard output, when it has that status."""
        got, out, err = self.run(*arguments, **more)
        report.equal(got, status, title or f"{self.name}: {' '.join(arguments[:2])}", err)
        return out

    def register(self, report, token, key, *more):
        """Registers; the file with its public key."""
        path = self.bed.path(f"{self.name}.pem")
        out = self.must(report, "register", self.name, f"--root={self.root}", f"--verify-key={key}", f"--token-file={token}", *more)
        with open(path, "wb") as file:
            file.write(out)
        return path


def devices(report, bed, gateway, names, *more):
    """{name: Tool}, registered; {name: file}: their public keys."""
    operator = Tool(bed, "operator", gateway.root)
    operator.more = [f"--from={sga.OWNER}"]
    made, keys, verify = {}, {}, bed.path("gateway.pem")
    for name in names:
        token = bed.path(f"{name}.token")
        operator.must(report, "token", name, f"--token-file={token}", f"--verify-key={verify}", at_root=True)
        made[name] = Tool(bed, name, gateway.root)
        keys[name] = made[name].register(report, token, verify, *more)
    return operator, made, keys


def agree(report, one, other, keys, *more):
    """A session between two."""
    answering = other.start("accept", one.name, f"--peer-key={keys[one.name]}", "--wait=90")
    one.must(report, "negotiate", other.name, f"--peer-key={keys[other.name]}", "--wait=90", *more)
    _, err = answering.communicate(timeout=120)
    report.equal(answering.returncode, OK, f"{other.name}: accepts", err)


# ---- devices ----

def messages(report, bed):
    """Registration, sessions and messages of both suites"""
    gateway = sga.Gateway(bed, suites=["C", "X"]).start()
    for suite, cipher in ((1, "Ascon-AEAD128"), (2, "AES-128-GCM")):
        names = [f"meter{suite}", f"lamp{suite}"]
        _, made, keys = devices(report, bed, gateway, names, f"--suite={suite}", "--ciphers=AES-128-GCM,Ascon-AEAD128")
        meter, lamp = (made[n] for n in names)
        meter.must(report, "send", lamp.name, data=b"early", status=REFUSED, title="no message without a session")
        agree(report, meter, lamp, keys, f"--cipher={cipher}")
        said = meter.must(report, "session").decode()
        report.ok(re.fullmatch(rf"[0-9a-f]{{32}} {lamp.name} open {cipher} confirmed signed sent=1 received=1\n", said), f"suite {suite}: the session", said)
        whole = os.urandom(65280)
        for data in (b"x", whole, b"line\n"):
            meter.must(report, "send", lamp.name, data=data)
        meter.must(report, "send", lamp.name, data=whole + b"x", status=FAILED, title="a message that is too long")
        out = lamp.must(report, "receive", "--count=3", "--wait=60")
        report.ok(out == b"x\n" + whole + b"\nline\n", f"suite {suite}: messages, in their order", out[:40])
        lamp.must(report, "send", meter.name, data=b"back")
        report.equal(meter.must(report, "receive", "--wait=60"), b"back\n", f"suite {suite}: and back")
        meter.must(report, "receive", status=NOTHING, title="nothing more")
        meter.must(report, "register", meter.name, title="a new key")
        meter.must(report, "send", lamp.name, data=b"after", title="and the session goes on")
        report.equal(lamp.must(report, "receive", "--wait=60"), b"after\n", "with the messages")
        lamp.must(report, "session", meter.name, "--close")
        meter.must(report, "receive", status=NOTHING)
        meter.must(report, "send", lamp.name, data=b"late", status=REFUSED, title="the peer has ended it")
    for place, folders, files in os.walk(bed.path("state-meter2")):
        for name, want in [*((f, 0o600) for f in files), *((f, 0o700) for f in folders)]:
            report.equal(stat.S_IMODE(os.lstat(os.path.join(place, name)).st_mode), want, f"mode of {name}")


def refusals(report, bed):
    """What is refused, and statuses"""
    gateway = sga.Gateway(bed).start()
    operator, made, keys = devices(report, bed, gateway, ("meter", "lamp"))
    meter, lamp = made["meter"], made["lamp"]
    meter.must(report, "nonsense", status=USAGE)
    meter.must(report, "send", status=USAGE)
    meter.must(report, "negotiate", "a b", status=USAGE)
    meter.must(report, "negotiate", "nobody", "--wait=5", status=REFUSED, title="a peer that there is not")
    meter.must(report, "negotiate", "lamp", "--wait=1", status=NOTHING, title="a peer that does not answer")
    lamp.must(report, "accept", "meter", "--refuse", "--wait=90", title="it says no to what is late")
    meter.must(report, "receive", status=NOTHING)
    refusing = lamp.start("accept", "meter", "--refuse", "--wait=90")
    meter.must(report, "negotiate", "lamp", "--new", "--wait=90", status=REFUSED, title="a peer that says no")
    refusing.communicate(timeout=120)
    report.equal(refusing.returncode, OK, "it has said so")
    agree(report, meter, lamp, keys, "--new")
    meter.must(report, "send", "lamp", data=b"no invitation")
    lamp.must(report, "accept", "meter", "--refuse", "--wait=2", status=NOTHING, title="a message is nothing to say no to")
    report.equal(lamp.must(report, "receive"), b"no invitation\n", "the message")
    forgotten(report, meter)
    token = secret_file(bed.path("old.token"), bytes(16))
    os.chmod(token, 0o644)
    operator.must(report, "token", "other", f"--token-file={token}", at_root=True)
    report.equal(stat.S_IMODE(os.stat(token).st_mode), 0o600, "a token is for its owner alone, whatever was there before")
    operator.must(report, "token", "meter", at_root=True, status=REFUSED, title="no token for an identity that is taken")
    meter.must(report, "stats", at_root=True, status=REFUSED, title="administration is for managers")
    stranger, wrong = Tool(bed, "meter-2", gateway.root), bed.path("wrong.pem")
    public_pem(wrong, wire_key())
    token = secret_file(bed.path("false.token"), bytes(16))
    stranger.must(report, "register", "meter", f"--root={gateway.root}", f"--verify-key={wrong}", f"--token-file={token}", status=FAILED,
                  title="a package that another has signed")
    stranger.must(report, "register", "meter", f"--root={gateway.root}", f"--verify-key={bed.path('gateway.pem')}", f"--token-file={token}", status=REFUSED,
                  title="a token that nobody made")
    os.chmod(token, 0o644)
    stranger.must(report, "register", "meter", f"--token-file={token}", status=FAILED, title="a token that others may read")
    pages, after = [], []
    while len(pages) < 3:
        page = json.loads(operator.must(report, "devices", "--max=1", *after, at_root=True))
        pages.append([d["id"] for d in page["device"]])
        after = [f"--after={page['next']}"] if "next" in page else []
    report.equal(sorted(pages), [[], ["lamp"], ["meter"]], "devices are listed, by pages")
    operator.must(report, "sessions", "--after=x", at_root=True, status=USAGE, title="what is no page")
    operator.must(report, "revoke", "lamp", at_root=True)
    lamp.must(report, "receive", status=REFUSED, title="a device that was revoked")
    report.ok(keys, "keys were printed")


def forgotten(report, tool):
    """What the server has given up is not kept when nothing can come of it any more"""
    folder = os.path.join(tool.state, "sessions")
    tool.must(report, "negotiate", "lamp", "--new", "--wait=1", status=NOTHING)
    before = os.listdir(folder)
    for name in before:
        os.utime(os.path.join(folder, name), (1, 1))
    tool.must(report, "receive", status=NOTHING)
    said = tool.must(report, "session").decode()
    report.ok(len(os.listdir(folder)) < len(before) and " open " in said and "inviting" not in said, "half-open sessions are forgotten, others not", said)


def wire_key():
    """The public key of somebody."""
    return wire.unb64u("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")


def groups(report, bed):
    """Groups"""
    gateway = sga.Gateway(bed).start()
    _, made, keys = devices(report, bed, gateway, ("a", "b", "c"))
    for name in ("b", "c"):
        agree(report, made["a"], made[name], keys)
    group = made["a"].must(report, "groups", "make", "b", "c", "--purpose=lights").decode().strip()
    for name in ("b", "c"):
        made[name].must(report, "receive", status=NOTHING)
        report.ok(f"{group} owner=a epoch=1 a b c" in made[name].must(report, "groups").decode(), f"{name} has the key")
    made["b"].must(report, "groups", "send", group, data=b"from b")
    for name in ("a", "c"):
        report.equal(made[name].must(report, "receive", "--wait=60"), b"from b\n", f"{name} hears b")
    killed_while_sealing(report, gateway, made["b"], group)
    for name in ("a", "c"):
        report.equal(made[name].must(report, "receive", "--wait=60"), b"again\n", f"{name} hears what came after it")
    made["c"].must(report, "groups", "leave", group)
    made["a"].must(report, "receive", status=NOTHING)
    made["b"].must(report, "groups", "send", group, data=b"stale", status=REFUSED, title="a member has left: a new epoch is due")
    made["a"].must(report, "groups", "change", group, "nobody", status=REFUSED, title="a member that there is not")
    made["a"].must(report, "groups", "change", group, "b")
    made["b"].must(report, "receive", status=NOTHING)
    made["a"].must(report, "groups", "send", group, data=b"second")
    report.equal(made["b"].must(report, "receive", "--wait=60"), b"second\n", "the new epoch")
    made["c"].must(report, "receive", status=NOTHING, title="who has left hears nothing")
    made["a"].must(report, "groups", "leave", group)
    made["a"].must(report, "groups", "make", "nobody", status=REFUSED)
    report.equal(made["a"].must(report, "groups"), b"", "no group is left")
    report.ok(len(made["a"].must(report, "groups", "make", "b")) == 33, "a group without a purpose")


class Deaf:
    """A way to a gateway that lets no message through."""

    def __init__(self, gateway):
        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = 503, b""
                if not self.path.endswith("/messages"):
                    url = urllib.parse.urlsplit(gateway.root)
                    there = http.client.HTTPConnection(url.hostname, url.port)
                    there.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k != "Host"})
                    got = there.getresponse()
                    status, answer = got.status, got.read()
                    there.close()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            do_GET = do_POST = do_DELETE = _any

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}{urllib.parse.urlsplit(gateway.root).path}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def killed_while_sealing(report, gateway, tool, group):
    """A record is kept before its number is used up, and sent after that: killed in between, nothing was said"""
    state, deaf = os.path.join(tool.state, "groups", group), Deaf(gateway)
    with open(state, "rb") as file:
        before = file.read()
    tool.must(report, "groups", "send", group, f"--root={deaf.root}", data=b"unsaid", status=FAILED, title="the message is kept")
    deaf.close()
    with open(state, "wb") as file:
        file.write(before)
    tool.must(report, "groups", "send", group, data=b"again", title="the next one has its number")


def elsewhere(report, bed):
    """A device behind another gateway, by HTTP and through a channel"""
    nscl = CoapDaemon(bed, "nscl").start()
    other = Daemon(bed, "gscl", name="other", nscl=nscl).start()
    for name, options in (("direct", ()), ("polling", ("register.channel=true",))):
        gateway = sga.Gateway(bed, name, nscl=nscl, more={"options": options}).start()
        for one in (gateway, other):
            report.ok(one.registered_at(nscl) is not None, f"{one.name} is registered", nscl.log_tail)
        _, made, keys = devices(report, bed, gateway, (f"near-{name}",))
        near, far = made[f"near-{name}"], Tool(bed, f"far-{name}", gateway.root)
        operator = Tool(bed, "operator", gateway.root)
        operator.more = [f"--from={sga.OWNER}"]
        operator.must(report, "token", far.name, f"--token-file={bed.path(far.name)}", at_root=True)
        keys[far.name] = far.register(report, bed.path(far.name), bed.path("gateway.pem"), f"--via={other.base.rsplit('/', 1)[0]}")
        agree(report, near, far, keys)
        for one, two in ((near, far), (far, near)):
            data = os.urandom(20000)
            one.must(report, "send", two.name, data=data)
            report.ok(two.must(report, "receive", "--wait=60") == data + (b"" if data[-1:] == b"\n" else b"\n"), f"{name}: {one.name} to {two.name}")
        far.must(report, "session", near.name, "--close")
        gateway.stop()


# ---- accidents ----

def kills(report, bed):
    """Killed at any moment: each message once"""
    gateway = sga.Gateway(bed).start()
    _, made, keys = devices(report, bed, gateway, ("meter", "lamp"))
    meter, lamp = made["meter"], made["lamp"]
    agree(report, meter, lamp, keys)
    for number in range(MESSAGES):
        meter.must(report, "send", "lamp", data=b"number %d" % number)
        if number == MESSAGES // 2:
            gateway.kill()
            meter.must(report, "send", "lamp", data=b"nothing", status=FAILED, title="the gateway is not there")
            gateway.start()
    out, seed = bed.path("out"), random.Random(1)
    os.mkdir(out)

    def written():
        return sorted(n for n in os.listdir(out) if not n.endswith(".part"))

    def taken():
        """One more try, killed perhaps; True when all is there."""
        process = lamp.start("receive", "--count=1000", f"--out={out}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seed.uniform(0.005, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return len(written()) >= MESSAGES
    report.ok(wait_for(taken), "everything is received", os.listdir(out))
    # The last one may not be known as handed out: it is the same file again.
    lamp.run("receive", f"--out={out}")
    lamp.must(report, "receive", status=NOTHING, title="nothing more")
    got = []
    for name in written():
        with open(os.path.join(out, name), "rb") as file:
            got.append(file.read())
    report.equal(got, [b"number %d" % n for n in range(MESSAGES)], "each once, in the order of sending")


# ---- what a gateway has ----

def gateways_keys(report, bed):
    """Nothing that a gateway knows opens a message"""
    fake = FakeGateway()
    try:
        key, token = public_pem(bed.path("fake.pem"), fake.gate.verify_key), secret_file(bed.path("token"), bytes(16))
        meter, lamp = (Tool(bed, name, fake.root) for name in ("meter", "lamp"))
        keys = {tool.name: tool.register(report, token, key) for tool in (meter, lamp)}
        agree(report, meter, lamp, keys)
        meter.must(report, "send", "lamp", data=b"the number of the safe")
        record = [body for method, path, body in fake.seen if method == "POST" and path.endswith("/messages")][-1]
        g = next(iter(fake.sessions.values()))
        th, cipher, head = g.transcript(), CIPHERS[g.cid], record[:24]

        def opens(k):
            """With that in the place of K."""
            prk = extract(th, k + g.kt_i + g.kt_j)
            shared, iv = (expand(prk, b"SGA/1 " + name + wire.u16(g.cid) + g.ids_octets, n) for name, n in ((b"k_ij", cipher.key), (b"iv_ij", cipher.nonce)))
            with contextlib.suppress(Bad):
                return cipher.open(shared, wire.nonce_of(iv, head), head + wire.u16(g.cid), record[24:])
            return None
        known = {g.halves[b"i"][0], g.halves[b"j"][0], g.halves[b"i"][1], g.halves[b"j"][1], g.kt_i, g.kt_j, fake.gate.keys[0][0], fake.gate.keys[1][0], bytes(32)}
        exponents = {e for e in known if len(e) == 32}
        known |= {g.suite.power(n, e) for n in (g.halves[b"i"][0], g.halves[b"j"][0]) for e in exponents}
        report.equal([opens(k) for k in known], [None] * len(known), "with all keys, elements and their powers")
        report.ok(not any(b"number of the safe" in body for _, _, body in fake.seen), "and it was not sent as it is")
        report.equal(lamp.must(report, "receive", "--wait=30"), b"the number of the safe\n", "the peer opens it")
    finally:
        fake.close()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        reports.run(messages, refusals, groups, elsewhere, kills, gateways_keys)
