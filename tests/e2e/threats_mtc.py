#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on triggers, claims of priority, the external interface and pushed configuration, one row of the table of threats each."""

import functools
import hashlib
import http.server
import os
import subprocess
import threading

import edge
import overload
import trigger
from lib import rows, xml
from lib.bed import BUILD, Bed, wait_for
from lib.pki import signing_key
from lib.report import LONG
from lib.secure import APP, Node, Provider

MANAGER = "http://127.0.0.1/manager"
OWN = "/m2m/scls/mgmtObjs"
SIGNED = "application/vnd.openscl.config+json"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
TOOL = os.path.join(os.environ.get("OPENSCL_CONFIGURED") or BUILD, "common", "cli", "openscl-sign")


def beside(row, part):
    """A part of another script with surroundings of its own."""
    bed = Bed()
    try:
        part(row, bed)
    finally:
        for complaint in bed.close():
            row.ok(False, "clean end", complaint)


def false_triggers(row, bed):
    """False, foreign, altered, old and late triggers; an SCL that has some sent inside."""
    trigger.false(row, bed)
    beside(row, trigger.again)
    beside(row, trigger.inside)
    if LONG:
        beside(row, trigger.flood)


def claims(row, bed):
    """A claim of priority altered both ways."""
    overload.tampering(row, bed)


def too_much(row, bed):
    """Ten times as much as there is room for."""
    overload.rush(row, bed)


def outside(row, bed):
    """An application outside reaches for the inner interface, for others, and for inner addresses."""
    edge.what(row, bed)
    beside(row, edge.who)
    beside(row, edge.loopback)


# ---- configuration ----

def tool(*arguments):
    """openscl-sign; the completed process."""
    return subprocess.run([TOOL, *arguments], capture_output=True, check=False, timeout=60)


class Managed:
    """A provider, and a gateway that pins the key of its configuration."""

    def __init__(self, bed):
        self.bed = bed
        self.keys, self.others = signing_key(bed.path("config.key")), signing_key(bed.path("other.key"))
        self.provider = Provider(bed, msbf=False).start()
        self.packages, self.calls = bed.path("packages"), bed.path("calls")
        os.mkdir(self.packages)
        command = ["/bin/sh", "-c", f'echo "$1 $2 $4 `cat "$3"`" >>{self.calls}', "install"]
        self.node = Node(bed, "gscl", self.provider, name="gscl-48",
                         settings={"config": {"key": self.keys[1], "sub_id": "sub1"},
                                   "rem": {"managers": [MANAGER], "refresh": "1 s", "package_key": self.keys[1],
                                           "firmware_command": command}})
        self.kmr = self.provider.issue(self.node.scl_id)
        self.node.provide(self.kmr).start()
        self.server, self.device = self.provider.client(APP), self.node.client(MANAGER)
        self.copies = f"/m2m/scls/{self.node.scl_id}/mgmtObjs"

    def signed(self, text, version, *, who=None, what="deviceInfo/deviceLabel", key=None):
        """A document for an object of the gateway."""
        with open(self.bed.path("body"), "w", encoding="utf-8") as file:
            file.write(text)
        done = tool("config", (key or self.keys)[0], str(version), f"{who or self.kmr.node.hex()}/mgmtObjs/{what}", "application/xml",
                    self.bed.path("body"))
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.rstrip(b"\n")

    def package(self, content, version):
        """A signed package to be fetched; its SHA-256."""
        path = os.path.join(self.packages, "fw")
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        if tool(self.keys[0], str(version), path).returncode != 0:
            raise AssertionError("openscl-sign")
        return hashlib.sha256(content.encode()).hexdigest()

    def create(self, body, version, what):
        """A manager creates something at the NSCL, signed; the status."""
        return self.server.request("POST", f"{self.copies}/{what}", self.signed(body, version, what=what),
                                   {"Content-Type": SIGNED}).status

    def push(self, body, *, what="deviceInfo/deviceLabel", media=SIGNED):
        """A manager writes at the NSCL; the status."""
        return self.server.request("PUT", f"{self.copies}/{what}", body, {"Content-Type": media}).status

    def label(self):
        """What the gateway has."""
        return xml.text(self.device.get(f"{OWN}/deviceInfo").xml(), "deviceLabel")

    def copy(self):
        """What the NSCL says that it has."""
        return xml.text(self.server.get(f"{self.copies}/deviceInfo").xml(), "deviceLabel")

    def refused(self, why):
        """How often for that reason, by its log."""
        return self.node.log().count(f"why={why} ")


def label(text):
    """deviceLabel."""
    return f"<m2m:deviceLabel {xml.NS}>{text}</m2m:deviceLabel>"


def configuration(row, bed):
    """Configuration replaced or rolled back on its way."""
    world = Managed(bed)
    row.ok(world.provider.sees(world.node.scl_id), "the gateway is registered", world.node.log_tail)
    there = wait_for(lambda: world.server.get(f"{world.copies}/deviceInfo").status == 200, 60)
    row.ok(there, "its objects are at the NSCL", world.node.log_tail)
    first, second = world.signed(label("one"), 10), world.signed(label("two"), 11)
    row.equal(world.push(first), 204, "what the provider has signed is taken", world.node.log_tail())
    row.equal((world.label(), world.copy()), ("one", "one"), "and there, here and at the NSCL")
    row.equal(world.push(second), 204, "so is the next")
    attacks(row, world, first, second)
    firmware(row, world)
    world.node.kill()
    world.node.start()
    row.ok(world.provider.sees(world.node.scl_id), "the gateway is back", world.node.log_tail)
    row.ok(wait_for(lambda: world.push(world.signed(label("three"), 12)) == 204, 60), "the next version is taken after kill -9",
           world.node.log_tail)
    row.equal(world.push(second), 403, "the one before is not")
    row.equal(world.label(), "three", "it stays")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Not even that."""


def firmware(row, world):
    """What was described in a signed document is installed, and nothing else."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=world.packages))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"

    def described(name, version, url):
        body = (f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:FwInstance" m2m:id="{name}"><m2m:parametersCollection/>'
                "<m2m:firmwareName>fw</m2m:firmwareName><m2m:firmwareVersion>0</m2m:firmwareVersion>"
                f"<m2m:firmwareURL>{url}</m2m:firmwareURL></m2m:parameters>")
        row.equal(world.create(body, version, "firmware"), 201, f"{name}: a descriptor is taken", world.node.log_tail())
        action = (f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:FirmwareAction" m2m:id="a">'
                  "<m2m:parametersCollection/></m2m:parameters>")
        row.equal(world.server.request("POST", f"{world.copies}/firmware/{name}", action, {"Content-Type": "application/xml"}).status, 403,
                  f"{name}: unsigned actions are refused")
        row.equal(world.create(action, 1, f"firmware/{name}"), 201, f"{name}: its actions")
        return name

    def told(name, outcome):
        status = world.server.get(f"{world.copies}/firmware/{name}").xml()
        return xml.text(status, "action", "").startswith(f"{world.copies}/firmware/{name}/") and xml.text(status, "finalStatus") == outcome

    def installs(name):
        before = world.node.log().count(" what=fwDownloadAndUpdate ")
        answer = world.server.post(f"{world.copies}/firmware/{name}/a/fwDownloadAndUpdate", None)
        row.equal(answer.status, 204, "an installation is asked for", answer)
        wait_for(lambda: world.node.log().count(" what=fwDownloadAndUpdate ") > before, 60)
        # Until it has ended, and until the NSCL is told so, finalStatus is FAILURE.
        outcome = xml.text(world.device.get(f"{OWN}/firmware/{name}").xml(), "finalStatus")
        row.ok(wait_for(lambda: told(name, outcome), 60), f"the NSCL is told how it ended: {outcome}", world.node.log_tail)
        return outcome

    def called():
        try:
            with open(world.calls, encoding="ascii") as file:
                return file.read().split("\n")[:-1]
        except FileNotFoundError:
            return []
    digest = world.package("good", 1)
    bare, pinned = described("bare", 1, f"{origin}/fw"), described("pinned", 2, f"{origin}/fw#sha256={digest}")
    row.equal((installs(bare), called()), ("FAILURE", []), "a package that was not described by its hash is not fetched")
    row.equal(world.server.request("DELETE", f"{world.copies}/firmware/{bare}").status, 403, "it cannot be removed without a signature")
    row.equal(world.device.get(f"{OWN}/firmware/{bare}").status, 200, "and is there")
    world.package("evil", 2)
    row.equal((installs(pinned), called()), ("FAILURE", []), "another package of the same signer, put in its place, is refused")
    world.package("good", 1)
    row.equal((installs(pinned), called()), ("SUCCESS", ["install fw 1 good"]), "the one that was described is installed")
    server.shutdown()
    server.server_close()


def attacks(row, world, first, second):
    """What is refused, and why."""
    def refused(name, why, act):
        before = world.refused(why)
        row.equal(act(), 403, f"{name}: refused")
        row.equal((world.label(), world.copy()), ("two", "two"), f"{name}: what there was stays")
        row.ok(wait_for(lambda: world.refused(why) == before + 1, 20), f"{name}: logged", world.node.log_tail)
    new = label("new")
    refused("unsigned", "unsigned", lambda: world.push(new, media="application/xml"))
    refused("rolled back", "version", lambda: world.push(first))
    refused("the same again", "version", lambda: world.push(second))
    refused("another key", "signature", lambda: world.push(world.signed(new, 20, key=world.others)))
    refused("another version", "signature", lambda: world.push(second.replace(b'"version":11', b'"version":20')))
    swapped = world.signed(new, 20, key=world.others).split(b'"body":')[1].split(b",")[0]
    body = second.split(b'"body":')[1].split(b",")[0]
    refused("another body", "signature", lambda: world.push(
        second.replace(b'"version":11', b'"version":20').replace(body, swapped)))
    other = world.provider.issue("gscl-other").node.hex()
    refused("for another node", "target", lambda: world.push(world.signed(new, 20, who=other)))
    refused("for another object", "target", lambda: world.push(world.signed(new, 20, what="deviceInfo")))
    refused("in clear, at the gateway", "channel", lambda: world.device.request(
        "PUT", f"{OWN}/deviceInfo/deviceLabel", world.signed(new, 20), {"Content-Type": SIGNED}).status)
    refused("unsigned, at the gateway by another spelling", "unsigned", lambda: world.device.request(
        "PUT", "/m2m/scls/%6dgmtObjs/deviceInfo/deviceLabel", new, {"Content-Type": "application/xml"}).status)
    command = (f'<m2m:mgmtCmd {xml.NS} m2m:id="reset"><m2m:cmdType>RESET</m2m:cmdType>'
               "<m2m:execEnable>x</m2m:execEnable><m2m:execReqArgs/></m2m:mgmtCmd>")
    refused("an unsigned command", "unsigned", lambda: world.device.request(
        "POST", OWN, command, {"Content-Type": "application/xml"}).status)
    refused("removed", "unsigned", lambda: world.device.request("DELETE", f"{OWN}/deviceInfo/deviceLabel").status)
    with open(world.bed.path("document"), "wb") as file:
        file.write(second)
    row.equal(tool("verify-config", world.keys[1], world.bed.path("document")).returncode, 0, "the command knows what is signed")
    row.equal(tool("verify-config", world.others[1], world.bed.path("document")).returncode, 1, "and what is not")


TABLE = {
    42: false_triggers,
    45: claims,
    46: too_much,
    47: outside,
    48: configuration,
}

if __name__ == "__main__":
    rows.run(TABLE, __doc__)
