#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The serving network of group AKA: gscl and nscl, with devices of a group that the test plays."""

import time

from lib import gaka, psk
from lib import gakasn as sn
from lib import report as reports
from lib.bed import wait_for
from lib.gakasn import Gateway, World, attach, attaches, at_once, say
from lib.secure import MSBF_ID, Provider


def spent(world, before):
    """What the home network has been asked since."""
    return [now - then for now, then in zip(sn.asked(world.provider), before, strict=True)]


# ---- what it is for ----

def a_group(report, bed):
    """a leader and members: two messages to the home network, and sessions under what they agree on"""
    world = World(bed, 10)
    before = sn.asked(world.provider)
    devices = world.devices()
    report.equal([attach(world.gateway, d).how for d in devices], ["leader"] + ["member"] * 9, "the first one leads", bed.logs)
    report.equal(spent(world, before), [1, 1, 68, 142 + 56 * 9], "ten devices: two messages, as many octets as they are to have")
    report.equal(sn.status(world.gateway)["sessions"], 10, "ten keys")
    for version in (2, 3):
        report.ok(sn.speaks(world.gateway, devices[0], version), f"the leader speaks by it, TLS 1.{version}")
        report.ok(sn.speaks(world.gateway, devices[5], version), f"a member speaks by it, TLS 1.{version}")
    stranger = world.device(5)
    stranger.ks, stranger.c = bytes(32), devices[5].c
    report.ok(not sn.speaks(world.gateway, stranger), "nobody by another key")
    unknown = gaka.Device(b"\x01" * 16, bytes(32), world.gid)
    unknown.ks, unknown.c = devices[5].ks, devices[5].c
    report.ok(not sn.speaks(world.gateway, unknown), "nor by another name")
    applies(report, world, devices[3])
    again = [attach(world.gateway, d).how for d in devices[1:4]]
    report.equal(again, ["member"] * 3, "members attach again")
    report.equal(spent(world, before)[0], 1, "without the home network")
    report.equal(attach(world.gateway, devices[0]).how, "leader", "the leader attaches again, by itself")
    report.equal(spent(world, before), [2, 2, 68 + 60, 142 + 56 * 9 + 106], "with a vector for it alone")
    log = world.gateway.log() + world.provider.log()
    report.ok(all(d.ks.hex() not in log and d.ka.hex() not in log for d in devices), "no key in the log")


def applies(report, world, device):
    """The device is the application of its node id, and nobody else."""
    document = '<m2m:application xmlns:m2m="http://uri.etsi.org/m2m" appId="{}"/>'
    with sn.session(world.gateway, device) as tls:
        answer = tls.request("POST", "/m2m/applications", document.format(device.node.hex()))
        report.equal(answer.status, 201, "it registers as the application of its node id", answer)
    with sn.session(world.gateway, device) as tls:
        answer = tls.request("POST", "/m2m/applications", document.format("somebody"))
        report.equal(answer.status, 403, "as no other", answer)


def a_hundred(report, bed):
    """a hundred at once cost the home network two messages"""
    world = World(bed, 100)
    before = sn.asked(world.provider)
    devices = world.devices()
    results = at_once(world.gateway, devices)
    report.equal((results.count("leader"), results.count("member")), (1, 99), "one leads, all others are members",
                 lambda: f"{results} {bed.logs()}")
    report.equal(spent(world, before), [1, 1, 68, 142 + 56 * 99], "two messages, 5754 octets")
    report.equal(sn.status(world.gateway)["attempts"], 0, "nothing is left under way")


def conventional(report, bed):
    """each by itself, when it is configured so or there is no group"""
    world = World(bed, 5)
    before = sn.asked(world.provider)
    single = world.device(0, sn.NONE)
    report.equal(attach(world.gateway, single).how, "leader", "a device that names no group")
    report.equal(spent(world, before), [1, 1, 60, 106], "T10 and T11")
    report.ok(sn.speaks(world.gateway, single), "speaks by what it has agreed on")
    world.gateway.stop()
    world.gateway.set(conventional=True)
    world.gateway.reaches()
    before = sn.asked(world.provider)
    report.equal([attaches(world.gateway, d) for d in world.devices()], ["leader"] * 5, "all of them")
    report.equal(spent(world, before), [5, 5, 5 * 60, 5 * 106], "cost ten messages")


# ---- what changes ----

def used_up(report, bed):
    """vectors that are used up, and a device that is out of step"""
    world = World(bed, 3, window=3)
    leader, member = world.device(0), world.device(1)
    attach(world.gateway, leader)
    report.equal([attach(world.gateway, member).how for _ in range(3)], ["member"] * 3, "three times with a window of three")
    before = sn.asked(world.provider)
    report.equal(attach(world.gateway, member).how, "leader", "then the home network is asked")
    report.equal(spent(world, before)[0], 1, "once")
    time.sleep(5)
    report.equal(attach(world.gateway, world.device(2)).how, "member", "others go on meanwhile")
    far = world.device(0)
    far.sqn = 1000
    before = sn.asked(world.provider)
    result = attach(world.gateway, far)
    report.equal((result.how, spent(world, before)[0]), ("refused", 2), "too far ahead: one resynchronisation in an attempt")
    near = world.device(0)
    near.sqn = leader.sqn + 40
    report.ok(wait_for(lambda: attach(world.gateway, near).how == "leader", 90, 1), "a device that is ahead is met")
    report.ok(sn.counter(world.gateway, "gaka_resynced") >= 1, "by resynchronisation")


def rekeyed(report, bed):
    """a new key of the group, a member that leaves, one that is revoked"""
    world = World(bed, 5)
    devices = world.devices()
    report.equal([attach(world.gateway, d).how for d in devices], ["leader"] + ["member"] * 4, "all are there")
    world.provider.administer("POST", f"/groups/{world.gid.hex()}/rekey")
    report.ok(wait_for(lambda: sn.status(world.gateway)["groups"] == []), "a new key: the vectors die at once", bed.logs)
    report.ok(sn.speaks(world.gateway, devices[1]), "who is a member still keeps its session")
    late = world.device(1)
    report.ok(wait_for(lambda: attach(world.gateway, world.device(2)).how == "leader" and sn.status(world.gateway)["groups"], 60, 1),
              "the next one leads, after the pause between two questions for a group")
    report.equal(attach(world.gateway, late).how, "refused", "the old key of the group is of no use")
    world.fetch()
    late.gaks = world.gaks
    report.equal(attach(world.gateway, late).how, "member", "the new one is", bed.logs)
    with sn.session(world.gateway, devices[3]) as tls:
        report.ok(tls.request("GET", "/m2m/applications", headers={"Accept": "application/xml"}).status in (200, 403),
                  "a member speaks")
        node = devices[3].node.hex()
        world.provider.administer("DELETE", f"/groups/{world.gid.hex()}/members/{node}")
        report.ok(wait_for(lambda: sn.counter(world.gateway, "gaka_cut") == 1), "it leaves while it is attached", bed.logs)
        answer = tls.request("GET", "/m2m/applications", headers={"Accept": "application/xml"}, timeout=5)
        report.ok(answer.status in (0, 403), "its session is cut", answer)
    report.ok(not sn.speaks(world.gateway, devices[3]), "its key is good for nothing")
    world.fetch()
    report.ok("refused" in attaches(world.gateway, world.device(3)), "nor does it come back")
    report.ok(sn.speaks(world.gateway, devices[4]), "the others stay")
    world.provider.revoke(devices[4].node.hex())
    report.ok(wait_for(lambda: not sn.speaks(world.gateway, devices[4])), "a node that is revoked does not", bed.logs)


def expires(report, bed):
    """vectors and keys that expire"""
    world = World(bed, 3, expiry=60)
    devices = world.devices()
    begun = time.time()
    report.equal([attach(world.gateway, d).how for d in devices], ["leader", "member", "member"], "all attach")
    report.ok(sn.speaks(world.gateway, devices[1]), "and speak")
    time.sleep(max(0, begun + 62 - time.time()))
    report.equal(sn.status(world.gateway)["groups"][:1], sn.status(world.gateway)["groups"], "its vectors are over or void")
    report.ok(not sn.speaks(world.gateway, devices[1]), "after that the key is good for nothing")
    before = sn.asked(world.provider)
    report.equal(attaches(world.gateway, devices[1]), "leader", "the first that comes back leads")
    report.equal(spent(world, before)[0], 1, "by a question to the home network")


# ---- what fails ----

def crashes(report, bed):
    """kill -9 of gscl and nscl"""
    world = World(bed, 4)
    devices = world.devices()
    report.equal([attach(world.gateway, d).how for d in devices], ["leader"] + ["member"] * 3, "all attach")
    world.gateway.kill()
    world.gateway.reaches()
    report.ok(not sn.speaks(world.gateway, devices[1]), "no key outlives the gateway")
    report.equal(sn.status(world.gateway)["groups"], [], "nor do vectors")
    report.equal(attaches(world.gateway, devices[1]), "leader", "the home network is asked again", bed.logs)
    report.equal([attach(world.gateway, d).how for d in devices[2:]], ["member"] * 2, "and the others are members")
    world.provider.kill()
    report.equal(attach(world.gateway, devices[2]).how, "member", "without the home network members attach")
    alone = attach(world.gateway, devices[1])
    report.equal((alone.how, alone.said), ("refused", (503, gaka.BUSY)), "who needs it is told to come later")
    world.provider.start()
    report.ok(wait_for(lambda: attach(world.gateway, devices[1]).how == "leader", 90, 1), "when it is back, it goes on", bed.logs)


def by_the_mas(report, bed):
    """a gateway with a link to the MAS asks it without an NSCL in between"""
    home = Provider(bed, name="mas", roles=["mas"]).start()
    provider = Provider(bed, roles=["nscl"], mas=home, settings={"gaka": {"enabled": True}}).start()
    mine = home.servers.named_role("gw", "gscl.example.org")
    link = {"uri": f"https://{MSBF_ID}:{home.mas_port}/mas/v1", "ca": home.servers.cert, "certificate": mine.cert, "key": mine.key}
    world = World(bed, 4, provider=provider, gateway=Gateway(bed, provider, settings={"mas": link}))
    before = sn.asked(world.provider)
    devices = world.devices()
    report.equal([attaches(world.gateway, devices[0])] + [attach(world.gateway, d).how for d in devices[1:]],
                 ["leader"] + ["member"] * 3, "a group", bed.logs)
    report.equal(spent(world, before), [1, 1, 68, 142 + 56 * 3], "two messages")
    provider.kill()
    report.equal(attach(world.gateway, world.device(0, sn.NONE)).how, "leader", "also while there is no NSCL", bed.logs)
    home.administer("DELETE", f"/groups/{world.gid.hex()}/members/{devices[1].node.hex()}")
    report.ok(wait_for(lambda: not sn.speaks(world.gateway, devices[1])), "and who leaves is told by it", bed.logs)
    report.ok(sn.speaks(world.gateway, devices[2]), "the others stay")


def at_the_nscl(report, bed):
    """devices that attach to an NSCL itself"""
    provider = sn.provider_of(bed).start()
    kmrs = [provider.issue(f"dev-{i}") for i in range(3)]
    gid = sn.group(provider, kmrs, [provider.scl_id])
    keys = sn.gaks(provider, kmrs[0], "dev-0", gid)
    devices = [gaka.Device(k.node, gaka.aka_root(k.key, k.node), gid, keys) for k in kmrs]
    before = sn.asked(provider)
    report.equal([attach(provider, d).how for d in devices], ["leader", "member", "member"], "a group", bed.logs)
    report.equal(sn.asked(provider)[0] - before[0], 1, "one question")
    report.equal(devices[1].sn, gaka.serving_id(provider.scl_id), "it is named by its SCL-ID")
    report.equal(provider.administer("GET", "/counters")["gaka_attached{as=member}"], 2, "the administrator sees it")


# ---- bad messages ----

def bad_messages(report, bed):
    """each message cut, changed, out of order, repeated"""
    world = World(bed, 3)
    leader, member = world.device(0), world.device(1)
    attach(world.gateway, leader)
    first = member.begin()
    before = sn.asked(world.provider)
    for name, data in {"empty": b"", "cut": first[:-1], "longer": first + b"\0", "another length": first[:7] + b"\x31" + first[8:],
                       "another version": b"\x4d\x47\x02" + first[3:], "T2": gaka.t2(world.gid, member.node, member.node),
                       "T9": gaka.message(gaka.T9, bytes(16)), "rubbish": b"x" * 48}.items():
        report.equal(say(world.gateway, data)[0], 400, f"{name}: 400")
    report.equal(say(world.gateway, bytes(300))[0], 413, "300 octets: 413")
    report.equal(say(world.gateway, first, headers={"Content-Type": "text/plain"})[0], 415, "another type: 415")
    report.equal(say(world.gateway, b"", method="DELETE")[0], 405, "another method: 405")
    report.equal(say(world.gateway, first, member.node)[0], 400, "T1 with an id: 400")
    report.ok(sn.refused(world.gateway, "MALFORMED") >= 8, "they are counted")
    code, challenge = say(world.gateway, first)
    report.equal((code, gaka.kind_of(challenge)), (200, gaka.T7), "after all that a challenge")
    report.equal(say(world.gateway, first), (200, challenge), "the same T1 gets the same")
    answer = member.challenge(challenge)
    for name, query in {"without an id": "", "with a bad one": "?id=12", "with two": f"?id={member.node.hex()}&id={member.node.hex()}",
                        "with more": f"?id={member.node.hex()}&x=1"}.items():
        report.equal(say(world.gateway, answer, path=sn.PATH + query)[0], 400, f"T8 {name}: 400")
    flipped = answer[:-1] + bytes([answer[-1] ^ 1])
    report.equal(sn.reason(say(world.gateway, flipped, member.node)), (403, gaka.MAC), "T8 changed")
    report.equal(sn.reason(say(world.gateway, gaka.message(gaka.T5, answer[8:]), member.node)), (403, gaka.MAC), "T5 in its place")
    report.equal(sn.reason(say(world.gateway, answer, leader.node)), (403, gaka.MAC), "for a device without an attempt")
    report.equal(sn.status(world.gateway)["attempts"], 1, "the attempt is as it was")
    code, last = say(world.gateway, answer, member.node)
    report.ok(code == 200 and member.confirm(last), "the right T8 is good still")
    report.equal(sn.reason(say(world.gateway, answer, member.node)), (403, gaka.MAC), "it counts once")
    code, fresh = say(world.gateway, first)
    report.ok(code == 200 and fresh != challenge, "an old T1 begins another attempt")
    report.equal(sn.reason(say(world.gateway, answer, member.node)), (403, gaka.MAC), "in which the old T8 is wrong")
    report.equal(sn.reason(say(world.gateway, member.begin())), (503, gaka.BUSY), "three failures in a minute: no further attempt")
    report.equal(attach(world.gateway, world.device(2)).how, "member", "of that device alone")
    report.equal(spent(world, before)[0], 0, "and the home network was not asked")
    report.ok("gaka-device-locked" in world.gateway.log(), "an event for the operator")


def off(report, bed):
    """without gaka.enabled there is nothing of it"""
    provider = Provider(bed, msbf=False).start()
    gateway = Gateway(bed, provider, enabled=False)
    gateway.reaches()
    code, _ = say(gateway, gaka.t1(b"\x01" * 8, b"\x02" * 16))
    report.ok(code in (404, 415, 406), "not there", code)
    report.ok(not psk.handshakes(gateway.psk_port, gaka.identity(b"\x01" * 8, b"\x02" * 16), bytes(32)), "nor are sessions")


if __name__ == "__main__":
    reports.run(a_group, a_hundred, conventional, used_up, rekeyed, crashes, by_the_mas, at_the_nscl, bad_messages, expires, off)
