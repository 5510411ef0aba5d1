#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The project's schemas accept what the official ones accept: the same verdict on every sample and
on thousands of documents that are one edit away from one.

  test_verdicts.py            compares with the recorded verdicts of the official schemas, and with
                              the schemas themselves when ETSI_XSD_DIR names them
  test_verdicts.py --record   records their verdicts, after a change of the samples or of mutate.py

Environment: srcdir, builddir, ETSI_XSD_DIR.
"""
import base64
import os
import sys
import tempfile
import xml.etree.ElementTree as ET
import zlib

sys.dont_write_bytecode = True      # the source tree may be read-only
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import mutate                                   # noqa: E402
import official                                 # noqa: E402
from agreement import equivalent                # noqa: E402
from corpus import OWN, Judge, report, samples   # noqa: E402
from covered import Coverage                    # noqa: E402
from schema import M2M, Schema, local           # noqa: E402

RECORD = os.path.join(HERE, "verdicts")


class Seed:
    """The mutants of one sample: what they are, a checksum of them, verdicts in the same order."""

    def __init__(self, name):
        self.name, self.labels, self.crc = name, [], 0
        self.accepted = ""      # 1 or 0 for each

    def row(self):
        bits = self.accepted.ljust((len(self.labels) + 7) // 8 * 8, "0")
        octets = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        return f"{self.name} {len(self.labels)} {self.crc:08x} {base64.b64encode(octets).decode()}"

    @staticmethod
    def from_row(row):
        name, count, crc, octets = row.split()
        seed = Seed(name)
        bits = "".join(f"{o:08b}" for o in base64.b64decode(octets))
        seed.crc, seed.accepted = int(crc, 16), bits[:int(count)]
        return seed


class Names:
    """The official names of all global elements and types: what may be a root or an xsi:type."""

    def __init__(self, elements, types):
        self.elements, self.types = elements, types

    def rows(self):
        return [f"element {n}" for n in self.elements] + [f"type {n}" for n in self.types]

    @staticmethod
    def of_schema(schema):
        def named(*tags):
            return sorted({local(n) for t, n in schema.decls if t in tags and n.startswith(M2M)})
        return Names(named("element"), named("complexType", "simpleType"))


def corpus(names):
    """(seed, iterator of its (label, text))"""
    seen = set()
    for name, path in samples():
        yield Seed(name), mutate.mutants(mutate.read(path, name), seen)
    yield Seed("names"), mutate.bare_mutants(names.elements, names.types)


def judged(judges, names):
    """Seeds with the verdicts of the first judge, and the lines of all judges."""
    seeds = []
    for seed, documents in corpus(names):
        for label, text in documents:
            data = text.encode()
            seed.crc = zlib.crc32(data, seed.crc)
            seed.labels.append(label)
            for judge in judges:
                judge.give(data)
        seeds.append(seed)
    lines = [judge.verdicts() for judge in judges]
    at = 0
    for seed in seeds:
        part = lines[0][at:at + len(seed.labels)]
        seed.accepted = "".join("1" if line == "valid" else "0" for line in part)
        at += len(seed.labels)
    return seeds, lines


def malformed(seeds, lines):
    labels = [f"{s.name}: {label}" for s in seeds for label in s.labels]
    if not len(labels) == len(lines):
        return ["the judge lost documents"]
    return [f"{label}: not well-formed" for label, line in zip(labels, lines)
            if line == "malformed"]


def compare(seeds, lines, recorded):
    """Differences between the verdicts on seeds and the recorded ones."""
    diffs, at = [], 0
    diffs += [f"{name}: recorded, but no sample" for name in recorded
              if name not in {s.name for s in seeds}]
    for seed in seeds:
        old = recorded.get(seed.name)
        if old is None or old.crc != seed.crc or len(old.accepted) != len(seed.labels):
            diffs.append(f"{seed.name}: its official verdicts are not recorded, or for another "
                         "document; see --record")
        else:
            for i, label in enumerate(seed.labels):
                if old.accepted[i] != seed.accepted[i]:
                    official_one = "valid" if old.accepted[i] == "1" else "invalid"
                    diffs.append(f"{seed.name}: {label}: official {official_one}, "
                                 f"own {lines[at + i]}")
        at += len(seed.labels)
    return diffs


def expectations(seeds):
    """Samples are valid unless they are among the invalid ones."""
    for seed in seeds:
        want = "0" if seed.name.startswith("invalid") else "1"
        if seed.name != "names" and seed.accepted[0] != want:
            yield f"{seed.name}: sample is {'in' if want == '1' else ''}valid"


def uncovered():
    coverage = Coverage(Schema(OWN))
    for name, path in samples():
        if not name.startswith("invalid"):
            coverage.document(ET.parse(path).getroot())
    return list(coverage.missing())


def read_record():
    elements, types, seeds = [], [], {}
    with open(RECORD, encoding="ascii") as stream:
        for row in stream:
            first, _, rest = row.partition(" ")
            if first == "element":
                elements.append(rest.strip())
            elif first == "type":
                types.append(rest.strip())
            elif first != "#":
                seed = Seed.from_row(row)
                seeds[seed.name] = seed
    return Names(elements, types), seeds


def write_record(names, seeds):
    with open(RECORD, "w", encoding="ascii") as stream:
        stream.write("# SPDX-License-Identifier: Apache-2.0\n"
                     "# Verdicts of the official schemas (test_verdicts.py --record): sample, number\n"
                     "# of its mutants, CRC-32 of them, a bit for each (1: valid) in base64. Before\n"
                     "# that, the names the schemas declare.\n")
        stream.write("".join(row + "\n" for row in names.rows() + [s.row() for s in seeds]))


def summary(seeds):
    total = sum(len(s.labels) for s in seeds)
    good = sum(s.accepted.count("1") for s in seeds)
    return f"{len(seeds)} seeds, {total} documents, {good} of them valid"


def record(etsi):
    with tempfile.TemporaryDirectory(prefix="openscl-xsd.") as out:
        path = official.write_set(etsi, out)
        names = Names.of_schema(Schema(path))
        judge = Judge(path, os.path.join(out, "catalog.xml"))
        seeds, (lines,) = judged([judge], names)
    diffs = malformed(seeds, lines) + list(expectations(seeds))
    if not diffs:
        write_record(names, seeds)
    return report("test_verdicts", "recorded " + summary(seeds), diffs)


def live(etsi):
    """Own and official schemas, declaration by declaration and on the corpus."""
    names, recorded = read_record()
    with tempfile.TemporaryDirectory(prefix="openscl-xsd.") as out:
        path = official.write_set(etsi, out)
        own, other = Schema(OWN), Schema(path)
        diffs = equivalent(own, other) + equivalent(other, own)
        judges = [Judge(OWN), Judge(path, os.path.join(out, "catalog.xml"))]
        seeds, lines = judged(judges, names)
    if names.rows() != Names.of_schema(other).rows():
        diffs.append("the recorded names are not those of the official schemas; see --record")
    labels = [f"{s.name}: {label}" for s in seeds for label in s.labels]
    diffs += [f"{label}: live official {b}, own {a}" for label, a, b in zip(labels, *lines)
              if (a == "valid") != (b == "valid")]
    return diffs + compare(seeds, lines[0], recorded), seeds, lines[0]


def test(etsi):
    if etsi:
        diffs, seeds, lines = live(etsi)
    else:
        names, recorded = read_record()
        seeds, (lines,) = judged([Judge(OWN)], names)
        diffs = compare(seeds, lines, recorded)
    diffs += malformed(seeds, lines) + list(expectations(seeds)) + uncovered()
    what = summary(seeds) + (", official schemas present" if etsi else "")
    return report("test_verdicts", what, diffs)


def main():
    etsi = os.environ.get("ETSI_XSD_DIR", "")
    if sys.argv[1:] == ["--record"] and etsi:
        return record(etsi)
    if sys.argv[1:]:
        print("usage: test_verdicts.py [--record], the latter with ETSI_XSD_DIR set",
              file=sys.stderr)
        return 2
    return test(etsi)


if __name__ == "__main__":
    sys.exit(main())
