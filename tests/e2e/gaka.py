#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Group AKA with nothing played: nscl with the MAS, gscl as the serving network, three dscl as leader and members."""

import json

from lib import gakasn as sn
from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.client import Client
from lib.secure import APP, Node


class Device(Node):
    """A dscl that attaches to the gateway."""

    def __init__(self, bed, provider, gateway, name, **more):
        settings = {"gaka": {"enabled": True, "gateway": f"https://127.0.0.1:{gateway.psk_port}/m2m",
                             "attach": f"http://127.0.0.1:{gateway.port}/m2m", "retry_first": "100 ms", "retry_max": "1 s",
                             "keys_interval": "1 s", "check_interval": "300 ms", **more}}
        super().__init__(bed, "dscl", provider, name=name, settings=settings)
        self.kmr = provider.issue(self.scl_id)
        self.provide(self.kmr)

    def status(self):
        """What it says of group authentication."""
        client = Client("127.0.0.1", self.port, None)
        try:
            answer = client.request("GET", "/m2m/gaka", None, {"Accept": "application/json"})
            return json.loads(answer.body) if answer.status == 200 else {"state": answer.status}
        except OSError:
            return {"state": None}
        finally:
            client.close()

    def attached(self, more=lambda s: True, timeout=60):
        """Waits until it is, and so; its status, or None."""
        return wait_for(lambda: (s := self.status())["state"] == "attached" and more(s) and s, timeout) or None

    def speaks(self):
        """The gateway answers it under the key, once more."""
        def checked():
            return self.status().get("counters", {}).get("gaka_checked", 0)
        before = checked()
        return wait_for(lambda: checked() > before, 20)


class Scene:
    """All of them, in one group."""

    def __init__(self, bed, n=3, **more):
        self.provider = sn.provider_of(bed).start()
        self.gateway = sn.Gateway(bed, self.provider)
        if not self.gateway.reaches():
            raise AssertionError(f"the gateway does not register: {bed.logs()}")
        self.devices = [Device(bed, self.provider, self.gateway, f"dev-{i}", **more) for i in range(n)]
        self.gid = sn.group(self.provider, [d.kmr for d in self.devices], [self.gateway.scl_id])

    def attach_all(self):
        """In their order; how."""
        return [(d.start().attached() or {}).get("role") for d in self.devices]


def together(report, bed):
    """a leader and members; requests under what they have agreed on; another key; one leaves"""
    scene = Scene(bed)
    before = sn.asked(scene.provider)
    roles = scene.attach_all()
    report.equal(roles, ["leader", "member", "member"], "the first leads, the others are members", bed.logs)
    spent = [now - then for now, then in zip(sn.asked(scene.provider), before, strict=True)]
    report.equal(spent, [3 + 1, 3 + 1, 68, 142 + 2 * 56], "one question to the home network, besides three service connections")
    report.equal(sn.status(scene.gateway)["sessions"], 3, "the gateway has three keys")
    for device in scene.devices:
        report.ok(device.speaks(), f"{device.name}: a request to the gateway is answered", device.log_tail())
    status = scene.devices[1].status()
    report.ok("expires" in status and status["counters"]["gaka_attached{role=member}"] >= 1, "its end is known", status)
    scene.provider.administer("POST", f"/groups/{scene.gid.hex()}/rekey")
    epochs = wait_for(lambda: [d.status()["groups"][0]["epoch"] for d in scene.devices] == [2, 2, 2])
    report.ok(epochs, "another key of the group gets to all")
    last = scene.devices[2]
    last.stop()
    last.start()
    report.ok(last.attached() and last.speaks(), "and they attach by it", last.log_tail())
    gone = scene.devices[1]
    scene.provider.administer("DELETE", f"/groups/{scene.gid.hex()}/members/{gone.kmr.node.hex()}")
    report.ok(wait_for(lambda: gone.status()["state"] == "idle"), "who has left is not attached any more", gone.status())
    report.ok(wait_for(lambda: sn.status(scene.gateway)["sessions"] == 2, 20), "nor has the gateway a key for it",
              lambda: sn.status(scene.gateway))
    report.ok(scene.devices[0].attached() and scene.devices[0].speaks() and last.attached() and last.speaks(), "the others are")


class Meter:
    """An application of a device, which asks the gateway for things."""

    def __init__(self, device, gateway):
        self.name = device.kmr.node.hex()       # of the device, at the gateway
        self.base = f"https://127.0.0.1:{gateway.psk_port}/m2m"
        self.client = Client("127.0.0.1", device.port, f"{device.base}/applications/meter")

    def ask(self, method, path, body=None, who=None):
        """By way of its device."""
        return self.client.request(method, self.base + path, body, {"From": who} if who else None)


def applications(report, bed):
    """what an application of a device asks the gateway for goes by the device's session, in its name; nobody else's does"""
    scene = Scene(bed, 2, check_interval="1 h")
    scene.attach_all()
    device, other = scene.devices
    meter = Meter(device, scene.gateway)
    place = f"/applications/{meter.name}/containers"
    report.equal(meter.ask("POST", "/applications", xml.application(meter.name)).status, 201, "it registers as its device", device.log_tail())
    report.equal(meter.ask("POST", place, xml.container("c")).status, 201, "makes a container")
    report.equal(meter.ask("POST", f"{place}/c/contentInstances", xml.instance("21.5")).status, 201, "and an instance in it")
    got = meter.ask("GET", f"{place}/c/contentInstances/latest")
    report.ok(got.status == 200 and b"21.5" in got.body, "reads it again", got)
    there = Client("127.0.0.1", scene.gateway.port, APP).get(f"/m2m{place}/c/contentInstances/latest/content")
    report.ok(there.status == 200 and b"21.5" in there.body, "it is at the gateway", there)
    stranger = meter.ask("GET", place, who="http://127.0.0.1/stranger")
    report.ok(stranger.status in (403, 404), "who is no application of the device is not let in by its session", stranger)
    own = Meter(other, scene.gateway).ask("DELETE", place + "/c", who=f"{device.base}/applications/meter")
    report.ok(own.status in (403, 404), "another device is another application, whatever name it gives", own)
    report.equal(Meter(other, scene.gateway).ask("POST", "/applications", xml.application(meter.name)).status in (403, 409), True,
                 "and cannot register as the first one")
    scene.provider.administer("DELETE", f"/groups/{scene.gid.hex()}/members/{device.kmr.node.hex()}")
    report.ok(wait_for(lambda: sn.status(scene.gateway)["sessions"] == 1, 20), "it leaves its group", lambda: sn.status(scene.gateway))
    report.ok(meter.ask("GET", place).status in (403, 503), "its next request is refused", device.log_tail())
    report.ok(wait_for(lambda: device.status()["state"] == "idle"), "it finds out", device.status())
    gone = meter.ask("GET", place)
    report.ok(gone.status == 503 and b"no session" in gone.body, "no session any more: 503, and nothing by another way", gone)
    report.equal(Meter(other, scene.gateway).ask("GET", "/applications").status, 200, "the other one has its own")
    scene.gateway.kill()
    scene.gateway.start()
    lost = Meter(other, scene.gateway).ask("GET", "/applications")
    report.ok(lost.status == 503 and b"session of this node" in lost.body, "a gateway that has lost its keys: 503 before the device finds out", lost)


def killed(report, bed):
    """kill -9 of each: all attach again by themselves"""
    scene = Scene(bed, 2)
    scene.attach_all()
    for device in scene.devices:
        since = device.status()["since"]
        device.kill()
        device.start()
        report.ok(device.attached(lambda s, t=since: s["since"] > t) and device.speaks(), f"{device.name} after its end",
                  device.log_tail())
    scene.gateway.kill()
    scene.gateway.start()
    for device in scene.devices:
        report.ok(device.attached(lambda s: s["counters"]["gaka_lost"] > 0, 120) and device.speaks(),
                  f"{device.name} after the end of the gateway", device.log_tail())
    scene.provider.kill()
    scene.provider.start()
    for device in scene.devices:
        device.kill()
        device.start()
        report.ok(device.attached(timeout=120) and device.speaks(), f"{device.name} after the end of the provider",
                  device.log_tail())


if __name__ == "__main__":
    reports.run(together, applications, killed)
