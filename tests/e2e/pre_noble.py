#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proxy re-encryption by two implementations: m2m-pre and noble/pre.mjs, on the pairing of another library."""

import base64
import itertools
import json
import os
import re
import subprocess

from lib import ROOT, npm
from lib import report as reports
from lib.bed import BUILD

SECONDS = 120
NOT_BUILT = 6       # m2m-pre's exit status without pairing
SOURCE, SINK = "https://gw.example.org", "https://sink.example.org"
STREAM = 7
SECTION, EPOCH_LENGTH = 2, 2
LINES = [f"message {n} {'x' * (37 * n)}\n".encode() for n in range(7)]
EPOCHS = list(range((len(LINES) + SECTION * EPOCH_LENGTH - 1) // (SECTION * EPOCH_LENGTH)))
CIPHERS = [1, 2, 3, 4, 5, 6, 7]
DIRECTORY, WHY_NOT = npm.installed("noble", "@noble/curves")


class Failed(Exception):
    """A party did not do its part."""


def program():
    """m2m-pre of a build directory or an installation."""
    built = os.path.join(BUILD, "common", "cli", "m2m-pre")
    return built if os.path.exists(built) else os.path.join(BUILD, "bin", "m2m-pre")


def call(arguments, **options):
    """Its standard output."""
    done = subprocess.run(arguments, capture_output=True, timeout=SECONDS, **{"stdin": subprocess.DEVNULL, **options})
    if done.returncode != 0:
        raise Failed(f"{arguments}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Ours:
    """m2m-pre."""
    name = "m2m-pre"

    @staticmethod
    def keygen(url, name):
        """The four files of a party."""
        call([program(), "keygen", f"--url={url}", f"--out={name}"])

    @staticmethod
    def encrypt(out, what):
        """LINES as a stream."""
        arguments = [f"--key={what['key']}", f"--stream={STREAM}", f"--cid={what['cid']}", "--record=lines",
                     f"--section={SECTION}", f"--epoch-length={EPOCH_LENGTH}", f"--out={out}"]
        arguments += ["--sign"] * what["flags"] + ["--individual"] * what["individual"]
        arguments += [f"--to={what['to']}"] if what.get("to") else []
        with open(out + ".txt", "wb") as text:
            text.writelines(LINES)
        call([program(), "encrypt", *arguments, out + ".txt"])

    @staticmethod
    def rekey(out, key, to, epochs):
        """Keys for the proxy."""
        call([program(), "rekey", f"--key={key}", f"--to={to}", f"--stream={STREAM}",
              f"--epoch={epochs[0]}-{epochs[-1]}", f"--out={out}"])

    @staticmethod
    def reencrypt(out, rk, source, path):
        """MM1 for MM2."""
        call([program(), "reencrypt", f"--rk={rk}", f"--source={source}", f"--sink={SINK}", f"--out={out}", path])

    @staticmethod
    def decrypt(_out, key, source, path, how):
        """The text."""
        return call([program(), "decrypt", f"--key={key}", f"--source={source}",
                     *["--individual"] * how.get("individual", False), *["--direct"] * (how["as"] == "addressee"), path])


class Theirs:
    """pre.mjs."""
    name = "noble"

    @staticmethod
    def run(command, *arguments):
        """One call of it; the last argument may be an object."""
        last = arguments[-1] if isinstance(arguments[-1], str) else json.dumps(arguments[-1])
        return call(["node", "pre.mjs", command, *arguments[:-1], last], cwd=DIRECTORY)

    @classmethod
    def keygen(cls, url, name):
        """The four files of a party."""
        cls.run("keygen", url, name)

    @classmethod
    def encrypt(cls, out, what):
        """LINES as a stream."""
        cls.run("encrypt", out, {"url": SOURCE, "stream": STREAM, "section": 1 if what["individual"] else SECTION,
                                 "epochLength": EPOCH_LENGTH, **what,
                                 "messages": [base64.b64encode(line).decode() for line in LINES]})

    @classmethod
    def rekey(cls, out, key, to, epochs):
        """Keys for the proxy."""
        cls.run("rekey", out, {"key": key, "url": SOURCE, "to": to, "stream": STREAM, "epochs": epochs})

    @classmethod
    def reencrypt(cls, out, rk, source, path):
        """MM1 for MM2."""
        cls.run("reencrypt", out, {"rk": rk, "source": source, "input": path, "sink": SINK})

    @classmethod
    def decrypt(cls, out, key, source, path, how):
        """The text."""
        cls.run("decrypt", out, {"key": key, "source": source, "input": path, **how})
        with open(out, encoding="ascii") as plain:
            return b"".join(base64.b64decode(text) for text in json.load(plain))


def tour(bed, roles, what):
    """What each reader gets: {reader: text}. roles: implementation of source, proxy, sink."""
    source, proxy, sink = roles
    place = bed.path(f"{'-'.join(r.name for r in roles)}-{'-'.join(map(str, what.values()))}")
    os.mkdir(place)
    a, b, stored, rk, sent = (os.path.join(place, name) for name in ("a", "b", "stored", "rk", "sent"))
    source.keygen(SOURCE, a)
    sink.keygen(SINK, b)
    source.encrypt(stored, {"key": a + ".key", **what})
    epochs = list(range(len(LINES))) if what["individual"] else EPOCHS
    source.rekey(rk, a + ".key", b + ".pk2", epochs)
    proxy.reencrypt(sent, rk, a + ".pub", stored)
    how = {"individual": what["individual"]}
    got = {sink.name: sink.decrypt(os.path.join(place, "plain"), b + ".key", a + ".pub", sent, {**how, "as": "sink"})}
    for owner in (Ours, Theirs):
        plain = os.path.join(place, f"plain-{owner.name}")
        got[f"owner {owner.name}"] = owner.decrypt(plain, a + ".key", a + ".pub", stored, {**how, "as": "owner"})
    return got


def check(report, bed, roles, **what):
    """One tour."""
    title = f"{' > '.join(r.name for r in roles)}: {what}"
    try:
        for reader, text in tour(bed, roles, what).items():
            report.equal(text, b"".join(LINES), f"{title}, {reader}")
    except (Failed, subprocess.TimeoutExpired) as failure:
        report.ok(False, title, failure)


def possible(report):
    """Whether there are both."""
    if DIRECTORY is None:
        report.skip("@noble/curves", WHY_NOT)
        return False
    if subprocess.run([program(), "keygen", f"--url={SOURCE}", f"--out={os.devnull}/x"], capture_output=True,
                      stdin=subprocess.DEVNULL, timeout=SECONDS, check=False).returncode == NOT_BUILT:
        report.skip("m2m-pre", "built without pairing")
        return False
    return True


def known_answers(report, _bed):
    """The values that the unit tests know, computed by another library."""
    if DIRECTORY is None:
        report.skip("@noble/curves", WHY_NOT)
        return
    with open(os.path.join(DIRECTORY, "kat.json"), encoding="ascii") as file:
        known = json.load(file)
    computed = json.loads(call(["node", "kat.mjs"], cwd=DIRECTORY))
    for name, value in known.items():
        report.equal(computed.get(name), value, name)
    for name in ("K of the sink", "K of the owner", "K again"):
        report.equal(computed.get(name), known["K raw"], name)
    for name in ("Z", "Z^a1", "D", "B"):
        report.equal(computed.get(f"{name} again"), known[f"{name} raw"], f"{name} again")


def worked_example(report, _bed):
    """The example of docs/pre.md, made again."""
    if DIRECTORY is None:
        return
    with open(os.path.join(ROOT, "docs", "pre.md"), encoding="utf-8") as page:
        text = page.read()
    made = json.loads(call(["node", "example.mjs"], cwd=DIRECTORY))
    stored = re.search(r"basenc --base16 -d >stored\n(.*?)^EOF$", text, re.S | re.M)[1]
    report.equal(made["stored"], "".join(re.sub("#.*", "", stored).split()), "the stream as it is stored")
    report.equal(made["forwarded"], re.search("^([0-9a-f]{64})  -$", text, re.M)[1], "the stream as it is forwarded")
    rekey = re.search("BEGIN M2PRE RE-ENCRYPTION KEY-----\n([0-9a-f\n]*)", text)[1].replace("\n", "")
    report.equal(made["rk"], rekey[2 * 32:2 * (32 + 96)], "the re-encryption key")
    report.equal(made["K of the sink"], made["H(GT raw(K))"], "K of the sink")
    rows = [row for row in re.findall(r"^\| (.+?) \| ([0-9a-f]{64}) \|$", text.replace("\\|", "|"), re.M) if row[0] in made]
    report.equal(len(rows), 6, "values on the way")
    for name, value in rows:
        report.equal(made[name], value, name)


def streams(report, bed):
    """Source, proxy and sink, each by one or the other."""
    if not possible(report):
        return
    if not reports.LONG:
        check(report, bed, (Ours, Theirs, Ours), cid=3, flags=1, individual=False)
        check(report, bed, (Theirs, Ours, Theirs), cid=1, flags=0, individual=False)
        return
    for roles in itertools.product((Ours, Theirs), repeat=3):
        check(report, bed, roles, cid=3, flags=0, individual=False)
    for cid in CIPHERS:
        check(report, bed, (Ours, Theirs, Theirs), cid=cid, flags=1, individual=False)
        check(report, bed, (Theirs, Ours, Ours), cid=cid, flags=1, individual=False)


def individual(report, bed):
    """Individual messages."""
    if reports.LONG and possible(report):
        check(report, bed, (Ours, Theirs, Ours), cid=3, flags=0, individual=True)
        check(report, bed, (Theirs, Ours, Theirs), cid=4, flags=1, individual=True)


def addressed(report, bed):
    """To a party by its first public key, without a proxy."""
    if not possible(report):
        return
    for source, sink in ((Ours, Theirs), (Theirs, Ours)):
        place = bed.path(f"to-{sink.name}")
        os.mkdir(place)
        a, b, sent = (os.path.join(place, name) for name in ("a", "b", "sent"))
        try:
            source.keygen(SOURCE, a)
            sink.keygen(SINK, b)
            source.encrypt(sent, {"key": a + ".key", "to": b + ".pk1", "cid": 5, "flags": 0, "individual": False})
            text = sink.decrypt(os.path.join(place, "plain"), b + ".key", a + ".pub", sent, {"as": "addressee"})
            report.equal(text, b"".join(LINES), f"{source.name} to {sink.name}")
        except (Failed, subprocess.TimeoutExpired) as failure:
            report.ok(False, f"{source.name} to {sink.name}", failure)


if __name__ == "__main__":
    reports.run(known_answers, worked_example, streams, individual, addressed)
