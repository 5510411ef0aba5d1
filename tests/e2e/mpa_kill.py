#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Multiparty authentication under load: kill -9 of the operator while it issues and revokes, of the gateway in the middle of runs."""

import json
import threading

import threats_mpa as threats
from lib import mpa
from lib import report as reports
from lib.bed import wait_for
from lib.client import NotSent, Unknown
from lib.m2mkeys import b64u, unb64u

ROUNDS = 20 if reports.LONG else 3
SOME = 15           # acknowledged before the end comes
LOST = (OSError, AssertionError, ValueError, NotSent, Unknown)


class Issuing:
    """An administrator who has contracts made and ended, until the operator is no more; what was acknowledged."""

    def __init__(self, world, name):
        self.world, self.name, self.made, self.ended, self.unknown = world, name, {}, {}, set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for n in range(100000):
            party = mpa.Party(f"{self.name}-{n}.example")
            self.unknown = {party.name}
            try:
                answer = self.world.nscl.administer("PUT", f"/warrants/servers/{party.name}", {"publicKey": b64u(party.public)})
                self.made[party.name] = unb64u(answer["warrant"])
                if n % 3 == 0:
                    self.world.nscl.administer("DELETE", f"/warrants/servers/{party.name}")
                    self.ended[party.name] = self.made.pop(party.name)
            except LOST:
                return

    @property
    def acknowledged(self):
        """How many there are."""
        return len(self.made) + len(self.ended)


def warrants(nscl):
    """All of them, by serial number: whether revoked."""
    found, more = {}, ""
    while True:
        page = nscl.administer("GET", f"/warrants{more}")
        found.update({row["serial"]: row["revoked"] for row in page["warrants"]})
        if "next" not in page:
            return found
        more = f"?after={page['next']}"


def issuing(report, bed):
    """the operator, while contracts are made and ended"""
    world = threats.World(bed)
    device = world.device("dev-1")
    for at in range(ROUNDS):
        issuers = [Issuing(world, f"r{at}-{name}") for name in "ab"]
        wait_for(lambda some=issuers: min(i.acknowledged for i in some) >= SOME, 60)
        world.nscl.kill()
        for issuer in issuers:
            issuer.thread.join(60)
        world.nscl.start()
        servers = {row["id"] for row in world.nscl.administer("GET", "/warrants/servers")["servers"]}
        known = warrants(world.nscl)
        for issuer in issuers:
            made = {name for name in issuer.made if name not in issuer.unknown}
            report.equal(made - servers, set(), f"round {at}: {len(made)} contracts that were acknowledged are there")
            report.equal(servers & set(issuer.ended), set(), f"round {at}: {len(issuer.ended)} that were ended are not")
            revoked = [known.get(w1[8:24].hex()) for w1 in issuer.ended.values()]
            report.equal(revoked, [True] * len(revoked), f"round {at}: their warrants are revoked")
            report.ok(all(w1[8:24].hex() in known for w1 in issuer.made.values()), f"round {at}: the others are in the list")
    wait_for(lambda: world.told()["ready"], 60)
    report.equal(world.attached(device), 200, "a device of before is accepted")
    world.revoke(device.w3)
    report.equal(world.attached(device), 403, "and revoked, of which the gateway is told")


class Attaching:
    """A device that proves itself again and again, until the gateway is no more."""

    def __init__(self, world, device):
        self.world, self.device, self.runs, self.wrong = world, device, 0, []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                status = self.world.attached(self.device, hashes=self.runs % 2 == 1)
            except LOST:
                return
            if status != 200:
                self.wrong.append(status)
                return
            self.runs += 1


def attaching(report, bed):
    """the gateway, in the middle of runs"""
    world = threats.World(bed)
    half, *devices = [world.device(f"dev-{n}") for n in range(4)]
    for at in range(ROUNDS):
        attachers = [Attaching(world, device) for device in devices]
        report.ok(wait_for(lambda some=attachers: all(a.runs >= SOME or a.wrong for a in some), 60), f"round {at}: runs")
        world.begun(half)
        open_run, a3 = half.run, half.answer()
        world.gw.kill()
        for attacher in attachers:
            attacher.thread.join(60)
        report.equal([a.wrong for a in attachers], [[]] * len(attachers), f"round {at}: none was refused before")
        world.gw.start()
        report.ok(wait_for(lambda: world.told()["ready"], 60), f"round {at}: the gateway has its warrant again")
        report.equal(world.post(a3, f"?run={open_run}").status, 404, f"round {at}: a run that was open is none any more")
        report.equal([world.served(device) for device in devices], [0] * len(devices), f"round {at}: nor is there any session")
        report.equal([world.attached(device) for device in devices], [200] * len(devices), f"round {at}: all prove themselves again")
        report.equal([world.served(device) for device in devices], [200] * len(devices), f"round {at}: and are served")
    transcript = devices[0].a1 + devices[0].a2 + devices[0].a3
    report.ok(wait_for(lambda: world.decision(devices[0])[0] == 200, 60), "and decided about")
    report.ok(transcript in world.contact.shown, "by the octets of the run")


if __name__ == "__main__":
    if not mpa.known():
        raise SystemExit("lib/mpa.py is wrong")
    reports.run(issuing, attaching)
