# SPDX-License-Identifier: Apache-2.0
"""Small data: octets and time of verification by the algorithms, beside what was expected of them."""

import json
import os
import subprocess

from procs import BenchError

READINGS = (10, 100, 1000)
REPEATS, QUICK = 15, 5
SECONDS = 600
ABSENT = 77
# Octets, and ms of verifying, of an earlier machine: what the choice of the algorithms was made by.
EXPECTED = {
    "ed25519": {10: (1256, 0.87), 100: (12236, 8.7), 1000: (122036, 87)},
    "bls": {10: (664, 2.7), 100: (5884, 20.8), 1000: (58084, 208)},
    "bls_one": {10: (664, 1.4), 100: (5884, 6.8), 1000: (58084, 61)},
    "identity": {10: (776, 5.2), 100: (5996, 12.0), 1000: (58196, 72)},
}
SCHEMES = (("ed25519", "Ed25519 each"), ("bls", "BLS aggregate, n signers"), ("bls_one", "BLS aggregate, one signer"),
           ("bls_single", "BLS each, in a batch"), ("identity", "identity-based"))
SIGN = (("sign_ed25519", "sign, Ed25519"), ("sign_bls", "sign, BLS"), ("sign_identity", "sign, identity-based"),
        ("hash_identity", "points of an identity"))


def tool(ctx, repeats):
    """What the program prints; None in a build without pairing."""
    command = [os.path.join(ctx.builddir, "tests/bench/smalldata"), str(repeats), *map(str, READINGS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=SECONDS)
    if done.returncode == ABSENT:
        return None
    if done.returncode != 0:
        raise BenchError(f"smalldata: status {done.returncode}")
    return json.loads(done.stdout)


def spread(times):
    """Least and most."""
    return f"{times[1]:.3g} .. {times[2]:.3g}"


def bench(ctx):
    """All of it; it needs no daemon."""
    got = tool(ctx, QUICK if ctx.rounds == 1 else REPEATS)
    if got is None:
        print("smalldata: this build is without pairing")
        return
    for row in got["bundles"]:
        n = row["n"]
        for name, text in SCHEMES:
            octets, times = row[f"{name}_octets"], row[name]
            expected = EXPECTED.get(name, {}).get(n, (None, None))
            ctx.report.add(f"smalldata: n = {n}, {text}: octets", octets, "octets", reference=expected[0],
                           ratio=octets / expected[0] if expected[0] else None)
            ctx.report.add(f"smalldata: n = {n}, {text}: verify ({spread(times)})", times[0], "ms", reference=expected[1],
                           ratio=times[0] / expected[1] if expected[1] else None, detail=row)
    for name, text in SIGN:
        ctx.report.add(f"smalldata: {text} ({spread(got[name])})", got[name][0], "us", detail=got[name])
