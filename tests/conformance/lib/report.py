# SPDX-License-Identifier: Apache-2.0
"""Schema check of collected documents; results by clause, as JUnit and as JSON."""

import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

BATCH = 400


def _valid(script, files):
    done = subprocess.run([*script, *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout.decode(errors="replace")


def _invalid(script, files):
    """Bisect: the script only says whether all of its files are valid."""
    good, text = _valid(script, files)
    if good:
        return
    if len(files) == 1:
        yield files[0], text
        return
    middle = len(files) // 2
    yield from _invalid(script, files[:middle])
    yield from _invalid(script, files[middle:])


def check_documents(script, documents):
    """Yield (case, line, message) for each of (case, line, bytes, release) that is not valid."""
    origin = {}
    for case, line, document, release in documents:
        origin.setdefault((release, document), (case, line))
    for release in sorted({r for r, _ in origin}):
        command = [script] if release == 2 else [script, "--release", str(release)]
        wanted = [d for r, d in origin if r == release]
        for document, text in _invalid_documents(command, wanted):
            case, line = origin[release, document]
            yield case, line, f"{text}: {document.decode(errors='replace')[:600]}"


def _invalid_documents(command, documents):
    """(document, reason) of those that are not valid."""
    with tempfile.TemporaryDirectory(prefix="scl-xsd.") as directory:
        paths = {os.path.join(directory, f"{n:05}.xml"): d for n, d in enumerate(documents)}
        for path, document in paths.items():
            with open(path, "wb") as file:
                file.write(document)
        names = list(paths)
        for begin in range(0, len(names), BATCH):
            for path, text in _invalid(command, names[begin:begin + BATCH]):
                yield paths[path], " | ".join(text.strip().replace(path, "document").splitlines()[:3])


def count(results, outcome):
    """How many have this outcome."""
    return sum(r.outcome == outcome for r in results)


def junit(path, results, properties):
    """Write the results as a JUnit file; the first clause of a case is its class."""
    root = ElementTree.Element("testsuite", name="conformance", tests=str(len(results)))
    root.set("failures", str(count(results, "failed")))
    root.set("skipped", str(count(results, "skipped") + count(results, "HTTP-only")))
    _properties(root, properties)
    for result in results:
        item = ElementTree.SubElement(root, "testcase", classname=result.clauses[0], name=result.name,
                                      time=f"{result.seconds:.3f}")
        _properties(item, [("clause", c) for c in result.clauses])
        if result.outcome != "passed":
            tag = "failure" if result.outcome == "failed" else "skipped"
            ElementTree.SubElement(item, tag, message=_printable(result.reason)[:1000])
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _properties(parent, pairs):
    holder = ElementTree.SubElement(parent, "properties")
    for name, value in pairs:
        ElementTree.SubElement(holder, "property", name=name, value=value)


def _printable(text):
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", text)


def natural(text):
    """Sort key: numbers in a text by value."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.findall(r"\d+|\D+", text)]


def by_clause(items):
    """Clause: those of the items (cases or results) that name it, clauses in order."""
    table = {}
    for item in items:
        for clause in item.clauses:
            table.setdefault(clause, []).append(item)
    return {c: table[c] for c in sorted(table, key=natural)}


def summary(results):
    """Lines: per clause how many cases passed, failed, were skipped; those that failed by name."""
    table = by_clause(results)
    width = max(map(len, table))
    for clause, found in table.items():
        parts = [f"{count(found, o)} {o}" for o in ("passed", "failed", "skipped", "HTTP-only") if count(found, o)]
        failed = " ".join(r.name for r in found if r.outcome == "failed")
        yield f"{clause:{width}}  {', '.join(parts)}" + (f": {failed}" if failed else "")


def write_results(path, results, options):
    """Keep the results of a run for the page."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"kind": options.kind, "release": options.release, "transport": options.transport,
                   "results": {r.name: [r.outcome, r.reason] for r in results}}, file)
