# SPDX-License-Identifier: Apache-2.0
"""The transcripts of tests/unit/vectors, made again octet by octet by the protocol in Python: for lib/sga.py."""

from .sgacrypt import ed25519_public, ed25519_verify, expand, mac
from .sgagate import Gateway, GatewaySession
from .sgawire import C, REFUSED, Group, Session, Shared, SuiteX, b64u, header, lv8, r1, r2_make, u32, u64


class Given:
    """A generator that gives known octets, in their order."""

    def __init__(self, *parts):
        self.rest = b"".join(parts)

    def __call__(self, n):
        out, self.rest = self.rest[:n], self.rest[n:]
        if len(out) != n:
            raise ValueError("more is drawn than was given")
        return out


def read(path):
    """{name: octets} of a file."""
    with open(path, encoding="ascii") as file:
        lines = (line.split("=") for line in file if not line.startswith("#") and "=" in line)
        return {name.strip(): bytes.fromhex(value.strip()) for name, value in lines}


class Again:
    """A transcript once more; rows: (name, expected, computed)."""

    def __init__(self, v):
        self.v, self.rows = v, []
        self.suite, self.now = v["suite"][0], int.from_bytes(v["now"], "big")
        self.cid, self.cid0 = (int.from_bytes(v[n], "big") for n in ("cid", "cid0"))
        self.gate = self.gateway()
        self.package = self.gate.package
        self.shared = {w: Shared(v[f"kd_{w}"], v[f"id_{w}"], v["id_g"]) for w in "ij"}

    def row(self, name, computed):
        """One comparison."""
        self.rows.append((name, self.v[name].hex(), computed.hex()))
        return computed

    def gateway(self):
        """G, with the keys that are given."""
        v, old = self.v, self.v["package"]
        length = old[22]
        publics, at = [], 23 + length
        for _ in range(2):
            size = int.from_bytes(old[at:at + 2], "big")
            publics.append(old[at + 2:at + 2 + size])
            at += 2 + size
        if self.suite != C:
            publics = [SuiteX.pair(Given(v[n]))[1] for n in ("private_e", "private_f")]
        gate = Gateway(v["id_g"], seed=v["seed_g"], suite=self.suite, keys=list(zip((v["private_e"], v["private_f"]), publics)),
                       group=int.from_bytes(v["group"], "big"), ciphers=int.from_bytes(old[8:10], "big"), serial=int.from_bytes(old[10:14], "big"),
                       not_after=int.from_bytes(old[14:22], "big"))
        self.rows.append(("package", v["package"].hex(), gate.package.octets.hex()))
        self.rows.append(("dp", v["dp"].hex(), gate.package.dp.hex()))
        return gate

    def register(self, who):
        """R1, R2."""
        v = self.v
        message = r1(self.package, self.shared[who], token=v["token"], cid0=self.cid0, ciphers=int.from_bytes(v["package"][8:10], "big"),
                     sign=ed25519_public(v[f"seed_{who}"]), time=self.now, n=v[f"n_r1_{who}"], rng=Given(v[f"enc_random_r1_{who}"]))
        self.row(f"r1_{who}", message)
        self.row(f"r2_{who}", r2_make(self.shared[who], message, count=int.from_bytes(v["registrations"], "big")))

    def phases(self):
        """A1 to B6; the two sessions."""
        v = self.v
        i = Session.invite(self.package, self.shared["i"], v["id_j"], self.cid, sid=v["sid"], seed=v["seed_i"],
                           rng=Given(v["kt_i"], v["enc_random_a1"]))
        a1 = self.row("a1", i.a1(time=self.now))
        g = GatewaySession(self.gate, a1, {v[f"id_{w}"]: self.shared[w] for w in "ij"}.get, lambda _: self.cid0)
        a2 = self.row("a2", g.a2(v["n_g"]))
        j = Session.invited(self.package, self.shared["j"], a2, self.cid0, seed=v["seed_j"], rng=Given(v["kt_j"], v["n_j"], v["enc_random_a3"]))
        a3 = self.row("a3", j.a3(time=self.now))
        g.a3_take(a3)
        a4 = self.row("a4", g.a4())
        i.a4_take(a4)
        i.rng, j.rng = Given(v["r_i"], v["f_random_i"]), Given(v["r_j"], v["f_random_j"])
        b1 = self.row("b1", i.b1())
        self.row("k_is", i.kis_key)
        g.b1_take(b1)
        j.b2_take(self.row("b2", g.b2()))
        b3 = self.row("b3", j.b3())
        self.row("k_js", j.kis_key)
        g.b3_take(b3)
        to_i, to_j = g.b6(v["r_s"])
        i.b6_take(self.row("b6_i", to_i))
        j.b6_take(self.row("b6_j", to_j))
        for name, role, ctr in (("end_i", b"i", 1), ("end_j", b"j", 2)):
            self.row(name, g.hops[role].seal("down", g.head(10, ctr, REFUSED), b""))
        return i, j

    def records(self, i, j):
        """Phase C and what both have."""
        v, said = self.v, [b"", b"hello from j at once", b"hello from i", b"hello from j"]
        self.row("plain", b"".join(said))
        for name, one, other, text in zip(("conf_i", "conf_j", "data_i", "data_j"), (i, j, i, j), (j, i, j, i), said):
            self.rows.append((f"{name} opens", text, other.open(self.row(name, one.record(text)))[1]))
        self.row("th", i.th)
        self.row("prk", i.prk)
        for name, value in (("k_ij", i.keys["out"][0]), ("iv_ij", i.keys["out"][1]), ("k_ji", i.keys["in"][0]), ("iv_ji", i.keys["in"][1]), ("k_conf", i.th_conf)):
            self.row(name, value)
        self.row("export_vector", expand(i.prk, b"SGA/1 exportvector", len(v["export_vector"])))

    def group(self):
        """Group key, group records, notice."""
        v = self.v
        group = Group.of(v["group_data"], self.suite)
        self.rows.append(("group_data", v["group_data"].hex(), group.message().hex()))
        self.row("group_id", group.gid)
        self.row("group_key", group.gk)
        for number in range(2):
            _, ctr, data = group.open(v[f"group_record_{number}"])
            self.row(f"group_record_{number}", group.seal(v["id_i"], v["seed_i"], data, ctr))
        front = header(self.suite, 0x30, group.gid) + u32(group.epoch) + lv8(v["id_j"])
        self.row("notice_of_j", front + mac(self.shared["i"].auth, b"left", front))

    def others(self):
        """The proof of a request, errors."""
        v = self.v
        text = v["request_tag"].decode().split(";")
        target = v["request_target"].decode()
        path, _, query = target.partition("?")
        kept = "&".join(q for q in query.split("&") if not q.startswith("x-m2m-sga="))
        proof = self.shared["i"].proof(int(text[1]), v["request_method"].decode(), path + ("?" + kept if kept else ""), v["request_body"])
        self.row("request_tag", proof.encode())
        assert proof.startswith(b64u(v["id_i"]))
        front = header(self.suite, 15, v["sid"])
        self.row("error_challenge", front + b"\4" + mac(v["cookie"], v["sid"], v["peer"], u64(self.now // 60))[:8])
        self.row("error_refused", front + b"\2" + bytes(8))


def rows(path):
    """(name, expected, computed) of all that is in a file."""
    again = Again(read(path))
    again.register("i")
    again.register("j")
    again.records(*again.phases())
    again.group()
    again.others()
    verify = ed25519_verify(again.gate.verify_key, b"SGA/1 package\0" + again.v["package"][:-64], again.v["package"][-64:])
    again.rows.append(("signature of the package", True, verify))
    return again.rows
