# SPDX-License-Identifier: Apache-2.0
"""Object security from outside: compact JWE, dir and A256GCM, by libcrypto."""

import ctypes
import ctypes.util
import json

from .m2mkeys import D2N, b64u, jwe_header, u32, u64, unb64u

TAG = 16
_SET_IVLEN, _GET_TAG, _SET_TAG = 9, 16, 17
_crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
_crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
_crypto.EVP_aes_256_gcm.restype = ctypes.c_void_p
for _name, _arguments in (
        ("EVP_CIPHER_CTX_free", [ctypes.c_void_p]),
        ("EVP_CipherInit_ex", [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p,
                               ctypes.c_int]),
        ("EVP_CIPHER_CTX_ctrl", [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]),
        ("EVP_CipherUpdate", [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
                              ctypes.c_int]),
        ("EVP_CipherFinal_ex", [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)])):
    getattr(_crypto, _name).argtypes = _arguments


def _gcm(key, iv, aad, data, tag=None):
    """(what comes out, tag); None instead when a tag that was given is wrong."""
    context, n = _crypto.EVP_CIPHER_CTX_new(), ctypes.c_int()
    out, last = ctypes.create_string_buffer(len(data) + 16), ctypes.create_string_buffer(16)
    try:
        _crypto.EVP_CipherInit_ex(context, _crypto.EVP_aes_256_gcm(), None, None, None, 1 if tag is None else 0)
        _crypto.EVP_CIPHER_CTX_ctrl(context, _SET_IVLEN, len(iv), None)
        _crypto.EVP_CipherInit_ex(context, None, None, key, iv, -1)
        _crypto.EVP_CipherUpdate(context, None, ctypes.byref(n), aad, len(aad))
        _crypto.EVP_CipherUpdate(context, out, ctypes.byref(n), data, len(data))
        got = out.raw[:n.value]
        if tag is not None:
            kept = ctypes.create_string_buffer(tag, TAG)
            _crypto.EVP_CIPHER_CTX_ctrl(context, _SET_TAG, TAG, kept)
        if _crypto.EVP_CipherFinal_ex(context, last, ctypes.byref(n)) != 1:
            return None
        if tag is None:
            kept = ctypes.create_string_buffer(TAG)
            _crypto.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, TAG, kept)
        return got, kept.raw[:TAG]
    finally:
        _crypto.EVP_CIPHER_CTX_free(context)


def seal(kmc, direction, seq, method, target, media_type, body, *, key=None, iv=None, header=None, **changes):
    """A compact JWE as the other end would make it; what is given in place of its parts is sealed as well."""
    header = b64u((header or jwe_header(kmc, direction, seq, method, target, media_type, **changes)).encode())
    iv = u32(direction) + u64(seq) if iv is None else iv
    body = body.encode() if isinstance(body, str) else body
    text, tag = _gcm(key or kmc.object_key(direction), iv, header.encode(), body)
    return ".".join((header, "", b64u(iv), b64u(text), b64u(tag)))


class Opened:
    """A compact JWE that was opened."""

    def __init__(self, compact, kmc):
        compact = compact.decode() if isinstance(compact, bytes) else compact
        header, empty, iv, text, tag = compact.split(".")
        if empty:
            raise ValueError("a key in a message of direct encryption")
        self.header, self.iv = json.loads(unb64u(header)), unb64u(iv)
        self.direction = int.from_bytes(self.iv[:4], "big")
        made = _gcm(kmc.object_key(self.direction), self.iv, header.encode(), unb64u(text), unb64u(tag))
        if made is None:
            raise ValueError("the tag is wrong")
        self.body = made[0]


def check():
    """A known message comes out as it should."""
    from .m2mkeys import Kmc      # pylint: disable=import-outside-toplevel
    kmc = Kmc(bytes.fromhex("6e1289f53d225aee4b9a8a53b69e7266a32ab99de8fca672205cf3aa734de144"),
              0x1122334455667788, 1, "gscl-0102")
    made = seal(kmc, D2N, 1, "POST", "/m2m/scls/gscl-0102/containers/c1/contentInstances", "application/xml", "<x/>")
    return made.endswith(".AAAAAQAAAAAAAAAB.v_AP4Q.0_rOpEf-3uNmTu8kDlNsSw") and Opened(made, kmc).body == b"<x/>"
