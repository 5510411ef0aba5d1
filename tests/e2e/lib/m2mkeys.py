# SPDX-License-Identifier: Apache-2.0
"""The keys of TS 102 690 clause 8 from outside: derivations, PSK identities, parameter sets.

Written for the tests alone, with hashlib; `python3 -m lib.m2mkeys` compares with known values.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from . import xml

BOOT_LABEL = "EXPORTER-ETSI-TC-M2M-Bootstrap"
CONN_LABEL = "EXPORTER-ETSI-TC-M2M-Connection"
KEY = 32
WRAP_IV = "a6a6a6a6a6a6a6a6"     # RFC 3394
D2N, N2D = 1, 2


def digest(data):
    """SHA-256."""
    return hashlib.sha256(data).digest()


def u16(n):
    """2 octets."""
    return n.to_bytes(2, "big")


def u32(n):
    """4 octets."""
    return n.to_bytes(4, "big")


def u64(n):
    """8 octets."""
    return n.to_bytes(8, "big")


def lv8(data):
    """Length in one octet, data."""
    return bytes([len(data)]) + data


def lv16(data):
    """Length in two octets, data."""
    return u16(len(data)) + data


def mac(key, data):
    """HMAC-SHA-256."""
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(key, label, context, length=KEY):
    """M2M-EXPAND: HKDF-Expand with the label scheme."""
    info = u16(length) + lv8(b"m2m1 " + label.encode()) + lv16(context)
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = mac(key, block + info + bytes([count]))
        out += block
    return out[:length]


def wrap(kek, key, unwrap=False):
    """AES-256 key wrap; None when unwrapping fails."""
    done = subprocess.run(["openssl", "enc", "-d" if unwrap else "-e", "-id-aes256-wrap", "-K", kek.hex(), "-iv", WRAP_IV],
                          input=key, capture_output=True, timeout=60)
    return done.stdout if done.returncode == 0 and done.stdout else None


class Kmr:
    """A root key with the node it belongs to."""

    def __init__(self, key, node, index):
        self.key, self.node, self.index = key, bytes.fromhex(node) if isinstance(node, str) else node, index

    @classmethod
    def derived(cls, e_boot, ppid, node, index, msbf):
        """Of a bootstrap in derive mode."""
        node = bytes.fromhex(node) if isinstance(node, str) else node
        ppid = bytes.fromhex(ppid) if isinstance(ppid, str) else ppid
        return cls(expand(e_boot, "kmr", lv8(ppid) + node + u32(index) + lv16(msbf.encode())), node, index)

    def identity(self, version=3):
        """PSK identity of session A."""
        return f"mr{version}.{self.node.hex()}.{self.index}"

    def psk(self, version=3):
        """PSK of session A."""
        return expand(self.key, f"psk mr{version}", self.node + u32(self.index))

    def extract(self, e_conn):
        """HKDF-Extract that Kmc comes from."""
        return mac(e_conn, self.key)

    def connect(self, e_conn, connection, kmc_index, scl_id):
        """The service connection that session A led to."""
        context = self.node + u32(self.index) + u64(connection) + u32(kmc_index) + lv16(scl_id.encode())
        return Kmc(expand(self.extract(e_conn), "kmc", context), connection, kmc_index, scl_id)

    def kek_conn(self, connection, kmc_index):
        """Wraps Kmc in the parameter set."""
        return expand(self.key, "kek conn", self.node + u64(connection) + u32(kmc_index))

    def ival_key(self):
        """K_ival."""
        return expand(self.key, "ival", self.node)

    def trigger_key(self):
        """K_trg."""
        return expand(self.key, "trigger", self.node)

    def indicator_key(self):
        """K_ind."""
        return expand(self.key, "indicator", self.node)

    def signed_ival(self, results, stamp, scl_id):
        """signedIvalResult."""
        data = b"m2m1 ival" + self.node + u64(results) + lv8(stamp.encode()) + lv16(scl_id.encode())
        return int.from_bytes(mac(self.ival_key(), data)[:8], "big") & (2**63 - 1)

    def check(self):
        """Check value, as it may be shown."""
        return expand(self.key, "check", b"")[:4]


class Kmc:
    """A connection key."""

    def __init__(self, key, connection, index, scl_id):
        self.key, self.connection, self.index, self.scl_id = key, connection, index, scl_id
        self.context = u64(connection) + u32(index)

    def identity(self, version=3, kind="mc"):
        """PSK identity of session B; kind mn: of the one that the NSCL opens."""
        return f"{kind}{version}.{self.connection:016x}.{self.index}"

    def psk(self, version=3, kind="mc"):
        """PSK of session B, or B'."""
        return expand(self.key, f"psk {kind}{version}", self.context)

    def kma(self, app_id):
        """Key of an application."""
        return expand(self.key, "kma", lv16(app_id.encode()) + lv16(self.scl_id.encode()) + u32(self.index))

    def ma_identity(self, app_id, version=3):
        """PSK identity of an application."""
        return f"ma{version}.{self.connection:016x}.{digest(app_id.encode())[:8].hex()}.{self.index}"

    def ma_psk(self, app_id, version=3):
        """PSK of an application."""
        return expand(self.kma(app_id), f"psk ma{version}", self.context + digest(app_id.encode())[:8])

    def object_key(self, direction):
        """JWE key of a direction."""
        return expand(self.key, "obj d2n" if direction == D2N else "obj n2d", self.context)

    def access_header(self, method, path, counter, body=b""):
        """X-M2M-Connection."""
        key = expand(self.key, "hdr", self.context)
        data = lv16(method.encode()) + lv16(path.encode()) + u64(counter) + digest(body)
        return f"{self.connection:016x};{counter};{mac(key, data)[:16].hex()}"


REASONS = {"connect": 1, "renew": 2, "refresh": 3, "manage": 4, "bootstrap": 5, "locate": 6}


def trigger(kmr, reason, counter, not_after, port, host, scheme=1):
    """A token that wakes a node (MTG1)."""
    host = host.encode()
    before = (b"MTG1\x80" + bytes([REASONS.get(reason, reason)]) + u16(60 + len(host)) + kmr.node + u64(counter) +
              u64(not_after) + u16(port) + bytes([scheme]) + lv8(host))
    return before + mac(kmr.trigger_key(), before)[:16]


def kek_boot(e_boot, node, index):
    """Wraps Kmr in the bootstrapParamSet."""
    return expand(e_boot, "kek boot", node + u32(index))


# ---- object security: compact JWE, dir + A256GCM ----

def b64u(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    """The reverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwe_header(kmc, direction, seq, method, target, media_type, **changes):
    """Protected header, members in their order."""
    kid = f"mc.{kmc.connection:016x}.{kmc.index}.{'d2n' if direction == D2N else 'n2d'}"
    members = {"alg": "dir", "enc": "A256GCM", "kid": kid, "cty": media_type, "seq": seq, "htm": method, "htu": target}
    members.update(changes)
    return json.dumps({k: v for k, v in members.items() if v is not None}, separators=(",", ":"))


# ---- signed rejects ----

def reject(key_file, node, nonce, cause, *, permanent=True, when=None, retry_after=0, sp_id="sp1.example"):
    """X-M2M-Reject, signed by the key of that PEM file."""
    sp_id = sp_id.encode()
    total = 4 + 1 + 1 + 2 + 16 + 16 + 8 + 4 + 1 + len(sp_id) + 64
    text = b"MRJ1" + bytes([cause, 1 if permanent else 0]) + u16(total) + node + nonce
    text += u64(int(time.time() if when is None else when)) + u32(retry_after) + lv8(sp_id)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"M2M-REJECT-v1\0" + text)
        file.flush()
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-in", file.name, "-inkey", key_file],
                              capture_output=True, check=True, timeout=60)
    return b64u(text + done.stdout)


# ---- parameter sets ----

class ParamSet:
    """bootstrapParamSet or connectionParamSet, from XML or JSON."""

    def __init__(self, body):
        self.values = {}
        if body.lstrip()[:1] == b"{":
            document = next(iter(json.loads(body).values()))
            self.values = {name.split(":")[-1]: value for name, value in document.items()}
        else:
            root = ElementTree.fromstring(body)
            for node in root:
                self.values[node.tag.split("}")[-1]] = node.text or ""
            self.values["sclIdList"] = xml.texts(root, "reference")

    def __getitem__(self, name):
        return self.values[name]

    def get(self, name):
        """A value, or None."""
        return self.values.get(name)

    @property
    def kmr_index(self):
        """securityKmrIndex."""
        return int(self["securityKmrIndex"])

    def key(self, kek=None):
        """The key that is in it, unwrapped; None without."""
        if self.get("securityM2MKey"):
            return bytes.fromhex(self["securityM2MKey"])
        if self.get("securityEncryptedM2MKey") and kek:
            return wrap(kek, bytes.fromhex(self["securityEncryptedM2MKey"]), unwrap=True)
        return None

    def connection(self, kmr, e_conn):
        """The Kmc of a connectionParamSet by the derivation; does not look at the key that is in it."""
        return kmr.connect(e_conn, int(self["securityConnectionId"]), int(self["securityKmcIndex"]), self["sclId"])

    def confirmed(self, kmr, e_conn):
        """The key in it is the derived one."""
        kmc = self.connection(kmr, e_conn)
        return self.key(kmr.kek_conn(kmc.connection, kmc.index)) == kmc.key


_SET = """<m2m:connectionParamSet xmlns:m2m="{ns}"><m2m:securityConnectionId>{kmc.connection}</m2m:securityConnectionId>
<m2m:securityKmcIndex>{kmc.index}</m2m:securityKmcIndex><m2m:securityLifetime>{until}</m2m:securityLifetime>
<m2m:{name}>{key}</m2m:{name}><m2m:sclId>{kmc.scl_id}</m2m:sclId>
<m2m:securitymIdFlags>{flags}</m2m:securitymIdFlags></m2m:connectionParamSet>"""


_BOOT_SET = """<m2m:bootstrapParamSet xmlns:m2m="{ns}"><m2m:securityM2MNodeId>{node}</m2m:securityM2MNodeId>
<m2m:securityKmrIndex>{kmr.index}</m2m:securityKmrIndex><m2m:securityLifetime>{until}</m2m:securityLifetime>
<m2m:securityM2MKey>{key}</m2m:securityM2MKey><m2m:sclId>{scl_id}</m2m:sclId>
<m2m:sclIdList><reference>{nscl}</reference></m2m:sclIdList></m2m:bootstrapParamSet>"""


def bootstrap_set(kmr, scl_id, nscl, until):
    """A bootstrapParamSet to import, in transport form."""
    return _BOOT_SET.format(ns=xml.M2M, node=kmr.node.hex(), kmr=kmr, until=until, key=kmr.key.hex(), scl_id=scl_id, nscl=nscl)


def connection_set(kmc, until, *, kek=None, key=None, flags="4000"):
    """A connectionParamSet as a NSCL would send it; kek: in the form of v2.1.1."""
    key = key or kmc.key
    name, value = ("securityEncryptedM2MKey", wrap(kek, key)) if kek else ("securityM2MKey", key)
    return _SET.format(ns=xml.M2M, kmc=kmc, until=until, name=name, key=value.hex(), flags=flags)


# ---- known values ----

_KNOWN = {
    "Kmr (derive)": "89b9edc48692222d1d76ab998702cfe0ae4a8c1572bf25daff0350b6aec40667",
    "KEK_boot": "feb995c17cd3b9a7bceedf5c8320c056dc53b6d64dd2594d864163067aa8b749",
    "PSK_mr2": "6a98cb77cf74f54a4ae69dfda25280142a2b313ecde1187baccd372ebf77bee0",
    "PSK_mr3": "b90c7c3783f868c6c82b87ae2cd3f6cd36ab355b846bee01ee63c97b20f571c8",
    "Extract": "6c27b652972b5c6edd52651eb123475564fd7737ce2ccdbac4f7db3d84706a5e",
    "Kmc": "6e1289f53d225aee4b9a8a53b69e7266a32ab99de8fca672205cf3aa734de144",
    "KEK_conn": "a5de84161e2cd5ac47e7974315c510b2c86e5f54a88e8994ca83abdea05360f7",
    "wrapped Kmc": "1d6f17a76a6c572e52af3d1650dd44f0fb95c6e9f0a61203e207c295464546da550e72efd8a0be67",
    "PSK_mc2": "a187d4118cf1a666017910c38d424aa01e3ee45a80a57cd2dfa637e63ea595f4",
    "PSK_mc3": "f942e7dc9d8119631306c934393ab2f7c846671b6ca86331f757e18b7b6cfbc5",
    "PSK_mn2": "5be3180c0b1b7f224e77f9869d3ecf0f075234f54aa893ea4fa598148cea9aff",
    "PSK_mn3": "2a7b1e98301dcb7fa1bfa96d8dc3b8917936f258ac07036d3d5bbc096c7a2a72",
    "Kma": "fd5739a39b60feab33fe16e5b7aca0ac4a0a838a5651c19ea3dd0d78186dfb07",
    "PSK_ma3": "170e691492155ecc0b800703cf17451c9169f2f3e5fccc956b1b3ac2ee2f8e0d",
    "K_obj_d2n": "9e896f6561768e2212d60e8bd45dd48ccc6d5ac7957f7ca22880b8bae37d270c",
    "K_obj_n2d": "ca4339d67208664cd7cb93c62c35b813bc1d88c65a72a290e18703bd5997a0a2",
    "K_trg": "40b86d3ae55bedc8707f6d221243c1475dbf945c2ba0a22712bbff1fd186cc9f",
    "K_ival": "f0154f4b3b2b3a023a6a0a1b1edcbb6ff4c856446402cfbf2c9980e9022a3007",
    "K_ind": "18507067cfff24ab8170df64783e376205a362ebaa2c9f0d085916e15d0bb112",
    "signedIvalResult": "5b7d1ff67be6ead8",
    "identity of ma": "ma3.1122334455667788.7f617789285a8bb3.1",
}


def known():
    """(name, expected, computed) of every known value."""
    node, ppid = "01bcad980102030405060708090a0b0c", "503c71bf0a1b2c00124b0001020304"
    e_boot, e_conn = b"\xb0" * 32, b"\xe0" * 32
    kmr = Kmr(bytes(range(32)), node, 1)
    kmc = kmr.connect(e_conn, 0x1122334455667788, 1, "gscl-0102")
    kek = kmr.kek_conn(kmc.connection, 1)
    got = {
        "Kmr (derive)": Kmr.derived(e_boot, ppid, node, 1, "msbf.sp1.example").key,
        "KEK_boot": kek_boot(e_boot, kmr.node, 1), "PSK_mr2": kmr.psk(2), "PSK_mr3": kmr.psk(3),
        "Extract": kmr.extract(e_conn), "Kmc": kmc.key, "KEK_conn": kek, "wrapped Kmc": wrap(kek, kmc.key),
        "PSK_mc2": kmc.psk(2), "PSK_mc3": kmc.psk(3), "PSK_mn2": kmc.psk(2, "mn"), "PSK_mn3": kmc.psk(3, "mn"),
        "Kma": kmc.kma("meterApp"), "PSK_ma3": kmc.ma_psk("meterApp"), "K_obj_d2n": kmc.object_key(D2N),
        "K_obj_n2d": kmc.object_key(N2D), "K_trg": kmr.trigger_key(), "K_ival": kmr.ival_key(),
        "K_ind": kmr.indicator_key(),
        "signedIvalResult": u64(kmr.signed_ival(0x1f, "2023-11-14T22:13:20Z", "gscl-0102")),
        "identity of ma": kmc.ma_identity("meterApp"),
    }
    return [(name, want, got[name] if isinstance(got[name], str) else got[name].hex()) for name, want in _KNOWN.items()]


if __name__ == "__main__":
    for _name, _want, _got in known():
        print("ok" if _want == _got else f"not ok, want {_want}", _name, _got)
