#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signatures on small data by two implementations: libsd (small) and noble/small.mjs, on the pairing of another library."""

import json
import os
import subprocess

from lib import npm
from lib import report as reports
from lib.bed import BUILD

SECONDS = 120
ABSENT, WRONG = 77, 3       # exit status
READINGS = 3
ALGS = {1: "Ed25519", 2: "BLS aggregate", 3: "BLS each", 4: "identity-based"}
# What tests/unit/test_sd_bls.c and test_sd_bundle.c know.
KNOWN = {
    "M_1": "4d53443101bcad98000000000000000000000001000000000000000b0000018bcfe56801000972656164696e672031",
    "pk_1": "a91fe7ca90ba9f52cf7e29d281dd9f20936bde818e2ffd2bc39283e74e8ade70479a93a1439f565ea80a5776a7a0ba1f"
            "049f9ffaa1612071fac25ad21bc08a9f24ab93dfcb8ea35176054c7873724a61cf328ad596592866332aceaf41b237ab",
    "pop_1": "a2eaa3cddae6017664a6d2366a2223450c19b2799279f19e3fb72362253127bef729ab9e7a95a21d28289bcbfd977ac7",
    "sig_1": "a84e0e82f77606acf0d1446a848ddf5cbce2812142775689971dd870cc3975c7a2ae16a274e9d97f627a4d1f90034b5a",
    "sig_2": "aed1e1583de6658b1cfd30b06935d5f908420ba0f6f38c5d3d6774cc34a51adef8cad8dd4f2bfa0cd855f02899dee056",
    "sig_3": "82ec748a5f63135b87a7134a4b249950ea1e41954bc623d1499425c630ed8c86046c3e9530f65eef0ee4544a8d576571",
    "agg": "8e1b0a205b57a229f179dfdf446fead16c57bcb21e0da3c2b9d5912c4b393f89a7ecb7d9ec9583712752a81c6d86c521",
}
DIRECTORY, WHY_NOT = npm.installed("noble", "@noble/curves")
OURS = [os.path.join(BUILD, "tests", "e2e", "small")]
THEIRS = ["node", "small.mjs"]


def call(party, *arguments, text=""):
    """(exit status, standard output)"""
    done = subprocess.run([*party, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=SECONDS, check=False,
                          cwd=DIRECTORY)
    return done.returncode, done.stdout


def altered(text):
    """The same lines with one digit of the payload of the last reading changed."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("bundle "))
    octets = bytearray.fromhex(lines[at].split()[1])
    place = octets.rindex(b"reading ") + len(b"reading ")
    octets[place] ^= 1
    lines[at] = "bundle " + octets.hex()
    return "\n".join(lines) + "\n"


def known_answers(report, _bed):
    """Keys, proofs, signatures and their aggregate."""
    if DIRECTORY is None:
        report.skip("@noble/curves", WHY_NOT)
        return
    status, text = call(THEIRS, "kat")
    report.equal(status, 0, "small.mjs kat")
    for name, value in KNOWN.items():
        report.equal(json.loads(text or "{}").get(name), value, name)


def both_ways(report, _bed):
    """A bundle of one is right for the other; altered it is not for either."""
    if DIRECTORY is None:
        report.skip("@noble/curves", WHY_NOT)
        return
    if call(OURS, "make", 2, 1)[0] == ABSENT:
        report.skip("small", "built without pairing")
        return
    for alg, name in ALGS.items():
        for maker, reader, way in ((OURS, THEIRS, "libsd > noble"), (THEIRS, OURS, "noble > libsd")):
            status, text = call(maker, "make", alg, READINGS)
            report.equal(status, 0, f"{way}: {name}: made")
            report.equal(call(reader, "verify", text=text)[0], 0, f"{way}: {name}: right")
            report.equal(call(reader, "verify", text=altered(text))[0], WRONG, f"{way}: {name}: altered")


if __name__ == "__main__":
    reports.run(known_answers, both_ways)
