# SPDX-License-Identifier: Apache-2.0
"""Group authentication and key agreement from outside: messages T1..T12, keys, and the three roles.

Written for the tests alone, over lib.m2mkeys; `python3 -m lib.gaka` compares with known values.
"""

import hmac
import secrets
import struct

from .m2mkeys import digest, expand, mac, u16, u64

GID, ID, N, TAG, AUTN = 8, 16, 16, 16, 26
T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12 = range(1, 13)
UNKNOWN, NOT_MEMBER, MAC, SYNC, EXPIRED, BUSY = range(1, 7)
AMF = bytes.fromhex("8000")
MEDIA = "application/octet-stream"


# ---- keys ----

def aka_root(kmr, node):
    """KA."""
    return expand(kmr, "aka root", node)


def f1(ka, rand, sqn, sn):
    """MAC."""
    return expand(ka, "aka f1", rand + u64(sqn) + AMF + sn, TAG)


def f2(ka, rand, sn):
    """RES."""
    return expand(ka, "aka f2", rand + sn, TAG)


def f3(ka, rand, sqn, sn):
    """KS of a leader, or of a device for itself."""
    return expand(ka, "aka f3", rand + u64(sqn) + sn)


def f5(ka, rand):
    """AK."""
    return expand(ka, "aka f5", rand, 8)


def xor(a, b):
    """Of two strings of one length."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def autn(ka, rand, sqn, sn):
    """AUTN."""
    return xor(u64(sqn), f5(ka, rand)) + AMF + f1(ka, rand, sqn, sn)


def open_autn(ka, rand, token, sn):
    """The sequence number in AUTN; None when its MAC or AMF is wrong."""
    sqn = int.from_bytes(xor(token[:8], f5(ka, rand)), "big")
    return sqn if hmac.compare_digest(token, autn(ka, rand, sqn, sn)) else None


def hxres(rand, res):
    """What the serving network compares with."""
    return digest(b"m2m1 hxres" + rand + res)[:TAG]


def gtk(gak, gid, rand, sn):
    """The group's temporary key."""
    return expand(gak, "gtk", gid + rand + sn)


def xk(ka, gid, rand, sn, iv, window):
    """A member's own key in a set of vectors."""
    return expand(ka, "gaka xk", gid + rand + sn + u64(iv) + u16(window))


def kauth(group, own):
    """KAUTH_i."""
    return mac(group, own)


def tag_sn(key, t1, t7):
    """t7: the payload before the tag, or all of the message."""
    return expand(key, "gaka sn", t1 + (t7[8:-TAG] if t7[:4] == b"\x4d\x47\x01\x07" else t7), TAG)


def tag_ue(key, t1, t7):
    """The answer of a member."""
    return expand(key, "gaka ue", t1 + t7, TAG)


def tag_ok(key, t1, t7, t8):
    """The end of it."""
    return expand(key, "gaka ok", digest(t1 + t7 + t8), TAG)


def ks_member(key, t1, t7, t8):
    """KS_i."""
    return expand(key, "gaka ks", digest(t1 + t7 + t8))


def aka_ok(ks, t4, t5):
    """The payload of T6."""
    return mac(ks, b"m2m1 aka ok" + t4 + t5)[:TAG]


def psk(ks, c, version=3):
    """Of the session with the identity ga<v>."""
    return expand(ks, f"psk ga{version}", u64(c))


def identity(gid, node, version=3):
    """PSK identity."""
    return f"ga{version}.{gid.hex()}.{node.hex()}"


def serving_id(scl_id):
    """Stands for an NSCL as a serving network."""
    return digest(b"m2m1 snid" + scl_id.encode())[:ID]


# ---- messages ----

def message(kind, payload):
    """Header and payload."""
    return b"\x4d\x47\x01" + bytes([kind]) + (8 + len(payload)).to_bytes(4, "big") + payload


def payload(data, kind=None):
    """What is behind a header that is right; ValueError otherwise."""
    if len(data) < 8 or data[:3] != b"\x4d\x47\x01" or int.from_bytes(data[4:8], "big") != len(data):
        raise ValueError(f"no message: {data[:16].hex()} ({len(data)} octets)")
    if kind is not None and data[3] != kind:
        raise ValueError(f"T{data[3]} in place of T{kind}: {data[8:9].hex()}")
    return data[8:]


def kind_of(data):
    """Number of the message."""
    payload(data)
    return data[3]


def refusal(data):
    """The reason of a T12; None when it is another message."""
    return payload(data)[0] if kind_of(data) == T12 else None


def t1(gid, node, nonce=None):
    """Device to serving network."""
    return message(T1, gid + node + (nonce or secrets.token_bytes(N)))


def t2(gid, leader, sn, window=16, nonce=None, resync=False):
    """Serving to home network."""
    return message(T2, gid + leader + (nonce or secrets.token_bytes(N)) + sn + u16(window) + u16(int(resync)))


def t10(node, sn, nonce=None, resync=False):
    """The same for one device."""
    return message(T10, node + (nonce or secrets.token_bytes(N)) + sn + u16(1) + u16(int(resync)))


class Vector:
    """What authenticates one device by itself: the beginning of T3, T11."""

    def __init__(self, data):
        self.rand, self.autn, self.hxres, self.ks = data[:16], data[16:42], data[42:58], data[58:90]


class Set(Vector):
    """A T3."""

    def __init__(self, data):
        body = payload(data, T3)
        super().__init__(body)
        self.gtk, (self.expiry, self.window, count) = body[90:122], struct.unpack(">QHH", body[122:134])
        rows = body[134:]
        if len(rows) != 56 * count:
            raise ValueError("T3: its length")
        self.members = {}
        for at in range(0, len(rows), 56):
            row = rows[at:at + 56]
            self.members[row[:16]] = (int.from_bytes(row[16:24], "big"), row[24:])
        if len(self.members) != count:
            raise ValueError("T3: a member twice")


class Single(Vector):
    """A T11."""

    def __init__(self, data):
        body = payload(data, T11)
        super().__init__(body)
        if len(body) != 98:
            raise ValueError("T11: its length")
        self.expiry = int.from_bytes(body[90:], "big")


# ---- roles ----

class Device:
    """Leader, member, or a device for itself."""

    def __init__(self, node, ka, gid=b"\0" * GID, gaks=()):
        self.node, self.ka, self.gid, self.gaks = node, ka, gid, list(gaks)
        self.sqn, self.last, self.ks, self.c = 0, {}, None, None

    def begin(self, nonce=None):
        """T1."""
        self.t1 = t1(self.gid, self.node, nonce)
        return self.t1

    def challenge(self, data):
        """T5 to T4, T8 to T7, or a T12."""
        return self._full(data) if kind_of(data) == T4 else self._member(data)

    def _full(self, data):
        body = payload(data, T4)
        rand, token, sn = body[:16], body[16:42], body[42:]
        sqn = open_autn(self.ka, rand, token, sn)
        if sqn is None:
            return message(T12, bytes([MAC]) + bytes(15))
        if sqn <= self.sqn:
            return message(T12, bytes([SYNC]) + bytes(15))
        self.sqn, self.sn, self.pending = sqn, sn, f3(self.ka, rand, sqn, sn)
        self.c = int.from_bytes(token[:8], "big")
        answer = message(T5, f2(self.ka, rand, sn))
        self.expected = message(T6, aka_ok(self.pending, data, answer))
        return answer

    def _member(self, data):
        body = payload(data, T7)
        rand, sn, (iv, window, c) = body[:16], body[16:32], struct.unpack(">QHQ", body[32:50])
        for gak in self.gaks:
            key = kauth(gtk(gak, self.gid, rand, sn), xk(self.ka, self.gid, rand, sn, iv, window))
            if hmac.compare_digest(tag_sn(key, self.t1, data), body[-TAG:]):
                break
        else:
            return message(T12, bytes([MAC]) + bytes(15))
        if not iv <= c < iv + window or c <= self.last.get(sn, 0):
            return message(T12, bytes([MAC]) + bytes(15))
        self.last[sn], self.sn, self.c = c, sn, c
        answer = message(T8, tag_ue(key, self.t1, data))
        self.pending = ks_member(key, self.t1, data, answer)
        self.expected = message(T9, tag_ok(key, self.t1, data, answer))
        return answer

    def confirm(self, data):
        """T6 or T9: True when the key is agreed."""
        if not hmac.compare_digest(data, self.expected):
            return False
        self.ks = self.pending
        return True


class Network:
    """A serving network with its set of vectors, for a group."""

    def __init__(self, sn):
        self.sn, self.set, self.used, self.open = sn, None, {}, {}

    def take(self, data):
        """A T3."""
        self.set, self.used = Set(data), {}
        return self.set

    def full(self, vector, first):
        """T4 for the device of that T1."""
        answer = message(T4, vector.rand + vector.autn + self.sn)
        self.open[first[16:32]] = ("full", vector, first, answer)
        return answer

    def member(self, first, ns=None):
        """T7 for a member."""
        node = first[16:32]
        iv, own = self.set.members[node]
        c = self.used.get(node, iv)
        self.used[node] = c + 1
        body = self.set.rand + self.sn + u64(iv) + u16(self.set.window) + u64(c) + (ns or secrets.token_bytes(N))
        key = kauth(self.set.gtk, own)
        answer = message(T7, body + tag_sn(key, first, body))
        self.open[node] = ("member", key, first, answer)
        return answer

    def answer(self, node, data):
        """T6 or T9 and the key; (T12, None) when the device is not who it says."""
        how, what, first, challenge = self.open[node]
        no = (message(T12, bytes([MAC]) + bytes(15)), None)
        if how == "full":
            if kind_of(data) != T5 or hxres(what.rand, payload(data)) != what.hxres:
                return no
            return message(T6, aka_ok(what.ks, challenge, data)), what.ks
        if kind_of(data) != T8 or payload(data) != tag_ue(what, first, challenge):
            return no
        return message(T9, tag_ok(what, first, challenge, data)), ks_member(what, first, challenge, data)


def _check():
    def same(name, value, known):
        if value.hex() != known:
            raise SystemExit(f"{name}: {value.hex()}, not {known}")

    def node(i):
        return bytes.fromhex("01bcad98") + bytes(11) + bytes([i])

    gid, gak, sn = bytes(range(0xa1, 0xa9)), b"\xaa" * 32, b"\x5e" * 16
    rand = bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")
    ka = {i: aka_root(digest(b"kmr" + str(i).encode()), node(i)) for i in (1, 2)}
    same("KA_1", ka[1], "605a0392bcef021c658a8b209b8ed76620b03bccf58f73cf4a9d7bc14223c492")
    token = autn(ka[1], rand, 5, sn)
    same("AUTN", token, "49f1b439c52f22a38000559b98b1ad65a064ea51aca0e347c3c7")
    assert open_autn(ka[1], rand, token, sn) == 5 and open_autn(ka[2], rand, token, sn) is None
    res = f2(ka[1], rand, sn)
    same("RES", res, "bc9cd225c172b1908f03b3a125d0085e")
    same("HXRES", hxres(rand, res), "ada413846b688777da648f1b576ec1e2")
    ks = f3(ka[1], rand, 5, sn)
    same("KS_1", ks, "3a1be362becb0d94186165c403159573d82530cd4f91d262dca1074ee6a2899e")
    t4, t5 = message(T4, rand + token + sn), message(T5, res)
    same("T6", aka_ok(ks, t4, t5), "bd4917446ad4c6d6f2a62845ffdfdb17")
    group, own = gtk(gak, gid, rand, sn), xk(ka[2], gid, rand, sn, 100, 16)
    same("GTK", group, "6d1f5105d56d9498e7707a425284abb2c485b4eeda250ac287e9cee1597e4641")
    same("XK_2", own, "e3a83ff78a8e7360ab5ea6c97466984f67d82004fab3254481aadf1ecadeadce")
    key = kauth(group, own)
    same("KAUTH_2", key, "14606e6466a687a7e7164b25a3a9c35b90996d5d6aa6e6a7cd10cf306f080762")
    first = t1(gid, node(2), b"\x22" * 16)
    body = rand + sn + u64(100) + u16(16) + u64(100) + b"\x33" * 16
    same("TAG_SN", tag_sn(key, first, body), "000ba36798428ba822c8e62ca76c4603")
    t7 = message(T7, body + tag_sn(key, first, body))
    same("TAG_SN of the message", tag_sn(key, first, t7), "000ba36798428ba822c8e62ca76c4603")
    same("TAG_UE", tag_ue(key, first, t7), "e36f66e6253b9fc0da87e6810ca5a439")
    t8 = message(T8, tag_ue(key, first, t7))
    same("TAG_OK", tag_ok(key, first, t7, t8), "cbd9e860dd0ae18e2ed65c78fc8c873a")
    same("KS_2", ks_member(key, first, t7, t8), "0e086b9a7b092ff347b2ff21aa5601f6d4403a19584b234532fe8dc7eaa54a42")
    assert [len(m) for m in (first, t2(gid, node(1), sn), t4, t5, t7, t8, t10(node(1), sn))] == [48, 68, 66, 24, 90, 24, 60]


if __name__ == "__main__":
    _check()
    print("gaka: known values are right")
