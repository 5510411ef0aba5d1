#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Places of nodes: a node that has moved, or says so, is told of and dealt with as its policy says."""

import json
import socket
import sys
import threading
import time

from lib import rows, xml
from lib.bed import pick_port, wait_for
from lib.m2mkeys import unb64u
from lib.notices import Receiver
from lib.psk import Refused
from lib.report import run
from lib.secure import APP, JSON, Node, Provider, registration

HOME, AWAY = "127.0.0.2", "127.0.0.3"       # where connections of a node come from
MUNICH, BERLIN = {"lat": 48.137154, "lon": 11.576124}, {"lat": 52.520008, "lon": 13.404954}
LOCATION = {"Content-Type": JSON}
HOLD = 1.0
TABLE = {}


def threat(number):
    """Puts the function into the table of rows."""
    def add(function):
        TABLE[number] = function
        return function
    return add


class Way:
    """How a node reaches its NSCL: a relay whose connections come from an address that can change."""

    def __init__(self, to, source=HOME):
        self.to, self.source, self.pairs, self.ended = to, source, [], False
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while not self.ended:
            try:
                near, _ = self.listening.accept()
                far = socket.create_connection(("127.0.0.1", self.to), source_address=(self.source, 0))
            except OSError:
                continue
            self.pairs += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    @staticmethod
    def _pass(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def move(self, source):
        """Connections come from there from now on; those that there are end."""
        self.source = source
        for end in self.pairs:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.pairs.clear()

    def close(self):
        """Ends it."""
        self.ended = True
        self.move(self.source)
        self.listening.close()


class World:
    """A provider that watches places, and who is told of alarms."""

    def __init__(self, bed, **settings):
        self.bed = bed
        self.provider = Provider(bed, tapped=Way, settings={"geo": {"enabled": True, "hold": f"{HOLD:.0f} s", "access_right": xml.RIGHT},
                                                "trigger": {"enabled": True, "rate": 200, "networks": ["127.0.0.0/8"]}, **settings})
        self.provider.set("trigger", contact=f"https://localhost:{self.provider.tap.port}")
        self.provider.start()
        self.server = bed.add(Receiver())

    def policy(self, node, action="warn", **more):
        """Says where the node may be."""
        return self.provider.administer("PUT", f"/nodes/{node.hex()}/location", {"policy": action, **more})

    def place(self, node):
        """What is known of it."""
        return self.provider.administer("GET", f"/nodes/{node.hex()}/location")

    def alarm(self, node, want, timeout=60):
        """Waits until its alarm is that; True then."""
        return wait_for(lambda: self.place(node)["alarm"] == want, timeout)

    def clear(self, node):
        """An administrator ends the alarm."""
        self.provider.administer("POST", f"/nodes/{node.hex()}/location/clear")

    def count(self, name):
        """A counter."""
        return self.provider.administer("GET", "/counters").get(name, 0)

    def listen(self, scl_id):
        """The MTC server is told of security events of that scl from now on."""
        notices, client = self.server.open(), self.provider.client(APP)
        path = f"/m2m/scls/{scl_id}/containers"
        made = client.post(path, xml.container("securityEvents", nr=100))
        assert made.status in (201, 409), made
        made = client.post(f"{path}/securityEvents/contentInstances/subscriptions", xml.subscription(notices.url))
        assert made.status == 201, made
        client.close()
        return notices

    def events(self, scl_id):
        """The security events of that scl, oldest first."""
        client = self.provider.client(APP)
        path = f"/m2m/scls/{scl_id}/containers/securityEvents/contentInstances"
        try:
            listed = client.get(path)
            if listed.status != 200:
                return []
            return [json.loads(client.get(f"{path}/{name}/content").body) for name, _ in xml.instances(listed.xml())]
        finally:
            client.close()


class Played:
    """A node that the test plays: its session can come from elsewhere."""

    def __init__(self, world, scl_id):
        self.world, self.scl_id, self.base = world, scl_id, f"https://{scl_id}:1/m2m"
        self.kmr = world.provider.issue(scl_id)
        self.id, self.session, self.connection, self.source = self.kmr.node, None, None, HOME
        self.at(HOME)

    def at(self, source):
        """A new connection, from there."""
        self.leave()
        self.source = source
        if self.connection is None:
            self.connection = self.world.provider.connected(self.kmr, self.scl_id)
        self.session = self.world.provider.session_b(self.connection, more=("-bind", f"{source}:0"))
        return self

    def leave(self):
        """Ends its session."""
        if self.session:
            self.session.close()
        self.session = None

    def ask(self, method="GET", path="", body="", headers=None):
        """A request in its own name; what is refused before its body was read ends a connection."""
        lines = {"From": self.base, **(headers or {})}
        answer = self.session.request(method, path or f"/m2m/scls/{self.scl_id}", body, lines)
        if answer.status == 0:
            answer = self.at(self.source).session.request(method, path or f"/m2m/scls/{self.scl_id}", body, lines)
        return answer

    def register(self):
        """POST scls."""
        return self.ask("POST", "/m2m/scls", registration(self.scl_id, self.base))

    def reports(self, **document):
        """It says where it is."""
        path = f"/m2m/scls/{self.scl_id}/containers"
        self.ask("POST", path, xml.container("location", nr=10))
        return self.ask("POST", f"{path}/location/contentInstances", json.dumps(document), LOCATION)


# ---- the row of the table ----

@threat(44)
def moved(row, bed):
    """A node that registers from elsewhere, or through another gateway, is told of, once."""
    world = World(bed)
    device = Node(bed, "dscl", world.provider, name="dscl-1")
    kmr = world.provider.issue(device.scl_id)
    device.provide(kmr)
    node = kmr.node
    world.policy(node, attachments=[{"source": HOME}, {"gateway": "gscl-1.example.org"}])
    device.start()
    row.ok(world.provider.sees(device.scl_id), "the device is registered from home", device.log_tail)
    notices = world.listen(device.scl_id)
    row.equal(world.place(node)["alarm"], [], "and that is no alarm")
    world.provider.tap.move(AWAY)
    device.kill()
    device.start()
    row.ok(notices.wait_until(lambda got: len(got) >= 1, 60), "the MTC server is notified that it has moved",
           lambda: (world.place(node), device.log_tail()))
    row.ok(world.alarm(node, ["attachment"]), "the alarm is there", lambda: world.place(node))
    events = world.events(device.scl_id)
    row.ok(len(events) == 1 and events[0]["event"] == "GEO_ALARM" and events[0]["source"] == AWAY, "the event says where", events)
    row.ok(world.provider.sees(device.scl_id), "a warning alone changes nothing for it")
    row.equal(len(world.events(device.scl_id)), 1, "one event, whatever it asks meanwhile")
    through_gateways(row, bed, world, device, node)


def through_gateways(row, bed, world, device, node):
    """The same device as application of a gateway, then of another."""
    gateways = []
    for name in ("gscl-1", "gscl-2"):
        gateway = Node(bed, "gscl", world.provider, name=name)
        gateway.provide(world.provider.issue(gateway.scl_id))
        gateway.start()
        row.ok(world.provider.sees(gateway.scl_id), f"{name} is registered", gateway.log_tail)
        gateways.append(gateway)
    world.provider.tap.move(HOME)
    device.kill()
    device.start()
    row.ok(wait_for(lambda: world.place(node)["seen"].get("source") == HOME, 60), "the device is at home again")
    world.clear(node)
    names = [gateway.scl_id for gateway in gateways]
    for gateway, alarm in zip(gateways, ([], ["attachment"])):
        client = gateway.client("http://127.0.0.1/local")
        body = xml.application(node.hex()).replace("</m2m:application>", "<m2m:announceTo><m2m:activated>true</m2m:activated>"
                                                   f"<m2m:sclList><reference>{world.provider.mid_base}</reference></m2m:sclList>"
                                                   "</m2m:announceTo></m2m:application>")
        made = client.post("/m2m/applications", body)
        row.equal(made.status, 201, f"the device is an application of {gateway.name}", made)
        row.ok(wait_for(lambda g=gateway: world.place(node)["seen"].get("gateway") == g.scl_id, 60),
               f"the network sees it at {gateway.name}", lambda: world.place(node))
        row.ok(world.alarm(node, alarm), f"registration through {gateway.name}: {alarm or 'no alarm'}", lambda: world.place(node))
        client.close()
    row.ok(wait_for(lambda: [e for e in world.events("dscl-1.example.org") if e.get("gateway") == names[1]], 60),
           "registration through another gateway raises a notification", lambda: world.events("dscl-1.example.org"))


# ---- beside the table ----

def restricted(row, bed):
    """restrict: all but reports is refused; who is home again goes on after a while"""
    world = World(bed)
    node = Played(world, "played-1")
    world.policy(node.id, "restrict", attachments=[{"source": HOME}], circles=[{**MUNICH, "radius": 5000}])
    row.equal(node.register().status, 201, "it registers from home")
    row.equal(node.reports(**MUNICH, accuracy=10).status, 201, "it reports its place")
    row.ok(wait_for(lambda: world.count("geo_reports") == 1, 60), "which is read once", lambda: world.count("geo_reports"))
    row.equal(node.ask().status, 200, "at home all is served")
    node.at(AWAY)
    nonce = "00112233445566778899aabbccddeeff"
    refused = node.ask(headers={"X-M2M-Nonce": nonce})
    row.ok(refused.status == 403 and b"GEO_RESTRICTED" in refused.body, "away it is refused", refused)
    row.equal(verdict(refused)[:2], (3, node.id), "by a signed verdict: not here")
    for _ in range(5):
        row.equal(node.ask("PUT", body=registration(node.scl_id, node.base)).status, 403, "so is whatever else it asks")
    row.equal(node.reports(**MUNICH, accuracy=10).status, 201, "but for a report of its place")
    row.ok(wait_for(lambda: len(world.events(node.scl_id)) == 1, 60), "one event for all of it", lambda: world.events(node.scl_id))
    row.ok(wait_for(lambda: world.count("geo_reports") == 2, 60), "the report is read")
    row.equal(world.place(node.id)["alarm"], ["attachment"], "and ends no alarm, although it says that all is well")
    row.equal(world.count("geo_alarm{reason=attachment}"), 1, "one alarm is counted")
    row.ok(world.count("geo_restricted") >= 6, "refusals are counted", world.count("geo_restricted"))
    world.provider.stop()
    world.provider.start()
    row.equal(world.place(node.id)["alarm"], ["attachment"], "it outlives a restart of the NSCL")
    node.at(AWAY)
    row.equal(node.ask().status, 403, "and so does what follows from it")
    node.at(HOME)
    row.equal(node.ask().status, 403, "at home again it is not trusted at once")
    row.ok(wait_for(lambda: node.ask().status == 200, 60), "but after a while")
    row.ok(wait_for(lambda: [e["state"] for e in world.events(node.scl_id)] == ["raised", "cleared"], 60), "events tell both",
           lambda: world.events(node.scl_id))
    node.leave()


def ended(row, bed):
    """end: the session is cut, and what comes after it refused"""
    world = World(bed)
    node = Played(world, "played-1")
    row.equal(node.register().status, 201, "it registers")
    world.policy(node.id, "end", attachments=[{"source": HOME}])
    at_home = world.provider.session_b(node.connection, more=("-bind", f"{HOME}:0"))
    row.equal(at_home.request("GET", "/m2m", b"", {"From": node.base}).status, 200, "a session from home")
    node.at(AWAY)
    refused = node.ask(headers={"X-M2M-Nonce": "00112233445566778899aabbccddeeff"})
    row.ok(refused.status == 403 and b"GEO_ENDED" in refused.body, "a request from elsewhere is refused", refused)
    row.equal(verdict(refused)[0], 3, "by a signed verdict")
    row.equal((refused.header("Connection") or "").lower(), "close", "and closes the connection")
    row.ok(at_home.is_closed(30), "the other session of the node is cut")
    at_home.close()
    row.ok(wait_for(lambda: refused_again(node), 30), "what comes later is refused")
    world.clear(node.id)
    row.ok(wait_for(lambda: served_at(node, HOME), 60), "when an administrator ends it, it may go on at home")
    node.leave()


def refused_again(node):
    """A new session is served nothing."""
    try:
        return node.at(AWAY).ask().status == 403
    except (OSError, Refused):
        return False


def served_at(node, source):
    """A new session from there is served."""
    try:
        return node.at(source).ask().status == 200
    except (OSError, Refused):
        return False


def reported(row, bed):
    """Reports: they raise alarms, and end none; what disagrees with the network is one"""
    world = World(bed)
    node = Played(world, "played-1")
    node.register()
    world.policy(node.id, attachments=[{"source": source, **MUNICH, "radius": 30000} for source in (HOME, AWAY)],
                 circles=[{**MUNICH, "radius": 5000}, {**BERLIN, "radius": 5000}])
    node.reports(**MUNICH)
    row.ok(wait_for(lambda: "report" in world.place(node.id), 60), "a report is taken", lambda: world.place(node.id))
    row.equal(world.place(node.id)["alarm"], [], "it may be there")
    node.reports(**BERLIN)
    row.ok(world.alarm(node.id, ["disagreement"]), "it may be there too, but the network sees it elsewhere",
           lambda: world.place(node.id))
    node.reports(lat=50.0, lon=10.0)
    row.ok(world.alarm(node.id, ["area", "disagreement"]), "there it may not be", lambda: world.place(node.id))
    before = world.count("geo_reports")
    node.reports(**MUNICH, accuracy=1)
    row.ok(wait_for(lambda: world.count("geo_reports") > before, 60), "it says that it is home again")
    end, served = time.monotonic() + 3 * HOLD, set()
    while time.monotonic() < end:
        served.add(node.ask().status)
    row.ok(200 in served and 403 not in served, "a warning refuses nothing", served)
    row.equal(world.place(node.id)["alarm"], ["area", "disagreement"], "that ends no alarm, however long it says so")
    node.at(AWAY)
    row.ok(wait_for(lambda: node.ask().status == 200 and not world.place(node.id)["alarm"], 60),
           "the network ends it when it sees it arrive at another place where it may be", lambda: world.place(node.id))
    bad = world.count("geo_reports_bad")
    for body in ("x", "{}", '{"lat":91,"lon":0}', '{"lat":1}', '{"lat":"1","lon":"1"}', "[" * 2000, "{" + " " * 5000 + "}"):
        node.ask("POST", f"/m2m/scls/{node.scl_id}/containers/location/contentInstances", body, LOCATION)
        bad += 1
        row.ok(wait_for(lambda n=bad: world.count("geo_reports_bad") == n, 60), f"no report: {body[:24]}",
               lambda: world.count("geo_reports_bad"))
    row.equal(world.place(node.id)["alarm"], [], "what is no report changes nothing")
    node.leave()


def ways(row, bed):
    """Each way of seeing a node has its own last value and its own alarm"""
    world = World(bed)
    node = Played(world, "played-1")
    node.register()
    world.policy(node.id, attachments=[{"source": HOME}, {"gateway": "g1", **MUNICH, "radius": 30000}, {"cell": "c1"}])
    path = f"/nodes/{node.id.hex()}/location/seen"
    world.provider.administer("POST", path, {"gateway": "g2"})
    row.ok(world.alarm(node.id, ["attachment"]), "it is at another gateway", lambda: world.place(node.id))
    row.equal(world.place(node.id)["ways"], ["gateway"], "and it is told by which way that is seen")
    end, served = time.monotonic() + 3 * HOLD, set()
    while time.monotonic() < end:
        served.add(node.ask().status)
    row.ok(200 in served and world.place(node.id)["ways"] == ["gateway"], "its address, which is right, does not hide that", (served, world.place(node.id)))
    world.provider.administer("POST", path, {"cell": "c1"})
    row.equal(world.place(node.id)["ways"], ["gateway"], "nor does its cell")
    world.provider.administer("POST", path, {"cell": "c2"})
    row.equal(world.place(node.id)["ways"], ["gateway", "cell"], "another cell is an alarm beside it")
    world.provider.administer("POST", path, {"gateway": "g1"})
    row.equal(world.place(node.id)["ways"], ["cell"], "at its gateway again, its cell is wrong still")
    world.provider.administer("POST", path, {"cell": "c1"})
    row.equal(world.place(node.id)["alarm"], [], "until that is right too")
    row.ok(wait_for(lambda: len(world.events(node.scl_id)) == 4, 60), "each change is told", lambda: world.events(node.scl_id))
    row.equal([(e["state"], e["ways"]) for e in world.events(node.scl_id)],
              [("raised", ["gateway"]), ("raised", ["cell"]), ("cleared", ["gateway"]), ("cleared", ["cell"])], "with its way, in order")
    node.ask()
    node.reports(**BERLIN)
    row.ok(world.alarm(node.id, ["disagreement"]), "a report is held against its gateway, although its address was seen later",
           lambda: world.place(node.id))
    row.equal(world.place(node.id)["last"], "source", "which is told")
    world.provider.administer("POST", path, {"gateway": "g1", "cell": "c2"})
    row.equal(world.place(node.id)["alarm"], ["attachment", "disagreement"], "the access network ends that only if all of its word is right")
    world.provider.administer("POST", path, {"gateway": "g1", "cell": "c1"})
    row.equal(world.place(node.id)["alarm"], [], "as it is then")
    node.leave()


def ordered(row, bed):
    """Events come in the order in which they happened, whatever has to be tried again; too many are told in sum"""
    world = World(bed)
    node = Played(world, "played-1")
    world.policy(node.id, attachments=[{"cell": "c1"}])
    path = f"/nodes/{node.id.hex()}/location/seen"
    world.provider.administer("POST", path, {"cell": "away"})
    row.equal(world.place(node.id)["alarm"], ["attachment"], "an alarm before it has an scl")
    row.equal(node.register().status, 201, "it registers")
    world.provider.administer("POST", path, {"cell": "c1"})
    row.ok(wait_for(lambda: len(world.events(node.scl_id)) == 2, 60), "both events are there", lambda: world.events(node.scl_id))
    row.equal([e["state"] for e in world.events(node.scl_id)], ["raised", "cleared"], "that which had to wait is the first")
    row.equal(node.ask("DELETE").status, 204, "its scl is gone")
    before = world.count("geo_events_lost")
    for number in range(13):
        world.provider.administer("POST", path, {"cell": f"away-{number}"})
        if number < 12:
            world.provider.administer("POST", path, {"cell": "c1"})
    row.equal(world.count("geo_events_lost") - before, 17, "of 25 events that nobody can take 8 are kept")
    row.equal(node.register().status, 201, "it registers again")
    row.ok(wait_for(lambda: len(world.events(node.scl_id)) == 9, 60), "they are stored, and one more",
           lambda: world.events(node.scl_id))
    events = world.events(node.scl_id)
    row.equal([e["cell"] for e in events], ["away-0", "c1", "away-1", "c1", "away-2", "c1", "away-3", "c1", "away-12"], "in order")
    row.equal((events[8]["state"], events[8]["by"], events[8]["reasons"]), ("raised", "nscl", ["attachment"]),
              "the last one tells how things are after what was lost")
    client = world.provider.client(APP)
    events_path = f"/m2m/scls/{node.scl_id}/containers/securityEvents"
    row.equal(client.request("DELETE", events_path).status, 204, "the container is removed")
    client.close()
    world.provider.administer("POST", path, {"cell": "c1"})
    row.ok(wait_for(lambda: [e["state"] for e in world.events(node.scl_id)] == ["cleared"], 60), "and made again for the next event",
           lambda: world.events(node.scl_id))
    node.ask("DELETE")
    world.provider.administer("POST", path, {"cell": "away"})
    world.provider.stop()
    world.provider.start()
    node.at(HOME)
    row.equal(node.register().status, 201, "it registers after the NSCL was restarted")
    row.ok(wait_for(lambda: [(e["state"], e["by"], e["reasons"]) for e in world.events(node.scl_id)] == [("raised", "nscl", ["attachment"])],
                    60), "and what was not told is", lambda: world.events(node.scl_id))
    node.leave()


def judged(row, bed):
    """Another policy is judged at once by what is known, without any request of the node"""
    world = World(bed)
    node = Played(world, "played-1")
    node.register()
    world.policy(node.id)
    row.equal(node.ask().status, 200, "the network sees it at home")
    node.reports(**BERLIN)
    row.ok(wait_for(lambda: "report" in world.place(node.id), 60), "it has reported its place")
    world.policy(node.id, attachments=[{"source": AWAY}])
    row.equal(world.place(node.id)["alarm"], ["attachment"], "an alarm when it is no more to be there")
    world.policy(node.id, attachments=[{"source": HOME}])
    row.equal(world.place(node.id)["alarm"], [], "none when it may be there after all")
    world.policy(node.id, attachments=[{"source": AWAY}])
    world.policy(node.id)
    row.equal(world.place(node.id)["alarm"], [], "none when nothing is asked of it")
    world.policy(node.id, circles=[{**MUNICH, "radius": 5000}])
    row.equal(world.place(node.id)["alarm"], ["area"], "its last report counts too")
    world.policy(node.id, circles=[{**BERLIN, "radius": 5000}])
    row.equal(world.place(node.id)["alarm"], ["area"], "but to raise, not to clear")
    world.policy(node.id, "restrict", circles=[{**BERLIN, "radius": 5000}])
    refused = node.ask()
    row.ok(refused.status == 403 and b"GEO_RESTRICTED" in refused.body, "what policy says of an alarm that is there counts", refused)
    session = world.provider.session_b(node.connection, more=("-bind", f"{HOME}:0"))
    row.equal(session.request("GET", "/m2m", b"", {"From": node.base}).status, 403, "for each of its sessions")
    world.policy(node.id, "end", circles=[{**BERLIN, "radius": 5000}])
    row.ok(session.is_closed(30), "which policy end cuts, although the alarm is old")
    session.close()
    row.equal(world.provider.admin("DELETE", f"/nodes/{node.id.hex()}/location").status, 204, "it is watched no more")
    row.ok(wait_for(lambda: served_at(node, HOME), 60), "and served again")
    row.ok(wait_for(lambda: len(world.events(node.scl_id)) == 6, 60), "all of it is told", lambda: world.events(node.scl_id))
    row.equal([(e["state"], e["reasons"]) for e in world.events(node.scl_id)],
              [("raised", ["attachment"]), ("cleared", ["attachment"])] * 2 + [("raised", ["area"]), ("cleared", ["area"])],
              "also that the watch has ended the alarm")
    node.leave()


def named(row, bed):
    """What an scl says by locationContainer and by locTargetDevice are reports"""
    world = World(bed)
    node = Played(world, "played-1")
    world.policy(node.id, circles=[{**MUNICH, "radius": 5000}], locTargetDevice="tel:+1")
    scl, path = f"/m2m/scls/{node.scl_id}", f"/m2m/scls/{node.scl_id}/containers"

    def with_target(text):
        return registration(node.scl_id, node.base).replace("<m2m:mgmtProtocolType>", f"<m2m:locTargetDevice>{text}"
                                                            "</m2m:locTargetDevice><m2m:mgmtProtocolType>")
    row.equal(node.ask("POST", "/m2m/scls", with_target("tel:+1")).status, 201, "it registers with its locTargetDevice")
    place = world.place(node.id)
    row.equal((place["alarm"], place.get("locTargetDevice")), ([], "tel:+1"), "which it may have")
    made = node.ask("POST", path, xml.container("location", nr=10).replace("m2m:container ", "m2m:locationContainer ", 1)
                    .replace("</m2m:container>", "<m2m:locationContainerType>APPLICATION_GENERATED</m2m:locationContainerType>"
                             "</m2m:locationContainer>"))
    row.equal(made.status, 201, "its reports go to a locationContainer", made)
    node.ask("POST", f"{path}/location/contentInstances", json.dumps(BERLIN), LOCATION)
    row.ok(world.alarm(node.id, ["area"]), "what is there is read", lambda: world.place(node.id))
    world.clear(node.id)
    for text in ("tel:+2", "<msisdn>+3</msisdn>"):
        node.ask("PUT", body=with_target(text).replace(f' sclId="{node.scl_id}"', "").replace(
            f"<m2m:link>{node.base}</m2m:link>", "").replace("<m2m:sclType>GSCL</m2m:sclType>", ""))
        row.equal(world.place(node.id)["alarm"], ["target"], f"another device is to be located for it: {text}")
        world.clear(node.id)
    put = node.ask("PUT", f"{scl}/locTargetDevice", f"<m2m:locTargetDevice {xml.NS}>tel:+2</m2m:locTargetDevice>")
    row.ok(put.status in (200, 204) and world.place(node.id)["alarm"] == ["target"], "also by the attribute alone", put)
    node.ask("PUT", f"{scl}/locTargetDevice", f"<m2m:locTargetDevice {xml.NS}>tel:+1</m2m:locTargetDevice>")
    row.equal(world.place(node.id)["alarm"], ["target"], "to say the right one again ends nothing")
    world.clear(node.id)
    world.policy(node.id, "restrict", locTargetDevice="tel:+1")
    refused = node.ask("PUT", f"{scl}/locTargetDevice", json.dumps({"locTargetDevice": "tel:+2"}), LOCATION)
    row.ok(refused.status == 403 and b"GEO_RESTRICTED" in refused.body, "who is restricted for it does not get it stored", refused)
    world.policy(node.id, "restrict", locTargetDevice="tel:+2")
    row.equal(node.ask("GET", f"{scl}/locTargetDevice").body.count(b"tel:+1"), 1, "an administrator who allows it ends the alarm")
    row.ok(wait_for(lambda: [e["reasons"] for e in world.events(node.scl_id) if e["state"] == "raised"] ==
                    [["area"]] + [["target"]] * 4, 60), "each is told", lambda: world.events(node.scl_id))
    node.leave()


def asked(row, bed):
    """A trigger asks a device for its place, and it answers with what its location container has"""
    world, port = World(bed), pick_port()
    device = Node(bed, "dscl", world.provider, name="dscl-1", settings={
        "geo": {"source": "/m2m/applications/gps/containers/where"},
        "trigger": {"enabled": True, "listen": f"127.0.0.1:{port}", "max": 60}})
    kmr = world.provider.issue(device.scl_id)
    device.provide(kmr).start()
    row.ok(world.provider.sees(device.scl_id), "registered", device.log_tail)
    world.policy(kmr.node, circles=[{**MUNICH, "radius": 5000}])
    client = device.client("http://127.0.0.1/local")
    client.create("/m2m/applications", xml.application("gps"))
    made = client.post("/m2m/applications/gps/containers",
                       xml.container("where", nr=3).replace("m2m:container ", "m2m:locationContainer ", 1)
                       .replace("</m2m:container>", "<m2m:locationContainerType>APPLICATION_GENERATED"
                                "</m2m:locationContainerType></m2m:locationContainer>"))
    row.equal(made.status, 201, "its location container", made)
    client.request("POST", "/m2m/applications/gps/containers/where/contentInstances", json.dumps(BERLIN), LOCATION)
    sent = world.provider.admin("POST", f"/scls/{device.scl_id}/trigger", {"reason": "locate"})
    row.equal(sent.status, 202, "it is asked", sent)
    row.ok(world.alarm(kmr.node, ["area"]), "its report is there, and an alarm", lambda: (world.place(kmr.node), device.log_tail()))
    row.ok("location-reported" in device.log(), "the device has logged it", device.log_tail)
    client.close()


def administration(row, bed):
    """What is no policy, no node and no place is refused; a list; an end"""
    world = World(bed)
    node = world.provider.issue("played-1").node.hex()
    ok = {"policy": "warn"}
    wrong = [{}, {"policy": "kill"}, {**ok, "more": 1}, {**ok, "circles": [{}]}, {**ok, "circles": {}}, {**ok, "direct": 1},
             {**ok, "circles": [{"lat": 90.000001, "lon": 0, "radius": 1}]}, {**ok, "circles": [{**MUNICH, "radius": 0}]},
             {**ok, "circles": [{**MUNICH, "radius": 30000000}]}, {**ok, "circles": [{**MUNICH, "radius": 1}] * 17},
             {**ok, "attachments": [{"source": "1.2.3.4/33"}]}, {**ok, "attachments": [{}]},
             {**ok, "attachments": [{"gateway": "a", "cell": "b"}]}, {**ok, "attachments": [{"gateway": "a", "radius": 1}]},
             {**ok, "attachments": [{"cell": "x" * 65}]}, {**ok, "container": "a/b"}, {**ok, "container": "a?b"},
             {**ok, "container": ""}, {**ok, "locTargetDevice": ""}, [], "x", 1]
    for document in wrong:
        answer = world.provider.admin("PUT", f"/nodes/{node}/location", document)
        row.equal(answer.status, 400, f"no policy: {json.dumps(document)[:60]}", answer)
    path = f"/nodes/{node}/location"
    for method, where, body, status in (("GET", path, None, 404), ("DELETE", path, None, 404), ("POST", f"{path}/clear", None, 404),
                                        ("POST", f"{path}/seen", {"cell": "1"}, 404), ("PUT", "/nodes/xyz/location", ok, 400),
                                        ("PUT", path, ok, 201), ("PUT", path, {**ok, "attachments": [{"cell": "1"}]}, 204),
                                        ("POST", f"{path}/seen", {}, 400), ("POST", f"{path}/seen", {"cell": 1}, 400),
                                        ("POST", f"{path}/seen", {"cell": "2"}, 204), ("POST", path, None, 405)):
        answer = world.provider.admin(method, where, body)
        row.equal(answer.status, status, f"{method} {where} {body}", answer)
    row.equal(world.place(bytes.fromhex(node))["alarm"], ["attachment"], "the access network has seen it elsewhere")
    listed = world.provider.administer("GET", "/locations")["nodes"]
    row.ok([n["nodeId"] for n in listed] == [node] and listed[0]["alarm"] == ["attachment"], "it is in the list", listed)
    world.provider.administer("POST", f"{path}/seen", {"cell": "1"})
    row.equal(world.place(bytes.fromhex(node))["alarm"], [], "and here again: what the network says ends an alarm")
    row.equal(world.provider.admin("GET", path, token="wrong").status, 401, "nobody else is told where a node is")
    row.equal(world.provider.admin("DELETE", path).status, 204, "it is watched no more")
    row.equal(world.provider.admin("GET", path).status, 404, "nothing is left of it")


def verdict(answer):
    """(cause, node id, nonce) of the signed verdict in an answer."""
    octets = unb64u(answer.header("X-M2M-Reject") or "")
    return (octets[4], octets[8:24], octets[24:40]) if octets[:4] == b"MRJ1" else (None, None, None)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        rows.run(TABLE, __doc__)
    run(*(part for part in (moved, restricted, ended, reported, ways, ordered, judged, named, asked, administration)))
