#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory safety of the binary formats and documents that come from outside: row 52 of the table of threats."""

import concurrent.futures
import os

from lib import fuzz, rows
from lib import report as reports

MUTATIONS = 400 if reports.LONG else 20     # of each kept input
# The short form leaves out those that play messages by the kinds in their inputs, and have long ones.
PLAYED = ("gaka_runs", "gaka_states", "mpa_chain", "mpa_states")
# Formats, and where those that have their own length have it: (at, octets, octets before that do not count).
PLAIN = {"config_doc": None, "indicator": None, "jose": None, "keystore": None, "manifest": None, "ppid": None, "psk_id": None,
         "reject": (6, 2), "trigger": (6, 2),
         "gaka_messages": (4, 4), "gaka_runs": None, "gaka_states": None,
         "mpa_chain": None, "mpa_messages": (5, 4, 1), "mpa_states": None, "mpa_warrant": (6, 2)}
PAIRING = {"sd_bundle": (8, 4), "sd_keys": None}
FOLDERS = ("base", "sec", "gaka", "mpa")


def inputs(name, length):
    """Kept inputs of a format and what is made of them."""
    for seed, kept in enumerate(fuzz.corpus(name)):
        yield kept
        yield from fuzz.mutations(seed, kept, MUTATIONS)
        if length:
            yield from fuzz.resized(seed, kept, *length)


def chosen(pairing):
    """{format: where its length is} of this run."""
    known, only = {**PLAIN, **(PAIRING if pairing else {})}, os.environ.get("OPENSCL_FORMATS")
    return {n: at for n, at in known.items() if (n in only.split(",") if only else reports.LONG or n not in PLAYED)}


def memory(row, bed):
    """Every format, truncated at every octet, too long and altered, under AddressSanitizer and UBSan."""
    pairing = fuzz.has_pairing()
    formats = chosen(pairing)
    try:
        targets = fuzz.Targets(bed, (*FOLDERS, *(("pairing", "sd") if pairing else ())), formats)
    except fuzz.FuzzError as error:
        row.ok(False, "the targets are built with sanitizers", str(error))
        return

    def feed(name):
        count = fuzz.write_inputs(bed.path("inputs", name), inputs(name, formats[name]))
        return name, count, targets.feed(name, bed.path("inputs", name))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, count, complaint in pool.map(feed, formats):
            row.ok(not complaint, f"{name}: {count} inputs without a finding", complaint)
    if not pairing:
        row.skip("small data", "a build without pairings")


if __name__ == "__main__":
    rows.run({52: memory}, __doc__)
