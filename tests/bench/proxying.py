# SPDX-License-Identifier: Apache-2.0
"""Proxy re-encryption: cost by role, throughput of streams beside the bare cipher, memory."""

import json
import os
import subprocess

from procs import BenchError

PAYLOADS = (127, 1280)      # octets of a data message
MESSAGES = (1, 10, 100, 1000, 10000)    # of a section
QUICK = (1, 100, 1000)
CORE = 100                  # where streams of so many kbit/s are counted
KBIT_S = 800
SECONDS = 120
ABSENT = 77
OPERATIONS = (("encrypt", "source: new section (key, MM2)"), ("reencrypt", "proxy: MM2 verified, MM1"),
              ("decrypt", "sink: MM1 verified and opened"), ("owner", "source: opens its own MM2"),
              ("rekey", "source: re-encryption key"), ("load", "proxy: loads a re-encryption key"), ("keygen", "key pair"))


def tool(ctx, *args):
    """What the program prints; None in a build without pairing."""
    done = subprocess.run([os.path.join(ctx.builddir, "tests/bench/pre"), *map(str, args)], stdout=subprocess.PIPE, check=False,
                          timeout=SECONDS)
    if done.returncode == ABSENT:
        return None
    if done.returncode != 0:
        raise BenchError(f"pre {args}: status {done.returncode}")
    return json.loads(done.stdout)


def stream(ctx, octets, messages):
    """One size of messages, one number of them in a section."""
    got = tool(ctx, "stream", octets, messages)
    name = f"pre: {octets} octets, N = {messages}"
    for part, text in (("source", "encrypt"), ("proxy", "re-encrypt, forward"), ("sink", "decrypt")):
        ctx.report.add(f"{name}: {text}", got[part], "Mbit/s", reference=got["bare"], ratio=got[part] / got["bare"], detail=got)
    ctx.report.add(f"{name}: re-encrypt / encrypt", got["proxy"] / got["source"], "")
    if messages == CORE:
        for part, text in (("source", "encrypt"), ("proxy", "re-encrypt")):
            ctx.report.add(f"{name}: streams of {KBIT_S} kbit/s, {text}", got[part] * 1000 / KBIT_S, "per core")


def bench(ctx):
    """All of it; it needs no daemon."""
    roles = tool(ctx, "roles")
    if roles is None:
        print("pre: this build is without pairing")
        return
    for name, text in OPERATIONS:
        ctx.report.add(f"pre: {text}", roles[name], "us", detail=roles)
    memory = tool(ctx, "memory")
    for name in ("process", "source", "proxy", "sink"):
        ctx.report.add(f"pre: memory of {'the process' if name == 'process' else f'a stream at the {name}'}", memory[name], "KiB",
                       detail=memory)
    for octets in PAYLOADS:
        for messages in QUICK if ctx.rounds == 1 else MESSAGES:
            stream(ctx, octets, messages)
