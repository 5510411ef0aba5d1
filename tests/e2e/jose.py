#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies under object security are JWE that another implementation, the jose command, decrypts."""

import base64
import json
import os
import shutil
import subprocess

from lib import report as reports
from lib.bed import BUILD

SEAL = os.path.join(BUILD, "tests", "e2e", "seal")
CONNECTION = "1122334455667788"
# K_obj of both directions for the Kmc of the unit tests' vectors.
KEYS = {"d2n": "9e896f6561768e2212d60e8bd45dd48ccc6d5ac7957f7ca22880b8bae37d270c",
        "n2d": "ca4339d67208664cd7cb93c62c35b813bc1d88c65a72a290e18703bd5997a0a2"}
SECONDS = 60


def b64u(octets):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_b64u(text):
    """The octets of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def seal(direction, seq, media_type, body, *line):
    """The compact form that the library makes."""
    done = subprocess.run([SEAL, KEYS[direction], CONNECTION, "1", direction, str(seq), media_type, *line],
                          input=body, stdout=subprocess.PIPE, check=True, timeout=SECONDS)
    return done.stdout.decode("ascii")


def decrypt(bed, direction, compact):
    """What the jose command makes of it: exit status, octets."""
    key = bed.path(f"{direction}.jwk")
    with open(key, "w", encoding="ascii") as file:
        json.dump({"kty": "oct", "alg": "A256GCM", "k": b64u(bytes.fromhex(KEYS[direction]))}, file)
    done = subprocess.run(["jose", "jwe", "dec", "-i", "-", "-k", key, "-O", "-"], input=compact.encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=SECONDS)
    return done.returncode, done.stdout


def requests(report, bed):
    """Requests from the node"""
    for seq, body in enumerate((b"<x/>", b"\x00", bytes(range(256)), os.urandom(3072), os.urandom(1000003)), 1):
        compact = seal("d2n", seq, "application/xml", body, "POST", "/m2m/scls/gscl-0102/containers?a=b")
        report.equal(decrypt(bed, "d2n", compact), (0, body), f"{len(body)} octets")


def headers(report, bed):
    """Headers are JSON that says what was asked for"""
    media_type = 'text/plain; a="q\\";\t\u00e4\U0001f600'
    compact = seal("d2n", 2**32, media_type, b"body", "PUT", '/a?b="\\')
    got = json.loads(from_b64u(compact.split(".")[0]))
    report.equal(list(got.items()),
                 [("alg", "dir"), ("enc", "A256GCM"), ("kid", f"mc.{CONNECTION}.1.d2n"), ("cty", media_type),
                  ("seq", 2**32), ("htm", "PUT"), ("htu", '/a?b="\\')], "request")
    report.equal(decrypt(bed, "d2n", compact), (0, b"body"), "decrypted")
    compact = seal("n2d", 7, "application/json", b"{}", "RSP", "41", "201")
    got = json.loads(from_b64u(compact.split(".")[0]))
    report.equal([got["kid"], got["htm"], got["htu"], got["st"]], [f"mc.{CONNECTION}.1.n2d", "RSP", "#41", 201],
                 "response")
    report.equal(decrypt(bed, "n2d", compact), (0, b"{}"), "decrypted")
    report.equal(from_b64u(compact.split(".")[2]).hex(), "00000002" "0000000000000007", "iv")


def changed(report, bed):
    """What is changed the other implementation refuses as well"""
    compact = seal("d2n", 1, "application/xml", b"<x/>", "POST", "/m2m/scls")
    parts = compact.split(".")
    for index, name in ((0, "header"), (2, "iv"), (3, "ciphertext"), (4, "tag")):
        octets = bytearray(from_b64u(parts[index]))
        octets[-3] ^= 1
        other = ".".join(parts[:index] + [b64u(bytes(octets))] + parts[index + 1:])
        report.ok(decrypt(bed, "d2n", other)[0] != 0, f"another {name}")
    report.ok(decrypt(bed, "n2d", compact)[0] != 0, "the key of the other direction")


if __name__ == "__main__":
    if shutil.which("jose") is None:
        print("SKIP: no jose command (package jose)")
        raise SystemExit(reports.SKIPPED)
    reports.run(requests, headers, changed)
