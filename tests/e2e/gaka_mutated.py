#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Group AKA over the daemons: every message with every octet changed, cut, longer, again, out of order, of another device."""

import secrets
import time

from lib import gaka, psk
from lib import gakasn as sn
from lib import report as reports
from lib.bed import wait_for
from lib.gakahome import Home
from lib.gakasn import Gateway, World, attach, say
from lib.gakaue import Device
from lib.secure import MSBF_ID, Provider

MASKS = [1 << n for n in range(8)] if reports.LONG else [0x40]
HEADER = 8
NO = (403, gaka.MAC)


def changed(data, begin=0, end=None, masks=None):
    """Each octet of it by each mask: (place, octets)."""
    for at in range(begin, len(data) if end is None else end):
        for mask in masks or MASKS:
            yield at, data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def resized(data):
    """Every length but its own, up to a few more octets."""
    return [data[:n] for n in range(len(data))] + [data + bytes(n) for n in (1, 8, 56)]


def shape(data):
    """What is no message of its kind whatever it has in it."""
    return [bad for _, bad in changed(data, 0, HEADER)] + resized(data)


class Held:
    """What a serving network has, but for its counters, which are summed up; compared before and after."""

    def __init__(self, daemon):
        self.daemon = daemon
        now = sn.status(daemon)
        self.counters = now.pop("counters")
        self.state = now

    def refused(self):
        """Refusals since."""
        now = sn.status(self.daemon)["counters"]
        return sum(n - self.counters[name] for name, n in now.items() if name.startswith("gaka_refused"))

    def same(self, report, name, *but):
        """Nothing has changed, but what is named."""
        now = sn.status(self.daemon)
        counters = now.pop("counters")
        other = [(key, now[key], was) for key, was in self.state.items() if key not in but and now[key] != was]
        report.equal(other, [], f"{name}: all is as it was")
        good = [k for k, n in counters.items() if k.startswith("gaka_attached") and n != self.counters[k]]
        report.equal(good, [], f"{name}: nobody has attached")


def begun(report, gateway, device, kind):
    """The challenge of an attempt."""
    said = say(gateway, device.begin())
    report.equal((said[0], said[1][3:4]), (200, bytes([kind])), f"T{kind} for a device", said)
    return said[1]


# ---- devices to the serving network ----

def answers(report, world, devices, kind, name):
    """T5 or T8: two wrong ones each, then the right one is good still."""
    held = None
    bads, number = [], 0
    for device in devices:
        challenge = begun(report, world.gateway, device, gaka.T4 if kind == gaka.T5 else gaka.T7)
        right = device.challenge(challenge)
        if held is None:
            held = Held(world.gateway)
            wrong = shape(right)
            report.equal([say(world.gateway, bad, device.node)[0] for bad in wrong], [400] * len(wrong),
                         f"{name} of another shape: 400 each")
            report.equal(held.refused(), len(wrong), f"{name}: each is counted")
            held.same(report, name)
            report.equal(say(world.gateway, device.t1), (200, challenge), f"{name}: C and RAND of the attempt are as they were")
            places = [at for at, _ in changed(right, HEADER)]
        mine = [bad for _, bad in changed(right, HEADER)][number:number + 2]
        bads += [sn.reason(say(world.gateway, bad, device.node)) for bad in mine]
        number += 2
        code, last = say(world.gateway, right, device.node)
        report.ok(code == 200 and device.confirm(last), f"{name}: the right one after octets {places[number - 2:number]}")
        report.equal(sn.reason(say(world.gateway, right, device.node)), NO, f"{name} again")
    report.equal((bads, number), ([NO] * len(places), len(places)), f"{name} with each octet changed: refused")


def crossed(report, world, one, other, single):
    """Answers of one device for another, and of another kind."""
    gateway = world.gateway
    first, second = (one.challenge(begun(report, gateway, one, gaka.T7)), other.challenge(begun(report, gateway, other, gaka.T7)))
    third = single.challenge(begun(report, gateway, single, gaka.T4))
    held = Held(gateway)
    for bad, node, name in ((second, one, "T8 of another member"), (first, other, "T8 of another member"),
                            (third, one, "T5 to a T7"), (first, single, "T8 to a T4")):
        report.equal(sn.reason(say(gateway, bad, node.node)), NO, name)
    report.equal(held.refused(), 4, "crossed: each is counted")
    held.same(report, "crossed")
    t12 = gaka.message(gaka.T12, bytes([gaka.MAC]) + bytes(15))
    wrong = [bad for _, bad in changed(t12)] + resized(t12)
    codes = [say(gateway, bad, one.node)[0] for bad in wrong]
    # By one bit a reason may become another one, and T12 a T8, the third that is wrong.
    report.equal(set(codes) - ({403, 503} if reports.LONG else set()), {400}, "T12 that is none")
    if not reports.LONG:
        held.same(report, "T12 that is none")
        for device, answer in ((one, first), (other, second), (single, third)):
            code, last = say(gateway, answer, device.node)
            report.ok(code == 200 and device.confirm(last), "each for itself")


def out_of_order(report, world, device):
    """Answers without an attempt, of the one before; messages that no device sends."""
    gateway = world.gateway
    held = Held(gateway)
    report.equal(sn.reason(say(gateway, gaka.message(gaka.T8, bytes(16)), device.node)), NO, "T8 before T1")
    report.equal(sn.reason(say(gateway, gaka.message(gaka.T5, bytes(16)), device.node)), NO, "T5 before T1")
    held.same(report, "before T1")
    old = device.challenge(begun(report, gateway, device, gaka.T7))
    challenge = begun(report, gateway, device, gaka.T7)
    report.equal(sn.reason(say(gateway, old, device.node)), NO, "T8 of the attempt before")
    node = device.node
    others = [gaka.t2(world.gid, node, gateway.kmr.node), gaka.t10(node, gateway.kmr.node), challenge,
              *(gaka.message(k, bytes(n)) for k, n in ((3, 134), (4, 58), (6, 16), (9, 16), (11, 98), (13, 16), (0, 16)))]
    for data in others:
        report.equal([say(gateway, data)[0], say(gateway, data, node)[0]], [400, 400], f"type {data[3]} from a device: 400")
    code, last = say(gateway, device.challenge(challenge), node)
    report.ok(code == 200 and device.confirm(last), "and the attempt goes on")


def to_the_network(report, bed):
    """T1, T5, T8 and T12 to a gateway: refused, counted, and nothing is changed"""
    provider = sn.provider_of(bed, conventional_max=65535).start()
    n = 8 * len(MASKS)
    gateway = Gateway(bed, provider, window=1000, attempt_time="1 min", conventional_max=65535)
    world = World(bed, 2 * n + 6, provider=provider, gateway=gateway, window=1000)
    report.equal(attach(gateway, world.device(0)).how, "leader", "the group has a leader")
    members = [world.device(1 + i) for i in range(n)]
    before = sn.asked(provider)
    answers(report, world, members, gaka.T8, "T8")
    report.equal(sn.asked(provider), before, "the home network has not been asked")
    answers(report, world, [world.device(1 + n + i, sn.NONE) for i in range(n)], gaka.T5, "T5")
    last = [world.device(2 * n + 1 + i) for i in range(4)]
    crossed(report, world, last[0], last[1], world.device(2 * n + 5, sn.NONE))
    out_of_order(report, world, last[2])
    # T1: a header that is none; another group, another device, another N.
    device = last[3]
    first = device.begin()
    held, ok = Held(gateway), [v for k, v in provider.administer("GET", "/counters").items() if k.startswith("gaka_ok")]
    wrong = shape(first)
    report.equal([say(gateway, bad)[0] for bad in wrong], [400] * len(wrong), "T1 of another shape: 400 each")
    names = [sn.reason(say(gateway, bad)) for _, bad in changed(first, 8, 32)]
    report.ok(all(code in (403, 503) for code, _ in names), "T1 of another group or device: refused", names)
    report.equal(held.refused(), len(wrong) + len(names), "T1: each is counted")
    held.same(report, "T1")
    report.equal([v for k, v in provider.administer("GET", "/counters").items() if k.startswith("gaka_ok")], ok,
                 "no sequence number and no IV was given out for them")
    for at, bad in changed(first, 32):
        code, challenge = say(gateway, bad)
        report.equal((code, gaka.refusal(device.challenge(challenge)) if code == 200 else None), (200, gaka.MAC),
                     f"T1 with octet {at} changed: the device does not take what is said to it")
    report.equal(device.last, {}, "its C is as it was")
    report.equal(attach(gateway, device).how, "member", "and it attaches", bed.logs)


# ---- the home network to the serving network ----

FIELDS = ((24, "RAND"), (50, "AUTN"), (66, "HXRES"), (98, "KS"), (130, "GTK"), (138, "expiry"), (140, "W"), (142, "count"), (158, "ID"),
          (166, "IV"), (198, "XK"))
# What does not attach when such an octet of a T3 is changed; None: either none or all of them do.
FAILS = {"RAND": "both", "AUTN": "leader", "HXRES": "leader", "KS": "leader", "GTK": "member", "W": "both", "count": "both",
         "ID": "member", "IV": "member", "XK": "member", "expiry": None}


def field_of(at):
    """The field of a T3 with an octet."""
    return next(name for end, name in FIELDS if at < end)


def once(change):
    """A change for the next answer alone, whatever it is."""
    def one(home):
        def apply(data):
            home.change = None
            return change(data)
        return apply
    return one


class Scene:
    """A gateway whose home network is the test's."""

    def __init__(self, bed):
        self.home = Home(bed)
        self.provider = Provider(bed, msbf=False, serves=("mia", "dia")).start()
        self.gateway = Gateway(bed, self.provider, settings={"mas": self.home.link("gscl.example.org")}, sets_max=65536,
                               conventional_max=65535)
        if not self.gateway.reaches():
            raise AssertionError(f"the gateway does not register: {bed.logs()}")

    def group(self, change):
        """A leader and a member of a new group, the T3 for which is changed: who attaches."""
        self.home.change = once(change)(self.home)
        devices = self.home.group(2)
        return [attach(self.gateway, d) for d in devices], devices

    def single(self, change):
        """The same of a device by itself."""
        self.home.change = once(change)(self.home)
        device = self.home.device()
        return attach(self.gateway, device), device


    def held(self):
        """What the gateway has when no attempt of before is under way any more."""
        wait_for(lambda: sn.status(self.gateway)["attempts"] == 0)
        return Held(self.gateway)


def flip(at, mask):
    """Changes an octet."""
    return lambda data: data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def t3_changed(report, scene):
    """Each octet of a T3."""
    wrong = []
    scene.home.singles = False
    for at in range(HEADER, 198):
        # Whom a changed ID leaves out is asked for alone and refused; of strangers there may be thirty in a minute.
        for mask in MASKS[:1] if field_of(at) == "ID" else MASKS:
            results, _ = scene.group(flip(at, mask))
            attached = [r.how != "refused" for r in results]
            fails = FAILS[field_of(at)]
            want = {"both": [False, False], "leader": [False, True], "member": [True, False]}.get(fails)
            if attached != want if want else attached[0] != attached[1]:
                wrong.append((at, mask, field_of(at), results))
    report.equal(wrong, [], "T3 with each octet changed: whom it is about does not attach")
    scene.home.singles = True


def t3_shaped(report, scene):
    """T3 of another shape."""
    held = scene.held()
    sample = gaka.message(gaka.T3, bytes(134 + 56))
    said = []
    for bad in range(len(shape(sample))):
        results, _ = scene.group(lambda data, n=bad: shape(data)[n])
        said += [results[0].said]
    report.equal(set(said), {(503, gaka.BUSY)}, f"T3 of another shape, {len(said)} of them: the device is told to come later")
    report.ok(held.refused() >= len(said), "T3: each is counted", held.refused())
    held.same(report, "T3 of another shape")


def t3_replayed(report, scene):
    """A T3 of before, of another group, a T11 in its place."""
    seen = []

    def keep(data):
        seen.append(data)
        return data
    results, devices = scene.group(keep)
    report.equal([r.how for r in results], ["leader", "member"], "a T3 as it should be")
    time.sleep(5.1)
    held, scene.home.singles = Held(scene.gateway), False
    single = scene.home.t11(gaka.t10(devices[0].node, scene.gateway.kmr.node))
    for data, name in ((seen[0], "a T3 of another group"), (single, "a T11"), (gaka.message(gaka.T3, seen[0][8:])[:-1], "a T3 cut"),
                       (gaka.message(gaka.T6, bytes(16)), "a T6")):
        results, _ = scene.group(lambda _, d=data: d)
        report.equal(results[0].how, "refused", f"{name} in place of a T3: the leader does not attach")
    held.same(report, "T3 of another group", "groups", "attempts")
    scene.home.singles = True
    gid = devices[0].gid
    scene.home.groups[gid][1].append(secrets.token_bytes(16))       # whom the set does not have is asked for alone
    stranger = gaka.Device(scene.home.groups[gid][1][-1], secrets.token_bytes(32), gid)
    scene.home.keys[stranger.node] = stranger.ka
    scene.home.change = lambda _: single
    result = attach(scene.gateway, stranger)
    report.equal(result.how, "refused", "a T11 of another device: it does not take it", result)
    scene.home.change = None
    sqn = devices[0].sqn
    t4 = gaka.message(gaka.T4, seen[0][8:50] + scene.gateway.kmr.node)
    report.equal((gaka.refusal(devices[0].challenge(t4)), devices[0].sqn), (gaka.SYNC, sqn), "a T4 of the old T3: out of step")


def t11_changed(report, scene):
    """Each octet of a T11; its shape."""
    wrong, held = [], scene.held()
    for at, mask in ((at, mask) for at in range(HEADER, 106) for mask in MASKS):
        result, device = scene.single(flip(at, mask))
        if at < 98 and result.how != "refused" or at < 50 and device.sqn != 0:
            wrong.append((at, mask, result))
    report.equal(wrong, [], "T11 with each octet changed: the device does not attach, its sequence number is as it was")
    attached = sn.counter(scene.gateway, "gaka_attached{as=single}") - held.counters["gaka_attached{as=single}"]
    report.ok(attached >= 32, "a wrong KS the gateway cannot see: the device does", attached)
    held = scene.held()
    sample = gaka.message(gaka.T11, bytes(98))
    said = [scene.single(lambda data, n=n: shape(data)[n])[0].said for n in range(len(shape(sample)))]
    report.equal(set(said), {(503, gaka.BUSY)}, f"T11 of another shape, {len(said)} of them: later")
    report.ok(held.refused() >= len(said), "T11: each is counted", held.refused())
    held.same(report, "T11 of another shape")


def from_the_home(report, bed):
    """T3 and T11 to a gateway: nobody attaches by one that is changed"""
    scene = Scene(bed)
    t3_changed(report, scene)
    t3_shaped(report, scene)
    t3_replayed(report, scene)
    t11_changed(report, scene)
    devices = scene.home.group(3)
    report.equal([attach(scene.gateway, d).how for d in devices], ["leader", "member", "member"], "after all that a group attaches",
                 bed.logs)
    report.ok(sn.speaks(scene.gateway, devices[1]), "and speaks")


# ---- the serving network to the home network ----

class Mas:
    """A MAS by itself, and sessions of gateways with it."""

    def __init__(self, bed, n):
        self.provider = Provider(bed, name="mas", roles=["mas"]).start()
        self.gateways = [self.provider.issue(f"gw-{i}") for i in range(n)]
        self.kmrs = [self.provider.issue(f"dev-{i}") for i in range(3)]
        self.gid = sn.group(self.provider, self.kmrs, [f"gw-{i}" for i in range(n)])

    def say(self, index, messages):
        """A gateway sends them; the answers: a status, or octets."""
        identity = self.provider.servers.named_role("gw", f"gw-{index}")
        with psk.Certified(self.provider.mas_port, identity, self.provider.servers.cert, name=MSBF_ID) as session:
            for data in messages:
                answer = session.request("POST", "/mas/v1/gaka", data, sn.OCTETS)
                yield answer.body if answer.status == 200 else answer.status

    def device(self, index):
        """One of them."""
        kmr = self.kmrs[index]
        return gaka.Device(kmr.node, gaka.aka_root(kmr.key, kmr.node), self.gid)

    def counted(self):
        """Refusals so far, and answers."""
        counters = self.provider.administer("GET", "/counters")
        return tuple(sum(n for k, n in counters.items() if k.startswith(f"gaka_{which}{{")) for which in ("failed", "ok"))


def answered(data):
    """The number of an answer; reason of a T12 below zero; a status."""
    if isinstance(data, int):
        return data
    return -gaka.refusal(data) if gaka.kind_of(data) == gaka.T12 else gaka.kind_of(data)


def asked_wrongly(report, mas, index, good, mask, parts):
    """A message of that gateway with each octet changed; parts: (end, the answers that may be). How many were answered."""
    name = f"T{good[3]} ^ {mask:02x}"
    refused, gave = mas.counted()
    wrong = shape(good)
    report.equal(set(mas.say(index, wrong)), {400}, f"{name}, of another shape: 400")
    bads, bad = list(changed(good, HEADER, masks=[mask])), []
    for (at, _), said in zip(bads, mas.say(index, [b for _, b in bads]), strict=True):
        if answered(said) not in next(may for end, may in parts if at < end):
            bad.append((at, answered(said)))
    report.equal(bad, [], f"{name}, each octet: refused")
    now = mas.counted()
    report.equal(now[0] + now[1] - refused - gave, len(wrong) + len(bads), f"{name}: each is counted")
    return now[1] - gave


def to_the_home(report, bed):
    """T2 and T10 to the home network: numbers move by what was answered, and by nothing else"""
    n = len(MASKS)
    mas = Mas(bed, 2 * n + 2)
    nodes = [g.node for g in mas.gateways]
    leader, single = mas.device(0), mas.device(1)
    first = next(mas.say(2 * n, [gaka.t2(mas.gid, leader.node, nodes[2 * n])]))
    report.equal(answered(first), gaka.T3, "a T2 as it should be")
    given, gave, no, network = 1, 0, (-gaka.NOT_MEMBER,), (-gaka.MAC,)
    for at, mask in enumerate(MASKS):
        # N is the device's, and W what is wanted: of them any will do, once in five seconds. The last bit asks for resynchronisation.
        free, asks = (gaka.T3, -gaka.BUSY), mask == 1
        parts = ((16, (-gaka.UNKNOWN,)), (32, no), (48, free), (64, network), (66, (*free, 400)), (67, (400,)),
                 (68, (gaka.T3,) if asks else (400,)))
        given += asked_wrongly(report, mas, at, gaka.t2(mas.gid, leader.node, nodes[at]), mask, parts)
        parts = ((24, no), (40, (gaka.T11,)), (56, network), (59, (400,)), (60, (gaka.T11,) if asks else (400,)))
        gave += asked_wrongly(report, mas, n + at, gaka.t10(single.node, nodes[n + at]), mask, parts)
    more = 31 if 1 in MASKS else 0
    last = 2 * n + 1
    begin = int(time.time() * 1000000)
    found = next(mas.say(last, [gaka.t2(mas.gid, leader.node, nodes[last])]))
    report.equal(answered(found), gaka.T3, "and another one")
    vectors, old = gaka.Set(found), gaka.Set(first)
    report.equal(gaka.open_autn(leader.ka, vectors.rand, vectors.autn, nodes[last]), given + more + 1,
                 "the sequence number has moved by what was answered")
    ivs = [iv for iv, _ in vectors.members.values()]
    report.ok(all(begin <= iv <= int(time.time() * 1000000) for iv in ivs), "the IVs are those of now", ivs)
    report.ok(all(iv > was for iv, (was, _) in zip(ivs, old.members.values(), strict=True)), "and above those of before")
    report.equal(answered(next(mas.say(last, [gaka.t2(mas.gid, leader.node, nodes[last])]))), -gaka.BUSY, "the same again at once: later")
    data = gaka.Single(next(mas.say(last, [gaka.t10(single.node, nodes[last])])))
    report.equal(gaka.open_autn(single.ka, data.rand, data.autn, nodes[last]), gave + more + 1, "by T10 as well")
    crossed_answer = list(mas.say(last, [gaka.t2(mas.gid, leader.node, nodes[0]), gaka.t10(single.node, nodes[0])]))
    report.equal([answered(a) for a in crossed_answer], [-gaka.MAC] * 2, "the messages of another gateway")
    sizes = {1: 40, 3: 134, 4: 58, 5: 16, 6: 16, 7: 82, 8: 16, 9: 16, 11: 98, 12: 16}
    kinds = [gaka.message(kind, bytes(size)) for kind, size in sizes.items()]
    report.equal(set(mas.say(last, kinds)), {400}, "what no serving network sends: 400")


# ---- the serving network to a device ----

def untaken(report, device, kind, name):
    """A message of that kind with each octet changed, cut, longer: not taken, each counted."""
    def plan(size):
        yield from ((kind, flip(at, mask)) for at in range(size) for mask in MASKS)
        yield from ((kind, lambda data, n=n: data[:n]) for n in (range(size) if reports.LONG else (0, 7, 8, size - 1)))
        yield kind, lambda data: data + b"\0"
        yield kind, lambda data: data * 400
    steps = list(plan({gaka.T4: 66, gaka.T7: 90}.get(kind, 24)))
    failed, agreed = device.failed(), len(device.serving.agreed)
    answered_before = [device.serving.seen.count(k) for k in (gaka.T5, gaka.T8)]
    if not report.ok(device.tries(steps), f"{name}: {len(steps)} of them", device.status()):
        return False
    status = device.status()
    report.ok(status["state"] == "attaching", f"{name}: not attached", status)
    report.equal(device.failed() - failed, len(steps), f"{name}: each is counted")
    answers_now = [device.serving.seen.count(k) for k in (gaka.T5, gaka.T8)]
    want = [0, 0] if kind in (gaka.T4, gaka.T7) else [len(steps), 0] if kind == gaka.T6 else [0, len(steps)]
    report.equal([now - then for now, then in zip(answers_now, answered_before, strict=True)], want, f"{name}: what was answered")
    return report.equal(len(device.serving.agreed), agreed, f"{name}: no key")


def again_full(report, device):
    """The SQN that all of it was about is taken once, with an end that is changed, so that the device goes on."""
    serving = device.serving
    fives, old = serving.seen.count(gaka.T5), serving.t4()
    good = report.ok(device.tries([(gaka.T6, flip(23, 0x40))]) and serving.seen.count(gaka.T5) == fives + 1,
                     "T4: its SQN is taken after all that", device.status())
    good = good and report.ok(device.tries([(gaka.T4, lambda _: old)]) and device.status()["counters"]["gaka_failed{reason=SYNC}"] > 0,
                              "again it is not", device.status())
    return good and report.equal(serving.seen.count(gaka.T5), fives + 1, "nor answered")


def again_member(report, device):
    """The same of C."""
    serving = device.serving
    eights, c = serving.seen.count(gaka.T8), serving.c
    good = report.ok(device.tries([(gaka.T9, flip(23, 0x40))]) and serving.seen.count(gaka.T8) == eights + 1,
                     "T7: its C is taken after all that", device.status())
    for old, name in ((c, "again it is not, nor answered"), (c - 1, "nor one before it")):
        serving.c = old
        good = good and report.ok(device.tries([(gaka.T7, None)]) and device.status()["counters"]["gaka_failed{reason=REPLAY}"] > 0 and
                                  serving.seen.count(gaka.T8) == eights + 1, name, device.status())
    serving.c = c + 100
    return good


def to_the_device(report, bed):
    """T4, T6, T7 and T9 to a device: SQN and C are as they were, and the right one is good afterwards"""
    provider = Provider(bed, msbf=False, settings={"gaka": {"enabled": True}}).start()
    device = Device(bed, provider)
    serving = device.serving
    device.start()
    report.ok(wait_for(lambda: gaka.T1 in serving.seen), "it looks for its gateway", device.log_tail())
    for kind, name in ((gaka.T7, "T7"), (gaka.T9, "T9"), (gaka.T4, "T4"), (gaka.T6, "T6")):
        if not untaken(report, device, kind, name):
            return
    if not (again_full(report, device) and again_member(report, device)):
        return
    t5 = gaka.message(gaka.T5, bytes(16))
    report.ok(device.tries([(gaka.T7, lambda _: t5), (gaka.T4, lambda _: serving.t7(serving.t1)[:66]), (gaka.T9, lambda _: t5),
                            (gaka.T6, lambda _: gaka.message(gaka.T9, bytes(16)))]), "others in their places")
    report.ok(device.status()["state"] == "attaching" and not serving.agreed, "no key by any of it", device.status())
    serving.plan = [(gaka.T7, None)]
    report.ok(wait_for(lambda: device.status()["state"] == "attached", 60), "with the right ones it attaches", device.status())
    report.equal(len(serving.agreed), 1, "by one key")


if __name__ == "__main__":
    reports.run(to_the_network, from_the_home, to_the_home, to_the_device)
