# SPDX-License-Identifier: Apache-2.0
"""The security gateway application: cost by phase and side, octets, sessions per second of a gscl; beside TLS 1.3 with a
pre-shared key (psk_dhe_ke) between the two devices, through the gateway as a relay, in the same run."""

import base64
import json
import os
import subprocess

from daemon import Daemon
from measure import interleave, median, ratio
from procs import BenchError

SUITES = (("X", "X25519", "0x0003"), ("C", "ffdhe2048", "0x0003"), ("C", "ffdhe3072", "0x0003"), ("C", "ffdhe4096", "0x0003"))
PHASES = {"R": "registration", "A": "phase A", "B": "phase B", "C": "confirmations"}
SIDES = {"i": "device i", "j": "device j", "G": "gateway"}
LINKS = {"i": ("A1", "A4", "B1", "B6_i", "C_i", "C_j"), "j": ("A2", "A3", "B2", "B3", "B6_j", "C_i", "C_j")}
MESSAGES = {"R": ("R1", "R2"), "A": ("A1", "A2", "A3", "A4"), "B": ("B1", "B2", "B3", "B6_i", "B6_j"), "C": ("C_i", "C_j")}
PAIRS = (1, 16, 64)
QUICK = (16,)
SECONDS = 300
OWNER = "http://127.0.0.1/owner"
ROOT = "/m2m/sga"
CONFIG = """sga = {{ enabled = true; managers = [ "claim:{owner}" ]; suites = [ "{suite}" ]; devices_max = 100000;
  sessions_max = 1000000; threads = {threads}; }};
"""
NUMBERS = {"X": 2, "C": 1}
THREADS = 2
RATE = "per_second"


def tool(ctx, name, *args, text=None):
    """What a program prints."""
    done = subprocess.run([os.path.join(ctx.builddir, "tests/bench", name), *map(str, args)], input=text, stdout=subprocess.PIPE,
                          check=False, timeout=SECONDS, text=True)
    if done.returncode != 0:
        raise BenchError(f"{name} {args}: status {done.returncode}")
    return json.loads(done.stdout)


# ---- what a session costs ----

def phases(ctx, name, got):
    """A row for each side of each phase, and for what they send."""
    for part in got["parts"]:
        ctx.report.add(f"{name}: {PHASES[part['phase']]}, {SIDES[part['side']]} ({part['public']} public, {part['symmetric']} symmetric)",
                       part["us"], "us", detail=part)
    for phase, names in MESSAGES.items():
        ctx.report.add(f"{name}: {PHASES[phase]}, messages", sum(got["octets"][n] for n in names), "octets", detail=got["octets"])


def session(ctx, name, got, tls):
    """The session without the registration, beside the handshake that does the same without a gateway that authenticates."""
    for side in ("i", "j"):
        us = sum(p["us"] for p in got["parts"] if p["side"] == side and p["phase"] != "R")
        other = tls["client" if side == "i" else "server"]
        ctx.report.add(f"{name}: session, {SIDES[side]} / TLS", us, "us", reference=other, ratio=us / other, detail=got)
        octets = sum(got["octets"][n] for n in LINKS[side])
        other = tls["client_octets"] + tls["server_octets"]
        ctx.report.add(f"{name}: session, link of {SIDES[side]} / TLS", octets, "octets", reference=other, ratio=octets / other, detail=tls)
    us = sum(p["us"] for p in got["parts"] if p["side"] == "G" and p["phase"] != "R")
    ctx.report.add(f"{name}: session, gateway", us, "us", detail=got)
    ctx.report.add(f"{name}: sessions that one core of a gateway computes", 1e6 / us, "per s", detail=got)


def costs(ctx):
    """Every suite and group."""
    for suite, group, cid in SUITES:
        name = f"sga: {suite} {group}"
        got = tool(ctx, "sga", "steps", suite, group, cid, 0)
        phases(ctx, name, got)
        session(ctx, name, got, tool(ctx, "sga", "tls", group))
        signed = tool(ctx, "sga", "steps", suite, group, cid, 1)
        for part in signed["parts"]:
            if part["phase"] == "C":
                ctx.report.add(f"{name}: signed confirmations, {SIDES[part['side']]}", part["us"], "us", detail=part)


# ---- sessions per second ----

class Gateway(Daemon):
    """A gscl that is an SGA server of one suite."""

    def __init__(self, ctx, engine, suite):
        self.suite, self.named = suite, 0
        super().__init__(ctx, "gscl", engine, f"sga-{suite}")

    def configuration(self, program, **more):
        return super().configuration(program, **more) + CONFIG.format(owner=OWNER, suite=self.suite, threads=THREADS)

    def token(self, connection, name):
        """Token of a device, and the key that verifies packages; in hex."""
        connection.request("POST", ROOT + "/tokens", json.dumps({"id": name, "ttl": 3600}),
                           {"From": OWNER, "Content-Type": "application/json", "Accept": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise BenchError(f"POST tokens: {answer.status} {text[:200]!r}")
        made = json.loads(text)
        return [base64.urlsafe_b64decode(made[part] + "==").hex() for part in ("token", "verifyKey")]

    def load(self, pairs, seconds):
        """New pairs of devices, and their sessions."""
        connection, lines, key = self.session(), [], ""
        for _ in range(2 * pairs):
            self.named += 1
            name = f"device-{self.named}"
            token, key = self.token(connection, name)
            lines.append(f"{name} {token}\n")
        connection.close()
        before = self.server.cpu_seconds()
        got = tool(self.ctx, "sga_load", self.server.port, ROOT, NUMBERS[self.suite], key, seconds, text="".join(lines))
        # With the registrations, two for each pair.
        return {**got, "cpu_ms": (self.server.cpu_seconds() - before) / max(got["sessions"], 1) * 1e3}


def served(ctx, engine, suite, group):
    """Sessions by way of a gscl; handshakes by way of a relay, and with a gateway that ends them."""
    seconds = max(1, round(ctx.seconds))
    with Gateway(ctx, engine, suite) as gateway:
        for pairs in QUICK if ctx.rounds == 1 else PAIRS:
            def sessions(pairs=pairs):
                return gateway.load(pairs, seconds)

            def through(pairs=pairs):
                return tool(ctx, "sga_relay", "relay", pairs, seconds, group)

            def ended(pairs=pairs):
                return tool(ctx, "sga_relay", "direct", pairs, seconds, group)

            made, relayed, direct = interleave(ctx.rounds, sessions, through, ended)
            name = f"{engine}: sga {suite} {group}, {pairs} pairs"
            ctx.report.add(f"{name}: sessions / TLS through a relay", median(made, RATE), "per s", reference=median(relayed, RATE),
                           ratio=ratio(made, relayed, RATE), detail={"sga": made, "relay": relayed})
            ctx.report.add(f"{name}: sessions / TLS ended at the gateway", median(made, RATE), "per s", reference=median(direct, RATE),
                           ratio=ratio(made, direct, RATE), detail={"direct": direct})
            ctx.report.add(f"{name}: a session takes", median(made, "median_ms"), "ms", detail=made)
            ctx.report.add(f"{name}: processor time of the gscl for one", median(made, "cpu_ms"), "ms", detail=made)


def bench(ctx, engine):
    """What needs a daemon."""
    for suite, group in (("X", "X25519"), ("C", "ffdhe3072")):
        served(ctx, engine, suite, group)
