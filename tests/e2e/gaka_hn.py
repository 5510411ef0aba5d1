#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The home network of group AKA at nscl: groups and who is in them, T2 and T10, keys for members, news of groups."""

import json
import threading
import time

from lib import gaka, psk
from lib import report as reports
from lib.bed import wait_for
from lib.m2mkeys import N2D, unb64u
from lib.objects import Opened
from lib.secure import MSBF_ID, Provider

GW, OTHER, NSCL = "gw-1", "gw-2", "nscl-1"
OCTETS = {"Content-Type": gaka.MEDIA, "Accept": gaka.MEDIA}
JOSE = "application/jose"


class Home(Provider):
    """A MAS by itself, with the devices of a group."""

    def __init__(self, bed, **more):
        super().__init__(bed, name="mas", roles=["mas"], **more)

    def certified_as(self, role, name):
        """A session of somebody with that certificate."""
        return psk.Certified(self.mas_port, self.servers.named_role(role, name), self.servers.cert, name=MSBF_ID)

    def count(self, name):
        """A counter."""
        return self.administer("GET", "/counters")[name]

    def hn(self):
        """Messages in and out, octets in and out."""
        counters = self.administer("GET", "/counters")
        return [counters[f"hn_{name}"] for name in ("messages_in", "messages_out", "bytes_in", "bytes_out")]


def group(provider, members, networks=(GW,), **more):
    """Makes a group; its GID."""
    body = {"members": [m.node.hex() for m in members], "servingNetworks": list(networks), **more}
    return bytes.fromhex(provider.administer("POST", "/groups", body)["gid"])


def ask(session, message, query="", path="/mas/v1/gaka"):
    """One message of a serving network; the answer's octets, or its status."""
    answer = session.request("POST", path + query, message, OCTETS)
    return answer.body if answer.status == 200 else answer.status


def devices(provider, n, prefix="dev"):
    """Root keys of n nodes."""
    return [provider.issue(f"{prefix}-{i}") for i in range(n)]


def device(kmr, gid=b"\0" * 8, gaks=()):
    """The device of that root key."""
    return gaka.Device(kmr.node, gaka.aka_root(kmr.key, kmr.node), gid, gaks)


def group_gaks(provider, kmr, scl_id):
    """The keys of its groups, as the device fetches them: {gid: row}."""
    kmc = provider.connected(kmr, scl_id)
    with provider.session_b(kmc) as session:
        return fetch_keys(session, kmc)


def fetch_keys(session, kmc):
    """The same on a session B; the status when there is no object."""
    answer = session.request("GET", "/m2m/groupKeys", headers={"Accept": f"{JOSE}, application/json"})
    if answer.status != 200:
        return answer.status
    if answer.header("Content-Type") != JOSE:
        raise AssertionError(f"keys in clear: {answer!r}")
    opened = Opened(answer.body, kmc)
    if (opened.direction, opened.header["htm"], opened.header["htu"]) != (N2D, "GET", "/m2m/groupKeys"):
        raise AssertionError(f"another object: {opened.header}")
    return {bytes.fromhex(row["gid"]): row for row in json.loads(opened.body)["groups"]}


def leads(leader, network, data):
    """The leader's run of a T3 or T11; True when both have one key."""
    vector = network.take(data) if gaka.kind_of(data) == gaka.T3 else gaka.Single(data)
    first = leader.begin()
    answer = leader.challenge(network.full(vector, first))
    last, key = network.answer(leader.node, answer)
    return leader.confirm(last) and leader.ks == key == vector.ks


def joins(member, network):
    """A member's run with the vectors that there are."""
    answer = member.challenge(network.member(member.begin()))
    if gaka.kind_of(answer) == gaka.T12:
        return False
    last, key = network.answer(member.node, answer)
    return key is not None and member.confirm(last) and member.ks == key


# ---- administration ----

def administration(report, bed):
    """groups by the command line and by HTTP"""
    home = Home(bed).start()
    nodes = [d.node.hex() for d in devices(home, 5)]

    def command(*words, good=0):
        done = home.action("--admin", *words)
        if done.returncode != good:
            raise AssertionError(f"--admin {words}: {done.returncode}: {done.stdout} {done.stderr}")
        return json.loads(done.stdout) if good == 0 else done.stderr
    made = command("group", f"members={nodes[0]},{nodes[1]}", f"servingNetworks={GW},{NSCL}", "window=4", "expiry=60")
    gid = made["gid"]
    report.equal((len(gid), made["epoch"]), (16, 1), "a group is made")
    shown = command("group-show", gid)
    row = shown["groups"][0]
    report.equal((row["window"], row["expiry"], row["servingNetworks"], row["members"], row["rekeyOnJoin"]),
                 (4, 60, [GW, NSCL], 2, True), "it is shown")
    report.equal([n["nodeId"] for n in shown["nodes"]], sorted(nodes[:2]), "with its members")
    report.equal(command("group-join", gid, f"nodeId={nodes[2]}")["epoch"], 2, "who joins begins an epoch")
    report.equal(command("group-join", gid, f"nodeId={nodes[2]}")["epoch"], 2, "who is there already changes nothing")
    report.equal(command("group-leave", f"{gid}/members/{nodes[0]}")["epoch"], 3, "who leaves begins another")
    report.equal(command("group-rekey", gid)["epoch"], 4, "a new key")
    report.equal(command("group-set", gid, "window=8")["epoch"], 4, "a setting is none")
    report.equal(command("group-set", gid, f"servingNetworks={GW}")["epoch"], 5, "a serving network less: a new key")
    row = command("group-show", gid)["groups"][0]
    report.equal((row["window"], row["servingNetworks"], row["members"]), (8, [GW], 2), "all of it counts")
    report.ok("404" in command("group-leave", f"{gid}/members/{nodes[0]}", good=1), "who is no member cannot leave")
    report.ok("409" in command("group-join", gid, f"nodeId={'00' * 16}", good=1), "an unknown node cannot join")
    report.ok("409" in command("group", f"gid={gid}", good=1), "a GID is taken once")
    report.ok("400" in command("group", "window=70000", good=1), "a window has a limit")
    report.ok("404" in command("group-show", "ab" * 8, good=1), "an unknown group")
    home.revoke(nodes[1])
    shown = command("group-show", gid)
    report.equal((shown["groups"][0]["epoch"], [n["nodeId"] for n in shown["nodes"]]), (6, [nodes[2]]),
                 "a node that is revoked is no member any more, and the others get a new key")
    report.ok("409" in command("group-join", gid, f"nodeId={nodes[1]}", good=1), "nor can it join again")
    for _ in range(3):
        command("group")
    first = home.administer("GET", "/groups?limit=2")
    rest = home.administer("GET", f"/groups?limit=200&after={first['next']}")
    report.equal((len(first["groups"]), len(rest["groups"]), rest.get("next")), (2, 2, None), "the list in pages")
    command("group-join", gid, f"nodeId={nodes[3]}")
    command("group-join", gid, f"nodeId={nodes[4]}")
    page = home.administer("GET", f"/groups/{gid}?limit=2")
    more = home.administer("GET", f"/groups/{gid}?after={page['next']}")
    report.equal([n["nodeId"] for n in page["nodes"] + more["nodes"]], sorted(nodes[2:]), "and the members")
    report.equal(command("group-delete", gid)["epoch"], 0, "it is deleted")
    report.ok("404" in command("group-rekey", gid, good=1), "and is gone")
    actions = {(r["action"], r["result"]) for r in home.administer("GET", "/audit?limit=200")["records"]}
    wanted = {(f"group-{a}", "ok") for a in ("make", "join", "leave", "rekey", "set", "delete")}
    report.ok(wanted <= actions and ("group-join", "NO_NODE") in actions and ("group-leave", "test") in actions,
              "the audit has it all", actions)
    report.equal(home.administer("POST", "/audit/verify")["sound"], True, "and is sound")
    for method, path, body, status in (
            ("POST", "/groups", {"gid": "00" * 8}, 400), ("POST", "/groups", {"gid": "ab"}, 400),
            ("POST", "/groups", {"members": ["x"]}, 400), ("POST", "/groups", {"servingNetworks": [""]}, 400),
            ("POST", "/groups", {"servingNetworks": ["a", "a"]}, 400), ("POST", "/groups", {"expiry": 10**9}, 400),
            ("POST", "/groups", {"servingNetworks": [f"n{i}" for i in range(33)]}, 400), ("POST", "/groups", {"more": 1}, 400),
            ("POST", "/groups", {"members": ["00" * 16]}, 409), ("GET", "/groups?limit=0", None, 400),
            ("GET", "/groups?after=x", None, 400), ("DELETE", "/groups/xyz", None, 400), ("PUT", "/groups", {}, 405),
            ("POST", f"/groups/{'ab' * 8}/members", {}, 400), ("DELETE", f"/groups/{'ab' * 8}/members/x", None, 400)):
        report.equal(home.admin(method, path, body).status, status, f"{method} {path} {body}"[:90])


# ---- messages ----

def vectors(report, bed):
    """T2 and T3: a leader and its group, by the certificate of a gateway"""
    home = Home(bed).start()
    kmrs = devices(home, 10)
    gateway = home.issue(GW)
    gid = group(home, kmrs)
    before = home.hn()
    with home.certified_as("gw", GW) as session:
        data = ask(session, gaka.t2(gid, kmrs[0].node, gateway.node, window=16))
    network = gaka.Network(gateway.node)
    leader = device(kmrs[0], gid)
    report.ok(leads(leader, network, data), "the leader and its serving network have one key")
    report.equal(leader.sqn, 1, "by the first sequence number")
    report.equal(sorted(network.set.members), sorted(k.node for k in kmrs[1:]), "all other members have vectors")
    report.ok(abs(network.set.expiry - time.time() - 3600) < 60 and network.set.window == 16, "for an hour")
    spent = [now - then for now, then in zip(home.hn(), before, strict=True)]
    report.equal(spent, [1, 1, 68, 142 + 56 * 9], "ten devices cost the home network two messages")
    own = [gaka.xk(gaka.aka_root(k.key, k.node), gid, network.set.rand, gateway.node, network.set.members[k.node][0], 16)
           for k in kmrs[1:]]
    report.equal([network.set.members[k.node][1] for k in kmrs[1:]], own, "each has a key of its own")
    before = home.hn()
    with home.certified_as("gw", GW) as session:
        for kmr in kmrs:
            one = device(kmr)
            if not leads(one, gaka.Network(gateway.node), ask(session, gaka.t10(kmr.node, gateway.node))):
                report.ok(False, "each by itself")
    spent = [now - then for now, then in zip(home.hn(), before, strict=True)]
    report.equal(spent, [10, 10, 600, 1060], "each by itself they cost twenty")


def refusals(report, bed):
    """who is refused, and how"""
    home = Home(bed).start()
    kmrs = devices(home, 3)
    gateway, other = home.issue(GW), home.issue(OTHER)
    gid = group(home, kmrs[:2], [GW, NSCL])
    nobody = group(home, kmrs[:2], [])
    serving = gaka.serving_id(NSCL)

    def answers(session, message, query=""):
        got = ask(session, message, query)
        return got if isinstance(got, int) else ("T12", gaka.refusal(got))
    with home.certified_as("gw", GW) as session:
        t2 = gaka.t2
        report.equal(answers(session, t2(b"\x11" * 8, kmrs[0].node, gateway.node)), ("T12", gaka.UNKNOWN), "an unknown group")
        report.equal(answers(session, t2(nobody, kmrs[0].node, gateway.node)), ("T12", gaka.UNKNOWN),
                     "one that it may not serve looks the same")
        report.equal(answers(session, t2(gid, kmrs[2].node, gateway.node)), ("T12", gaka.NOT_MEMBER), "no member")
        report.equal(answers(session, gaka.t10(kmrs[2].node, gateway.node)), ("T12", gaka.NOT_MEMBER), "no group of the gateway's")
        report.equal(answers(session, gaka.t10(b"\x22" * 16, gateway.node)), ("T12", gaka.NOT_MEMBER),
                     "an unknown device looks the same")
        report.equal(answers(session, t2(gid, kmrs[0].node, other.node)), ("T12", gaka.MAC), "in the name of another gateway")
        report.equal(answers(session, t2(gid, kmrs[1].node, gateway.node), f"?node={other.node.hex()}"), 400,
                     "a gateway asks for nobody else")
        good = t2(gid, kmrs[1].node, gateway.node)
        bad = {"empty": b"", "cut": good[:-1], "longer": good + b"\0", "another length": good[:7] + b"\x45" + good[8:],
               "another type": good[:3] + b"\x03" + good[4:], "another version": b"\x4d\x47\x02" + good[3:],
               "no window": good[:-4] + bytes(4), "T1": gaka.t1(gid, kmrs[1].node), "JSON": b"{}", "2000 octets": bytes(2000)}
        for name, message in bad.items():
            report.equal(answers(session, message), 400, f"{name}: 400")
        report.equal(gaka.kind_of(ask(session, good)), gaka.T3, "a good one after all that")
        report.equal(answers(session, good), ("T12", gaka.BUSY), "another within five seconds is too much")
    with home.certified_as("nscl", NSCL) as session:
        report.equal(answers(session, gaka.t2(gid, kmrs[1].node, gateway.node)), ("T12", gaka.MAC), "an NSCL as a gateway")
        data = ask(session, gaka.t2(gid, kmrs[1].node, serving))
        report.ok(leads(device(kmrs[1], gid), gaka.Network(serving), data), "an NSCL that is in the list serves as well")
        report.equal(answers(session, gaka.t2(gid, kmrs[1].node, gateway.node), f"?node={gateway.node.hex()}"), 403,
                     "for a gateway that has no connection with it: no")
    with home.certified_as("gw", "gw-unknown") as session:
        report.equal(answers(session, gaka.t2(gid, kmrs[1].node, gateway.node)), 403, "a certificate of no node")
    with home.certified_as("msbf", GW) as session:
        report.equal(answers(session, gaka.t2(gid, kmrs[1].node, gateway.node)), 403, "another role")
    with home.certified_as("gw", OTHER) as session:
        report.equal(answers(session, gaka.t2(gid, kmrs[1].node, other.node)), ("T12", gaka.UNKNOWN), "a gateway of no list")
    home.revoke(gateway.node.hex())
    with home.certified_as("gw", GW) as session:
        report.equal(answers(session, gaka.t10(kmrs[1].node, gateway.node)), 403, "a gateway that was revoked")


def resynchronised(report, bed):
    """a device that is out of step, and how often anybody may ask"""
    home = Home(bed).start()
    kmrs, gateway = devices(home, 3), home.issue(GW)
    gid = group(home, kmrs)
    with home.certified_as("gw", GW) as session:
        one, network = device(kmrs[0], gid), gaka.Network(gateway.node)
        one.sqn = 20
        vector = network.take(ask(session, gaka.t2(gid, kmrs[0].node, gateway.node)))
        report.equal(gaka.refusal(one.challenge(network.full(vector, one.begin()))), gaka.SYNC, "its numbers are ahead")
        data = ask(session, gaka.t2(gid, kmrs[0].node, gateway.node, resync=True))
        report.ok(leads(one, network, data) and one.sqn == 33, "the home network goes on by 32", one.sqn)
        for _ in range(2):
            ask(session, gaka.t10(kmrs[0].node, gateway.node, resync=True))
        report.equal(gaka.refusal(ask(session, gaka.t10(kmrs[0].node, gateway.node))), gaka.BUSY, "three in a minute are enough")
        report.equal(gaka.kind_of(ask(session, gaka.t10(kmrs[1].node, gateway.node))), gaka.T11, "another device is none the worse")
        got = [gaka.kind_of(ask(session, gaka.t10(kmrs[1].node, gateway.node))) for _ in range(60)]
        report.ok(got.count(gaka.T11) == 56 and set(got[:56]) == {gaka.T11}, "sixty T10 in a minute, no more", got)
    report.equal(home.count("gaka_failed{reason=BUSY}"), 5, "refusals are counted")


def durable(report, bed):
    """kill -9: numbers never go back"""
    home = Home(bed).start()
    kmrs, gateway = devices(home, 3), home.issue(GW)
    numbers, counters, last = [], {k.node: -1 for k in kmrs[1:]}, None
    for turn in range(4):
        gid = group(home, kmrs, [GW], gid="ab" * 8) if turn == 0 else gid
        network = gaka.Network(gateway.node)
        with home.certified_as("gw", GW) as session:
            def asked():
                nonlocal last
                last = ask(session, gaka.t2(gid, kmrs[0].node, gateway.node, window=100))
                return gaka.kind_of(last) == gaka.T3
            report.ok(wait_for(asked, 30, 0.5), f"turn {turn}: vectors")
            home.kill()
        one = device(kmrs[0], gid)
        leads(one, network, last)
        numbers.append(one.sqn)
        for node, (iv, _) in network.set.members.items():
            report.ok(iv > counters[node], f"turn {turn}: a counter above all that was given", (iv, counters[node]))
            counters[node] = iv + network.set.window - 1
        home.start()
    report.equal(numbers, sorted(set(numbers)), "sequence numbers only grow")
    home.administer("DELETE", f"/groups/{gid.hex()}")
    group(home, kmrs, [GW], gid=gid.hex())
    rows = home.administer("GET", f"/groups/{gid.hex()}")["nodes"]
    report.ok(all(row["iv"] > counters.get(bytes.fromhex(row["nodeId"]), 0) for row in rows),
              "a new group of the same name begins above the old one")
    report.equal(home.administer("POST", "/audit/verify")["sound"], True, "the audit is sound")


# ---- by way of an NSCL ----

def _relayed(report, provider, home):
    kmrs = devices(home, 3)
    gateway = home.issue(GW)
    gid = group(home, kmrs, [GW])
    made = {}
    for kmr, name in [(gateway, GW)] + [(k, f"dev-{i}") for i, k in enumerate(kmrs)]:
        wait_for(lambda k=kmr: psk.handshakes(provider.mid_port, k.identity(), k.psk()))
        made[name] = provider.connected(kmr, name)
    keys = {}
    for index in range(3):
        with provider.session_b(made[f"dev-{index}"]) as session:
            keys[index] = fetch_keys(session, made[f"dev-{index}"])
    report.ok(all(set(k) == {gid} for k in keys.values()), "members get the keys of their groups")
    gaks = [unb64u(k[gid]["gak"]) for k in keys.values()]
    report.ok(len(set(gaks)) == 1 and len(gaks[0]) == 32, "the same key for all")
    report.ok("previous" not in keys[0][gid], "there is none before the first")
    with provider.session_b(made[GW]) as session:
        report.equal(fetch_keys(session, made[GW]), {}, "a gateway is in none")
        got = session.request("POST", "/m2m/gaka", gaka.t2(gid, kmrs[0].node, gateway.node), OCTETS)
        report.equal((got.status, got.header("Content-Type")), (200, gaka.MEDIA), "T2 over a service connection")
        network, leader = gaka.Network(gateway.node), device(kmrs[0], gid)
        report.ok(leads(leader, network, got.body), "and T3")
        member = device(kmrs[1], gid, gaks[:1])
        report.ok(joins(member, network) and joins(member, network), "a member with its keys is authenticated by it alone")
        report.ok(not joins(device(kmrs[2], gid, [bytes(32)]), network), "not with another group key")
        stranger = gaka.Device(kmrs[2].node, gaka.aka_root(kmrs[1].key, kmrs[1].node), gid, gaks[:1])
        report.ok(not joins(stranger, network), "nor a member as another")
        report.equal(gaka.refusal(ask(session, gaka.t10(kmrs[0].node, kmrs[1].node), path="/m2m/gaka")), gaka.MAC,
                     "in the name of another node")
        for name, body, more, status in (("T1", gaka.t1(gid, kmrs[0].node), {}, 400), ("rubbish", b"x" * 68, {}, 400),
                                         ("another type", got.body[:60], {"Content-Type": "text/plain"}, 415)):
            report.equal(session.request("POST", "/m2m/gaka", body, {**OCTETS, **more}).status, status, f"{name}: {status}")
        report.equal(session.request("GET", "/m2m/gaka").status, 405, "no other method")
        with provider.session_b(made[GW]) as long:
            report.equal(long.request("POST", "/m2m/gaka", bytes(300), OCTETS).status, 413, "too long: 413")
        _news(report, provider, home, made, (gid, gateway, kmrs, session))
    with provider.session_a(gateway) as session:
        for path in ("/m2m/gaka", "/m2m/groupKeys", "/m2m/gaka/feed"):
            status = session.request("POST" if path == "/m2m/gaka" else "GET", path, gaka.t10(kmrs[0].node, gateway.node)
                                     if path == "/m2m/gaka" else b"", OCTETS).status
            report.ok(status in (401, 403), f"{path} without a service connection: no", status)
    return kmrs, made, gid


def _news(report, provider, home, made, about):
    gid, gateway, kmrs, session = about

    def feed(since, wait=0):
        answer = session.request("GET", f"/m2m/gaka/feed?since={since}&wait={wait}", headers={"Accept": "application/json"})
        return json.loads(answer.body) if answer.status == 200 else answer.status
    first = feed(0, 30)
    report.equal((first["reset"], first["groups"]), (True, []), "the first time all there is is void")
    report.equal(feed(first["upTo"])["groups"], [], "nothing new")
    group(home, kmrs[1:2], [OTHER])
    foreign = group(home, kmrs[1:2], [OTHER])
    home.administer("POST", f"/groups/{foreign.hex()}/rekey")
    got = []
    waiting = threading.Thread(target=lambda: got.append(feed(first["upTo"], 30)))
    waiting.start()
    home.administer("POST", f"/groups/{gid.hex()}/rekey")
    waiting.join()
    report.equal(got[0]["groups"], [{"gid": gid.hex(), "epoch": 2}], "a new key is told, those of others are not")
    ended = []

    def waits():
        with provider.session_b(made[GW]) as one:
            ended.append(one.request("GET", f"/m2m/gaka/feed?since={got[0]['upTo']}&wait=30").status)
    both = [threading.Thread(target=waits) for _ in range(2)]
    for one in both:
        one.start()
    report.ok(wait_for(lambda: ended == [200], 10), "of a gateway one poll waits: the next one ends it", ended)
    feed(got[0]["upTo"])
    report.ok(wait_for(lambda: ended == [200, 200], 10), "as every one does", ended)
    for one in both:
        one.join()
    with provider.session_b(made["dev-1"]) as other:
        row = fetch_keys(other, made["dev-1"])[gid]
    report.ok(row["epoch"] == 2 and row["previous"]["epoch"] == 1 and row["previous"]["gak"] != row["gak"],
              "members get both for a while", row.keys())
    home.revoke(kmrs[2].node.hex())
    report.ok(wait_for(lambda: feed(got[0]["upTo"])["groups"] == [{"gid": gid.hex(), "epoch": 3, "removed": kmrs[2].node.hex()}]),
              "a node that is revoked leaves, and the gateway is told")
    report.ok(wait_for(lambda: not psk.handshakes(provider.mid_port, made["dev-2"].identity(), made["dev-2"].psk())),
              "it gets no key any more")

    def left_out():
        data = ask(session, gaka.t2(gid, kmrs[0].node, gateway.node), path="/m2m/gaka")
        return gaka.kind_of(data) == gaka.T3 and list(gaka.Set(data).members) == [kmrs[1].node]
    report.ok(wait_for(left_out, 30, 0.5), "nor has it vectors")
    for query in ("since=x", "wait=61", "since=1&since=2"):
        report.equal(session.request("GET", f"/m2m/gaka/feed?{query}").status, 400, f"{query}: 400")


def relayed(report, bed):
    """by way of an NSCL with the MAS in it"""
    provider = Provider(bed, msbf=False, settings={"gaka": {"enabled": True}}).start()
    kmrs, made, gid = _relayed(report, provider, provider)
    provider.kill()
    provider.start()
    with provider.session_b(made["dev-1"]) as session:
        report.equal(fetch_keys(session, made["dev-1"]), 401, "after a crash no number of an object is used twice")
    fresh = group_gaks(provider, kmrs[1], "dev-1")
    report.equal(fresh[gid]["epoch"], 3, "but over a new connection keys are given as before")
    gak = fresh[gid]["gak"]
    report.ok(gak not in provider.log() and unb64u(gak).hex() not in provider.log(), "no key in the log")


def apart(report, bed):
    """by way of an NSCL whose MAS is another process"""
    home = Home(bed).start()
    provider = Provider(bed, roles=["nscl"], mas=home, settings={"gaka": {"enabled": True}}).start()
    _relayed(report, provider, home)


def crowded(report, bed):
    """long polls of one gateway leave room for those of others"""
    home = Home(bed).start()
    path, said = "/mas/v1/group-feed?since={}&wait={}", []
    with home.certified_as("nscl", NSCL) as session:
        since = json.loads(session.request("GET", path.format(0, 0)).body)["upTo"]

    def waits(session):
        with session as one:
            said.append(one.request("GET", path.format(since, 10)).status)
    all_of_them = [threading.Thread(target=waits, args=(home.certified_as("gw", GW),)) for _ in range(8)]
    for one in all_of_them:
        one.start()
    report.ok(wait_for(lambda: len(said) >= 4), "four wait", said)
    report.equal(set(said), {503}, "and no more")
    for role, name in (("gw", OTHER), ("nscl", NSCL)):
        with home.certified_as(role, name) as session:
            report.equal(session.request("GET", path.format(since, 0)).status, 200, f"others are answered: {role}")
    for one in all_of_them:
        one.join()
    report.equal(sorted(said), [200] * 4 + [503] * 4, "in the end")


def off(report, bed):
    """without gaka.enabled there is nothing of it"""
    provider = Provider(bed, msbf=False).start()
    kmr = provider.issue(GW)
    kmc = provider.connected(kmr, GW)
    for method, path in (("POST", "/m2m/gaka"), ("GET", "/m2m/gaka/feed"), ("GET", "/m2m/groupKeys")):
        with provider.session_b(kmc) as session:
            status = session.request(method, path, gaka.t10(kmr.node, kmr.node) if method == "POST" else b"", OCTETS).status
            report.ok(status in (404, 406, 415), f"{method} {path}: not there", status)


if __name__ == "__main__":
    reports.run(administration, vectors, refusals, resynchronised, durable, relayed, apart, crowded, off)
