# SPDX-License-Identifier: Apache-2.0
"""Small data through a gateway and an NSCL: octets on the way between them, and how long a reading takes to be a contentInstance."""

import datetime
import http.client
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from procs import BenchError

os.environ.setdefault("OPENSCL_BUILD", "")
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

SIZES, QUICK = (10, 100, 1000), (10,)
PAYLOAD = 24            # octets of a reading, as in the group smalldata
AT_ONCE = 16            # devices at a time
PATIENCE = 300
PATH = "/m2m/applications/app/containers"


def counting(relay):
    """A relay that counts what passes, both ways."""
    class Counting(relay):
        """Octets of TCP."""
        octets = 0

        def pass_on(self, data):
            self.octets += len(data)
            return data
    return Counting


def one_at_a_time(signer):
    """The signer is one process, and devices are made by several threads."""
    lock, ask = threading.Lock(), signer.ask

    def locked(*arguments, **more):
        with lock:
            return ask(*arguments, **more)
    signer.ask = locked
    return signer


class World:
    """An NSCL, a gateway whose bundles are of all readings that there are, devices that the benchmark plays."""

    def __init__(self, bed, signer, most):
        from lib import relay, secure, smalldata, xml    # pylint: disable=C0415,E0401
        self.sd, self.signer = smalldata, signer
        self.provider = secure.Provider(bed, msbf=False, tapped=counting(relay.Relay), settings={"sd": {"enabled": True}}).start()
        client = self.provider.client(secure.APP)
        client.create("/m2m/applications", xml.application("app"))
        for i in range(most):
            client.create(PATH, xml.container(f"dev-{i}", nr=1000))
        client.close()
        self.options, self.application = secure.options, secure.APP
        self.gateway = secure.Node(bed, "gscl", self.provider,
                                   settings={"sd": {"enabled": True, "bundle_wait": "60 s", "round_time": "1 h",
                                                    "retry_first": "100 ms", "retry_max": "500 ms"}})
        self.gateway.provide(self.provider.issue(self.gateway.scl_id))
        with ThreadPoolExecutor(4) as pool:
            self.devices = list(pool.map(self.device, range(most)))

    def device(self, i):
        """With keys of all three kinds, known to the NSCL."""
        device = self.sd.Device(self.provider, f"dev-{i}", self.signer)
        with self.provider.session_b(device.kmc) as session:
            device.session = session
            if device.register(session).status not in (200, 201) or not device.fetch_identity():
                raise BenchError("a device does not get its keys")
        return device

    def begin(self, n):
        """A gateway whose bundles are of n readings, and that knows the keys of the first n devices."""
        if self.gateway.alive():
            self.gateway.stop()
        self.gateway.groups["sd"]["bundle_max"] = n
        self.gateway.extra = self.options(self.gateway.groups) + "\n"
        self.gateway.write_config()
        self.gateway.start()
        if not self.provider.sees(self.gateway.scl_id):
            raise BenchError("the gateway does not register")
        deadline = time.monotonic() + PATIENCE
        while self.sd.IDENTITY not in self.get("")["algs"]:
            if time.monotonic() > deadline:
                raise BenchError("the gateway does not learn what the network takes")
            time.sleep(0.1)
        self.run(n, self.sd.ED25519)

    def get(self, path):
        """A document of the gateway."""
        line = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        try:
            line.request("GET", f"/m2m/smallData{path}", headers={"Accept": "application/json"})
            return json.loads(line.getresponse().read())
        finally:
            line.close()

    def sign(self, device, alg, round_):
        """A bundle of one reading."""
        sd, record = self.sd, device.reading(os.urandom(PAYLOAD))
        if alg != sd.IDENTITY:
            return sd.signed(alg, [(device, record)])
        return sd.bundle(alg, [record], round_ + bytes.fromhex(device.identified(round_, record)))

    def post_all(self, bundles):
        """One each, AT_ONCE at a time; when each was begun, seconds since 1970."""
        lines = threading.local()

        def post(octets):
            if not hasattr(lines, "one"):
                lines.one = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
            began = time.time()
            lines.one.request("POST", "/m2m/smallData", octets, {"Content-Type": self.sd.MEDIA, "Accept": self.sd.JSON})
            answer = lines.one.getresponse()
            body = answer.read()
            if answer.status != 202 or json.loads(body)["accepted"] != 1:
                raise BenchError(f"a reading is not taken: {answer.status} {body[:200]}")
            return began
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(post, bundles))

    def made(self, devices):
        """When the last reading of each became a contentInstance, seconds since 1970."""
        client, times = self.provider.client(self.application), []
        for device in devices:
            answer = client.get(f"{device.container}/contentInstances/sd-{device.seq}")
            if answer.status != 200:
                raise BenchError(f"a reading is not there: {answer!r}")
            stamp = answer.body.decode().partition("creationTime>")[2].partition("<")[0]
            times.append(datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp())
        client.close()
        return times

    def run(self, n, alg):
        """Octets of bundles, octets on the line, bundles, seconds from each reading to its instance."""
        round_ = bytes.fromhex(self.get("/round")["round"])
        devices = self.devices[:n]
        bundles = [self.sign(device, alg, round_) for device in devices]
        before, line = self.get("/state")["counters"], self.provider.tap.octets
        began = self.post_all(bundles)
        deadline = time.monotonic() + PATIENCE
        while self.get("/state")["pending"] > 0:
            if time.monotonic() > deadline:
                raise BenchError("the network does not take readings")
            time.sleep(0.05)
        after = self.get("/state")["counters"]
        spent = [after[f"smalldata_{k}"] - before[f"smalldata_{k}"] for k in ("octets", "bundles", "dropped")]
        if spent[2] != 0:
            raise BenchError("readings were dropped")
        took = sorted(there - then for there, then in zip(self.made(devices), began, strict=True))
        return spent[0], self.provider.tap.octets - line, spent[1], took


def bench(ctx):
    """All three algorithms, n devices with a reading each."""
    os.environ["OPENSCL_BUILD"] = ctx.builddir
    from lib import bed as beds, smalldata as sd     # pylint: disable=C0415,E0401
    beds.BUILD = ctx.builddir
    sizes = QUICK if ctx.rounds == 1 else SIZES
    bed = beds.Bed()
    try:
        signer = sd.Signer(bed)
        if signer.absent:
            print(f"smalldata-e2e: {signer.why_not}")
            return
        world = World(bed, one_at_a_time(signer), sizes[-1])
        for n in sizes:
            world.begin(n)
            for alg, name in ((sd.ED25519, "Ed25519 each"), (sd.BLS_SINGLE, "BLS aggregate"), (sd.IDENTITY, "identity-based")):
                octets, line, bundles, took = world.run(n, alg)
                text, detail = f"smalldata-e2e: n = {n}, {name}", {"bundles": bundles, "seconds": took}
                ctx.report.add(f"{text}: octets of {bundles} bundle{'s' * (bundles != 1)}", octets, "octets", detail=detail)
                ctx.report.add(f"{text}: octets between gateway and network, with TLS", line, "octets")
                ctx.report.add(f"{text}: reading to contentInstance, median", 1000 * median(took), "ms")
                ctx.report.add(f"{text}: the slowest", 1000 * took[-1], "ms")
    finally:
        bed.close()
