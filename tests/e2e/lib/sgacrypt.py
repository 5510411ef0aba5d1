# SPDX-License-Identifier: Apache-2.0
"""What the SGA is built of, once more, for the tests alone: hashlib, hmac, integers, and libcrypto.so.3 by ctypes for the rest.

Nothing here is constant in time or wiped. `python3 -m lib.sgacrypt` compares with published values.
"""

import ctypes
import hashlib
import hmac
import os

_lib = ctypes.CDLL("libcrypto.so.3")
for _name in ("EVP_CIPHER_fetch", "EVP_CIPHER_CTX_new", "EVP_PKEY_new_raw_private_key", "EVP_PKEY_new_raw_public_key",
              "EVP_PKEY_CTX_new", "EVP_MD_CTX_new"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_V, _I, _S = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_lib.EVP_CIPHER_fetch.argtypes = [_V, ctypes.c_char_p, ctypes.c_char_p]
_lib.EVP_CIPHER_CTX_ctrl.argtypes = [_V, _I, _I, _V]
_lib.EVP_CIPHER_CTX_free.argtypes = [_V]
_lib.EVP_CipherInit_ex.argtypes = [_V, _V, _V, ctypes.c_char_p, ctypes.c_char_p, _I]
_lib.EVP_CipherUpdate.argtypes = [_V, ctypes.c_char_p, ctypes.POINTER(_I), ctypes.c_char_p, _I]
_lib.EVP_CipherFinal_ex.argtypes = [_V, ctypes.c_char_p, ctypes.POINTER(_I)]
_lib.EVP_PKEY_new_raw_private_key.argtypes = [_I, _V, ctypes.c_char_p, _S]
_lib.EVP_PKEY_new_raw_public_key.argtypes = [_I, _V, ctypes.c_char_p, _S]
_lib.EVP_PKEY_get_raw_public_key.argtypes = [_V, ctypes.c_char_p, ctypes.POINTER(_S)]
_lib.EVP_PKEY_free.argtypes = [_V]
_lib.EVP_PKEY_CTX_new.argtypes = [_V, _V]
_lib.EVP_PKEY_CTX_free.argtypes = [_V]
_lib.EVP_PKEY_derive_init.argtypes = [_V]
_lib.EVP_PKEY_derive_set_peer.argtypes = [_V, _V]
_lib.EVP_PKEY_derive.argtypes = [_V, ctypes.c_char_p, ctypes.POINTER(_S)]
_lib.EVP_MD_CTX_free.argtypes = [_V]
_lib.EVP_DigestSignInit.argtypes = [_V, _V, _V, _V, _V]
_lib.EVP_DigestSign.argtypes = [_V, ctypes.c_char_p, ctypes.POINTER(_S), ctypes.c_char_p, _S]
_lib.EVP_DigestVerifyInit.argtypes = [_V, _V, _V, _V, _V]
_lib.EVP_DigestVerify.argtypes = [_V, ctypes.c_char_p, _S, ctypes.c_char_p, _S]

_X25519, _ED25519 = 1034, 1087
_SET_IV, _GET_TAG, _SET_TAG = 9, 16, 17


class Bad(Exception):
    """Something is not authentic, or is no element of what it has to be."""


# ---- hashes ----

def sha(data):
    """SHA-256."""
    return hashlib.sha256(data).digest()


def mac(key, *parts):
    """HMAC-SHA-256."""
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, ikm):
    """HKDF-Extract."""
    return mac(salt or bytes(32), ikm)


def expand(prk, info, length):
    """HKDF-Expand."""
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = mac(prk, block, info, bytes([count]))
        out += block
    return out[:length]


def hkdf(salt, ikm, info, length):
    """HKDF."""
    return expand(extract(salt, ikm), info, length)


def xor(a, b):
    """Of two of the same length."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# ---- Ascon-AEAD128 (NIST SP 800-232) ----

_M = (1 << 64) - 1
_ROUNDS = (0xf0, 0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87, 0x78, 0x69, 0x5a, 0x4b)


def _turn(x, n):
    return (x >> n | x << 64 - n) & _M


def _permute(s, rounds):
    a, b, c, d, e = s
    for constant in _ROUNDS[12 - rounds:]:
        c ^= constant
        a, e, c = a ^ e, e ^ d, c ^ b
        t = (a ^ (~b & c), b ^ (~c & d), c ^ (~d & e), d ^ (~e & a), e ^ (~a & b))
        a, b, c, d, e = (v & _M for v in t)
        b, a, d, c = b ^ a, a ^ e, d ^ c, ~c & _M
        a ^= _turn(a, 19) ^ _turn(a, 28)
        b ^= _turn(b, 61) ^ _turn(b, 39)
        c ^= _turn(c, 1) ^ _turn(c, 6)
        d ^= _turn(d, 10) ^ _turn(d, 17)
        e ^= _turn(e, 7) ^ _turn(e, 41)
    return [a, b, c, d, e]


def _words(data):
    return [int.from_bytes(data[n:n + 8], "little") for n in range(0, len(data), 8)]


def _octets(*words):
    return b"".join(w.to_bytes(8, "little") for w in words)


def ascon(key, nonce, aad, data, opening=False):
    """Seals, or opens without looking at the tag: (output, tag)."""
    k, n = _words(key), _words(nonce)
    s = _permute([0x00001000808c0001, *k, *n], 12)
    s[3] ^= k[0]
    s[4] ^= k[1]
    if aad:
        padded = aad + b"\x01" + bytes(15 - len(aad) % 16)
        for at in range(0, len(padded), 16):
            lo, hi = _words(padded[at:at + 16])
            s = _permute([s[0] ^ lo, s[1] ^ hi, *s[2:]], 8)
    s[4] ^= 1 << 63
    out = b""
    for at in range(0, len(data) + 1, 16):
        part = data[at:at + 16]
        rate = _octets(s[0], s[1])
        made = xor(part, rate[:len(part)])
        out += made
        plain = made if opening else part
        if len(part) == 16:
            lo, hi = _words(plain)
            s = _permute([s[0] ^ lo, s[1] ^ hi, *s[2:]], 8)
        else:
            lo, hi = _words(plain + b"\x01" + bytes(15 - len(part)))
            s[0], s[1] = s[0] ^ lo, s[1] ^ hi
    s[2] ^= k[0]
    s[3] ^= k[1]
    s = _permute(s, 12)
    return out, _octets(s[3] ^ k[0], s[4] ^ k[1])


# ---- ciphers of libcrypto ----

class _Context:
    """An EVP_CIPHER_CTX for the time of one operation."""
    fetched = {}

    def __init__(self, name):
        if name not in self.fetched:
            self.fetched[name] = _lib.EVP_CIPHER_fetch(None, name.encode(), None)
            if not self.fetched[name]:
                raise RuntimeError(f"libcrypto has no {name}")
        self.cipher, self.ctx = self.fetched[name], _lib.EVP_CIPHER_CTX_new()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _lib.EVP_CIPHER_CTX_free(self.ctx)

    def init(self, key, iv, sealing, cipher=True):
        """EVP_CipherInit_ex."""
        self.good(_lib.EVP_CipherInit_ex(self.ctx, self.cipher if cipher else None, None, key, iv, sealing))

    def ctrl(self, what, n, p=None):
        """EVP_CIPHER_CTX_ctrl."""
        self.good(_lib.EVP_CIPHER_CTX_ctrl(self.ctx, what, n, p))

    def update(self, out, data, size=None):
        """EVP_CipherUpdate; what it says."""
        n = _I()
        return _lib.EVP_CipherUpdate(self.ctx, out, ctypes.byref(n), data, len(data) if size is None else size)

    def final(self):
        """EVP_CipherFinal_ex; what it says."""
        return _lib.EVP_CipherFinal_ex(self.ctx, ctypes.create_string_buffer(32), ctypes.byref(_I()))

    @staticmethod
    def good(said):
        """It must have worked."""
        if said <= 0:
            raise RuntimeError("libcrypto")


def _evp(name, key, nonce, aad, data, tag, size):
    """An AEAD; tag None: seals, gives (output, tag); else opens, gives output."""
    ccm, sealing = name.endswith("CCM"), tag is None
    with _Context(name) as c:
        c.init(None, None, sealing)
        c.ctrl(_SET_IV, len(nonce))
        if ccm or not sealing:
            c.ctrl(_SET_TAG, size, None if sealing else ctypes.create_string_buffer(tag, size))
        c.init(key, nonce, sealing, cipher=False)
        out = ctypes.create_string_buffer(len(data) + 32)
        if ccm:
            c.good(_lib.EVP_CipherUpdate(c.ctx, None, ctypes.byref(_I()), None, len(data)))
        if aad:
            c.good(c.update(None, aad))
        if ccm or data:
            done = c.update(out, data)
            if ccm and not sealing and done <= 0:
                raise Bad(name)
            c.good(done)
        if not ccm and c.final() <= 0:
            raise Bad(name)
        if not sealing:
            return out.raw[:len(data)]
        got = ctypes.create_string_buffer(16)
        c.ctrl(_GET_TAG, size, got)
        return out.raw[:len(data)], got.raw[:size]


def _ctr(name, key, iv, data):
    with _Context(name) as c:
        c.init(key, iv, True)
        out = ctypes.create_string_buffer(len(data) + 32)
        if data:
            c.good(c.update(out, data))
        return out.raw[:len(data)]


class Cipher:
    """A row of CidSet."""

    def __init__(self, cid, name, key, nonce, tag):
        self.cid, self.name, self.key, self.nonce, self.tag = cid, name, key, nonce, tag

    def _etm_tag(self, key, nonce, aad, sealed):
        return mac(key[16:], len(aad).to_bytes(8, "big"), aad, nonce, sealed)[:16]

    def seal(self, key, nonce, aad, data):
        """Ciphertext and tag."""
        if self.name == "ASCON":
            return b"".join(ascon(key, nonce, aad, data))
        if self.name.endswith("CTR"):
            out = _ctr(self.name, key[:16], nonce + bytes(4), data)
            return out + self._etm_tag(key, nonce, aad, out)
        return b"".join(_evp(self.name, key, nonce, aad, data, None, self.tag))

    def open(self, key, nonce, aad, sealed):
        """Plaintext. Raises Bad."""
        if len(sealed) < self.tag:
            raise Bad("short")
        data, tag = sealed[:-self.tag], sealed[-self.tag:]
        if self.name == "ASCON":
            out, want = ascon(key, nonce, aad, data, True)
        elif self.name.endswith("CTR"):
            out, want = _ctr(self.name, key[:16], nonce + bytes(4), data), self._etm_tag(key, nonce, aad, data)
        else:
            return _evp(self.name, key, nonce, aad, data, tag, self.tag)
        if not hmac.compare_digest(tag, want):
            raise Bad(self.name)
        return out


CIPHERS = {c.cid: c for c in (
    Cipher(1, "AES-128-CCM", 16, 13, 8), Cipher(2, "AES-128-CCM", 16, 13, 16), Cipher(3, "AES-128-GCM", 16, 12, 16),
    Cipher(4, "AES-256-GCM", 32, 12, 16), Cipher(5, "ChaCha20-Poly1305", 32, 12, 16), Cipher(6, "ARIA-128-CCM", 16, 13, 16),
    Cipher(7, "ARIA-128-GCM", 16, 12, 16), Cipher(8, "CAMELLIA-128-CTR", 48, 12, 16), Cipher(9, "SM4-CTR", 48, 12, 16),
    Cipher(10, "ASCON", 16, 16, 16))}
GCM = CIPHERS[3]


# ---- curves ----

def _raw_public(key, secret):
    pkey = _lib.EVP_PKEY_new_raw_private_key(key, None, secret, 32)
    out, n = ctypes.create_string_buffer(32), _S(32)
    done = _lib.EVP_PKEY_get_raw_public_key(pkey, out, ctypes.byref(n))
    _lib.EVP_PKEY_free(pkey)
    if done != 1:
        raise RuntimeError("libcrypto")
    return out.raw


def x25519_public(secret):
    """The power of the base."""
    return _raw_public(_X25519, secret)


def x25519(secret, peer):
    """The power of a peer's element. Raises Bad when that is of low order."""
    mine, other = _lib.EVP_PKEY_new_raw_private_key(_X25519, None, secret, 32), _lib.EVP_PKEY_new_raw_public_key(_X25519, None, peer, 32)
    ctx = _lib.EVP_PKEY_CTX_new(mine, None)
    out, n = ctypes.create_string_buffer(32), _S(32)
    done = other and _lib.EVP_PKEY_derive_init(ctx) == 1 and _lib.EVP_PKEY_derive_set_peer(ctx, other) == 1
    done = done and _lib.EVP_PKEY_derive(ctx, out, ctypes.byref(n)) == 1
    _lib.EVP_PKEY_CTX_free(ctx)
    _lib.EVP_PKEY_free(mine)
    _lib.EVP_PKEY_free(other)
    if not done or not any(out.raw):
        raise Bad("X25519")
    return out.raw


def ed25519_public(seed):
    """The public key of a seed."""
    return _raw_public(_ED25519, seed)


def ed25519_sign(seed, message):
    """A signature."""
    key, ctx = _lib.EVP_PKEY_new_raw_private_key(_ED25519, None, seed, 32), _lib.EVP_MD_CTX_new()
    out, n = ctypes.create_string_buffer(64), _S(64)
    done = _lib.EVP_DigestSignInit(ctx, None, None, None, key) == 1
    done = done and _lib.EVP_DigestSign(ctx, out, ctypes.byref(n), message, len(message)) == 1
    _lib.EVP_MD_CTX_free(ctx)
    _lib.EVP_PKEY_free(key)
    if not done:
        raise RuntimeError("libcrypto")
    return out.raw


def ed25519_verify(public, message, signature):
    """True or False."""
    key, ctx = _lib.EVP_PKEY_new_raw_public_key(_ED25519, None, public, 32), _lib.EVP_MD_CTX_new()
    done = key and _lib.EVP_DigestVerifyInit(ctx, None, None, None, key) == 1
    done = done and _lib.EVP_DigestVerify(ctx, signature, len(signature), message, len(message)) == 1
    _lib.EVP_MD_CTX_free(ctx)
    _lib.EVP_PKEY_free(key)
    return bool(done)


# ---- groups of RFC 7919 ----

def _e_scaled(bits):
    """floor(e * 2^bits), by its series with room for rounding."""
    total, term, n = 0, 1 << bits + 64, 1
    while term:
        total += term
        term //= n
        n += 1
    return total >> 64


def ffdhe(bits):
    """The prime of RFC 7919, appendix A, by its formula."""
    more = {2048: 560316, 3072: 2625351, 4096: 5736041}[bits]
    return (1 << bits) - (1 << bits - 64) + ((_e_scaled(bits - 130) + more) << 64) - 1


# ---- HPKE and RSA ----

KEM, HPKE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x01"


def _labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def _labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def _kem_secret(shared, enc, public):
    prk = _labeled_extract(KEM, b"", b"eae_prk", shared)
    return _labeled_expand(KEM, prk, b"shared_secret", enc + public, 32)


def dhkem(public, ephemeral):
    """(shared secret, enc) with an ephemeral secret."""
    enc = x25519_public(ephemeral)
    return _kem_secret(x25519(ephemeral, public), enc, public), enc


def dhkem_open(secret, enc):
    """The shared secret."""
    return _kem_secret(x25519(secret, enc), enc, x25519_public(secret))


def derive_key_pair(ikm):
    """The secret of RFC 9180's DeriveKeyPair for X25519."""
    return _labeled_expand(KEM, _labeled_extract(KEM, b"", b"dkp_prk", ikm), b"sk", b"", 32)


def hpke_keys(shared, info):
    """Key and base nonce, base mode."""
    context = b"\0" + _labeled_extract(HPKE, b"", b"psk_id_hash", b"") + _labeled_extract(HPKE, b"", b"info_hash", info)
    secret = _labeled_extract(HPKE, shared, b"secret", b"")
    return _labeled_expand(HPKE, secret, b"key", context, 16), _labeled_expand(HPKE, secret, b"base_nonce", context, 12)


def der(data):
    """[(tag, content)] of DER."""
    out = []
    while data:
        tag, n, data = data[0], data[1], data[2:]
        if n & 0x80:
            n, data = int.from_bytes(data[:n & 0x7f], "big"), data[n & 0x7f:]
        out.append((tag, data[:n]))
        data = data[n:]
    return out


def rsa_public(spki):
    """(n, e) of a SubjectPublicKeyInfo."""
    (_, both), = der(spki)
    (_, bits) = der(both)[1]
    (_, numbers), = der(bits[1:])
    return tuple(int.from_bytes(v, "big") for _, v in der(numbers))


def rsa_private(octets):
    """(n, d) of a PrivateKeyInfo or of an RSAPrivateKey."""
    (_, inner), = der(octets)
    if der(inner)[1][0] != 2:       # not the modulus
        (_, inner), = der(der(inner)[2][1])
    numbers = [int.from_bytes(v, "big") for _, v in der(inner)]
    return numbers[1], numbers[3]


# ---- published values ----

def known():
    """(name, expected, computed)."""
    k, n = bytes(range(16)), bytes(range(16, 32))
    rows = [("Ascon " + name, want, (b"".join(ascon(k, n, bytes.fromhex(aad), bytes.fromhex(plain)))).hex()) for name, aad, plain, want in (
        ("empty", "", "", "4f9c278211bec9316bf68f46ee8b2ec6"), ("AD 30", "30", "", "cccb674fe18a09a285d6ab11b35675c0"),
        ("AD 30..3f", bytes(range(0x30, 0x40)).hex(), "", "e4230cdb8330ee9dc0cfd7c7b346e6dc"),
        ("PT 20", "", "20", "e8dd576aba1cd3e6fc704de02aedb79588"),
        ("PT 5", "", "2021222324", "e8c3deee2421812a398a8ff074c8b7da46c82a94a7"))]
    ephemeral = derive_key_pair(bytes.fromhex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234"))
    public = bytes.fromhex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
    shared, enc = dhkem(public, ephemeral)
    key, nonce = hpke_keys(shared, bytes.fromhex("4f6465206f6e2061204772656369616e2055726e"))
    rows += [("HPKE enc", "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431", enc.hex()),
             ("HPKE shared secret", "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc", shared.hex()),
             ("HPKE key", "4531685d41d65f03dc48f6b8302c05b0", key.hex()), ("HPKE nonce", "56d890e5accaaf011cff4b7d", nonce.hex())]
    okm = hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xf0, 0xfa)), 42)
    rows.append(("HKDF", "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865", okm.hex()))
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    rows.append(("Ed25519", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", ed25519_public(seed).hex()))
    for bits, tail in ((2048, "886b423861285c97ffffffffffffffff"), (3072, "25e41d2b66c62e37ffffffffffffffff"), (4096, "c68a007e5e655f6affffffffffffffff")):
        prime = ffdhe(bits)
        rows.append((f"ffdhe{bits}", tail, prime.to_bytes(bits // 8, "big")[-16:].hex()))
        rows.append((f"ffdhe{bits} is prime", 1, pow(2, (prime - 1) // 2, prime)))
    for cipher in CIPHERS.values():
        key, nonce, aad, plain = os.urandom(cipher.key), os.urandom(cipher.nonce), b"aad", b"plaintext " * 5
        sealed = cipher.seal(key, nonce, aad, plain)
        rows.append((f"{cipher.cid} {cipher.name} there and back", plain, cipher.open(key, nonce, aad, sealed)))
        for wrong in (bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:-1]):
            try:
                said = cipher.open(key, nonce, aad, wrong)
            except Bad:
                said = "refused"
            rows.append((f"{cipher.cid} {cipher.name} altered", "refused", said))
    return rows


if __name__ == "__main__":
    for _title, _want, _got in known():
        print("ok" if _want == _got else f"not ok, want {_want}, got {_got}", _title)
