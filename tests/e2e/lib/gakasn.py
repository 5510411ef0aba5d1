# SPDX-License-Identifier: Apache-2.0
"""Devices of a group at a serving network: a provider with its MAS, a gateway, and devices that the test plays."""

import json
import threading

from . import gaka, psk
from .bed import pick_port, wait_for
from .client import Client, NotSent, Unknown
from .m2mkeys import unb64u
from .objects import Opened
from .secure import Node, Provider, listener, options

OCTETS = {"Content-Type": gaka.MEDIA, "Accept": gaka.MEDIA}
PATH = "/m2m/gaka"
NONE = b"\0" * gaka.GID


def provider_of(bed, **more):
    """nscl with a MAS that knows groups."""
    return Provider(bed, msbf=False, settings={"gaka": {"enabled": True, **more}}, serves=("mia", "dia"))


class Gateway(Node):
    """gscl that is a serving network: devices come in clear, or by TLS with what they have agreed on."""

    def __init__(self, bed, provider, name="gscl", settings=None, relayed=None, **more):
        super().__init__(bed, "gscl", provider, name=name, settings={"gaka": {"enabled": True, **more}, **(settings or {})})
        self.psk_port = pick_port()
        self.listeners += ", " + listener(self.psk_port, "psk", ["dia"])
        self.options.append(f"register.nscl={relayed or provider.mid_base}")
        self.write_config()
        self.kmr = provider.issue(self.scl_id)
        self.provide(self.kmr)

    def set(self, **more):
        """Other options of gaka, from the next start on."""
        self.groups["gaka"].update(more)
        self.extra = options(self.groups) + "\n"
        self.write_config()

    def reaches(self):
        """Starts; True when it can reach the home network, and is told what changes."""
        self.start()
        if self.provider.sees(self.scl_id) is None:
            return False
        return not self.groups["gaka"]["enabled"] or bool(wait_for(lambda: status(self)["told"]))


def status(daemon):
    """What it says about itself, on this machine."""
    client = Client("127.0.0.1", daemon.port, None)
    try:
        return json.loads(client.request("GET", PATH, None, {"Accept": "application/json"}).body)
    finally:
        client.close()


def counter(daemon, name):
    """One of its counters."""
    return status(daemon)["counters"][name]


def refused(daemon, reason):
    """How often it has refused for that reason."""
    return counter(daemon, f"gaka_refused{{reason={reason}}}")


def asked(provider):
    """Messages to and from the home network so far, and their octets."""
    counters = provider.administer("GET", "/counters")
    return [counters[f"hn_{name}"] for name in ("messages_in", "messages_out", "bytes_in", "bytes_out")]


def group(provider, kmrs, networks, **more):
    """Makes a group; its GID."""
    body = {"members": [k.node.hex() for k in kmrs], "servingNetworks": list(networks), **more}
    return bytes.fromhex(provider.administer("POST", "/groups", body)["gid"])


def gaks(provider, kmr, scl_id, gid):
    """The group's keys as a member fetches them over its own service connection, the current one first."""
    kmc = provider.connected(kmr, scl_id)
    with provider.session_b(kmc) as session:
        answer = session.request("GET", "/m2m/groupKeys", headers={"Accept": "application/jose, application/json"})
    if answer.status != 200:
        raise AssertionError(f"groupKeys: {answer!r}")
    rows = {row["gid"]: row for row in json.loads(Opened(answer.body, kmc).body)["groups"]}
    row = rows.get(gid.hex(), {})
    return [unb64u(k["gak"]) for k in (row, row.get("previous")) if k]


def say(daemon, message, node=None, *, path=PATH, headers=None, method="POST"):
    """One message of a device: status and octets; (0, b"") without an answer."""
    client = Client("127.0.0.1", getattr(daemon, "port", daemon), None)
    try:
        answer = client.request(method, path + (f"?id={node.hex()}" if node else ""), message, {**OCTETS, **(headers or {})})
        return answer.status, answer.body
    except (NotSent, Unknown):
        return 0, b""
    finally:
        client.close()


def reason(answer):
    """(status, reason) of a T12; what else it is otherwise."""
    code, data = answer
    try:
        return code, gaka.refusal(data) if gaka.kind_of(data) == gaka.T12 else f"T{gaka.kind_of(data)}"
    except ValueError:
        return code, None


class Attached:
    """How an attach went: which challenge, what was refused, the key."""

    def __init__(self, how, said=(0, b"")):
        self.how, self.said = how, reason(said) if isinstance(said, tuple) else said

    def __repr__(self):
        return f"{self.how} {self.said}"


def attach(daemon, device):
    """A whole run of a device: leader, member, refused, or without an answer."""
    code, data = said = say(daemon, device.begin())
    for _ in range(2):
        if code != 200:
            return Attached("refused", said)
        kind = gaka.kind_of(data)
        answer = device.challenge(data)
        sync = gaka.refusal(answer) == gaka.SYNC
        code, data = said = say(daemon, answer, device.node)
        if not sync:
            break
    if code != 200 or not device.confirm(data):
        return Attached("refused", said)
    return Attached("leader" if kind == gaka.T4 else "member", said)


def attaches(daemon, device, timeout=30):
    """The same until it is not told to come later; how."""
    last = None

    def done():
        nonlocal last
        last = attach(daemon, device)
        return last.how != "refused" or last.said[0] not in (0, 503)
    wait_for(done, timeout, 0.3)
    return last.how if last.how != "refused" else f"refused {last.said}"


def at_once(daemon, devices):
    """All of them at the same time; how each went."""
    results = [None] * len(devices)

    def one(index):
        results[index] = attach(daemon, devices[index])
    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(devices))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [r.how for r in results]


def session(gateway, device, version=3):
    """TLS with what the device has agreed on."""
    return psk.Session(gateway.psk_port, gaka.identity(device.gid, device.node, version),
                       gaka.psk(device.ks, device.c, version), version)


def speaks(gateway, device, version=3):
    """A request by it is answered."""
    try:
        with session(gateway, device, version) as tls:
            answer = tls.request("GET", "/m2m/applications", headers={"Accept": "application/xml"}, timeout=10)
            return answer.status in (200, 403)
    except psk.Refused:
        return False


class World:
    """A provider, a gateway, devices in one group."""

    def __init__(self, bed, n, *, gateway=None, provider=None, **more):
        self.bed, self.provider = bed, provider or provider_of(bed).start()
        self.gateway = gateway or Gateway(bed, self.provider)
        self.kmrs = [self.provider.issue(f"dev-{i}") for i in range(n)]
        self.gid = group(self.provider, self.kmrs, [self.gateway.scl_id], **more)
        self.gaks = gaks(self.provider, self.kmrs[0], "dev-0", self.gid) if n else []
        if not self.gateway.reaches():
            raise AssertionError(f"{self.gateway.name} does not register: {bed.logs()}")

    def device(self, index, gid=None):
        """That member."""
        kmr = self.kmrs[index]
        return gaka.Device(kmr.node, gaka.aka_root(kmr.key, kmr.node), self.gid if gid is None else gid, self.gaks)

    def devices(self):
        """All of them."""
        return [self.device(i) for i in range(len(self.kmrs))]

    def fetch(self, index=0):
        """The group's keys anew."""
        self.gaks = gaks(self.provider, self.kmrs[index], f"dev-{index}", self.gid)
        return self.gaks
