#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the library writes is valid: it is given the samples and all documents one edit away from
one, and whatever it accepts, liberal as it is, it writes so that the schemas accept it. Documents
written for Release 1 are checked when ETSI_XSD_DIR names the official schemas.

Environment: srcdir, builddir, ETSI_XSD_DIR.
"""
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True      # the source tree may be read-only
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutate                                               # noqa: E402
import official                                             # noqa: E402
from corpus import OWN, Judge, Rewriter, report, samples    # noqa: E402


# What may be written although it is not valid: release (0: both), what matches the description of
# the document it was read from, what matches the complaint, why.
EXCEPTIONS = (
    (0, r"", r"is not a valid value of the atomic type 'xs:anyURI'",
     "a URI is kept as it came; libxml2 wants it to follow RFC 3986"),
    (2, r"@m2m:id=\U0001f600", r"is not a valid value of the atomic type 'xs:NMTOKEN'",
     "a name of XML 1.0, fifth edition; libxml2 knows the fourth"),
    (0, r"contentType=|short-media-type", r"contentType'.* minimum length of '3'",
     "a media type is kept as it came"),
    (0, r"with @(xsi:|m2m:name)", r"",
     "any content is kept as it came, without the prefixes that its values use"),
    (2, r"without @id|schedule-without-id", r"scheduleString.* attribute 'id' is required",
     "Release 1 has none; the SCL gives one to what it stores"),
    (2, r"", r"attributeAccessor",
     "optional in Release 1; the SCL gives an empty one to what it stores"),
    (2, r"membersContentResponses", r"resourceURI",
     "Release 1 has none; the document is only read when it comes from a peer"),
    (2, r"notify-both-contents", r"timeoutReason.*not expected",
     "the document is only read when it comes from a peer"),
    (0, r"subscription-both-delays", r"delayTolerance.*not expected",
     "refused with the rules of a subscription, behind the tables"),
    (1, r"", r"(communicationChannels?|sclAnncs?|subcontainers|requestNotify|notifyCollection\w*)"
             r"'?: No matching global declaration",
     "a document that Release 1 does not have"),
    (1, r"", r"'xs:int'", "a long since Release 2"),
    (1, r"AnpPolicy-all: .* name f:blockPeriods", r"blockItem",
     "any content is kept as it came, and Release 1 knows the name otherwise"),
)


def excepted(release, origin, complaint):
    """The reason of the exception that allows it; None without one."""
    for only, source, text, why in EXCEPTIONS:
        if only in (0, release) and re.search(source, origin) and re.search(text, complaint):
            return why
    return None


def documents():
    """(what it is, bytes)"""
    seen = set()
    for name, path in samples("", "invalid", "release1"):
        for label, text in mutate.mutants(mutate.read(path, name), seen):
            yield f"{name}: {label}", text.encode()


def written(release):
    """What the library writes -> description of the first document it is read from."""
    rewriter, labels = Rewriter(release), []
    for label, data in documents():
        labels.append(label)
        rewriter.give(data)
    rewriter.finish()
    origin = {}
    for number, data in rewriter.written:
        origin.setdefault(data, labels[number])
    return origin


def check(release, schema, catalog=""):
    """(differences, number of documents)"""
    origin, judge, diffs, used = written(release), Judge(schema, catalog), [], set()
    for data in origin:
        judge.give(data)
    for (data, label), complaint in zip(origin.items(), judge.verdicts()):
        why = None if complaint == "valid" else excepted(release, label, complaint)
        used.add(why)
        if complaint != "valid" and why is None:
            diffs.append(f"{label}: release {release}: {complaint}\n    {data.decode()[:1500]}")
    diffs += [f"release {release}: exception no longer needed: {why}"
              for only, _, _, why in EXCEPTIONS if only in (0, release) and why not in used]
    return diffs + ([] if origin else ["nothing was accepted"]), len(origin)


def main():
    etsi = os.environ.get("ETSI_XSD_DIR", "")
    diffs, count = check(2, OWN)
    what = f"{count} documents written"
    if etsi:
        with tempfile.TemporaryDirectory(prefix="openscl-xsd.") as out:
            schema = official.write_set(etsi, out, release=1)
            old, count = check(1, schema, os.path.join(out, "catalog.xml"))
        diffs += old
        what += f", {count} for release 1"
    return report("test_written", what, diffs)


if __name__ == "__main__":
    sys.exit(main())
