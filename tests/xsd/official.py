#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official schema files as one set.

  official.py DIR OUT [--release 1|2]

Copies the files of one release from DIR (what ETSI_XSD_DIR names) to OUT, with the amendments
below, and writes OUT/all.xsd, which includes them all. OUT is a folder that exists.
"""
import argparse
import os
import re
import shutil
import sys

FOLDERS = {1: "v1.1", 2: "v2.1.1"}

# Where the published files contradict themselves, or one another: release (0: both), file, what is
# found there (exactly once), what takes its place, why.
AMENDMENTS = (
    (2, "subcontainers.xsd", r'<element name="containerCollection"[^>]*/>', "",
     "containers.xsd declares the same element: no schema can include both files"),
    (2, "etsiAnpPolicy.xsd", r'<element name="schedule"[^>]*/>', "",
     "scl.xsd declares the same element: no schema can include both files"),
    (2, "mgmtObj.xsd", r'<!--\s*(element name="mgmtObj"[^>]*/)\s*-->', r"<\1>",
     "the root element of the documents of this type stands in a comment"),
    (2, "parameters.xsd", r'<!--\s*(element name="parameters"[^>]*/)\s*-->', r"<\1>",
     "the root element of the documents of this type stands in a comment"),
    (0, "etsiCapabilityInstance.xsd", r'(<pattern value="true)/(false")', r"\1|\2",
     "the pattern admits no boolean at all, so `attached` could have no value"),
    (0, "etsiCapabilityAction.xsd", r'name="CapabilityAction "', 'name="CapabilityAction"',
     "with a blank at its end no xsi:type names the type (libxml2)"),
    (0, "etsiTrapInstance.xsd", r'name="TrapInstance "', 'name="TrapInstance"',
     "with a blank at its end no xsi:type names the type (libxml2)"),
)

ALL = """<?xml version="1.0" encoding="UTF-8"?>
<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="http://uri.etsi.org/m2m">
%s</schema>
"""


class OfficialError(Exception):
    """The folder does not hold what is expected."""


def amend(release, file, text):
    for only, where, old, new, _ in AMENDMENTS:
        if where == file and only in (0, release):
            text, count = re.subn(old, new, text)
            if count != 1:
                raise OfficialError(f"{file}: {old} stands there {count} times")
    return text


def write_set(source, out, release=2):
    """The path of the schema that includes the whole set."""
    folder = os.path.join(source, FOLDERS[release])
    files = sorted(f for f in os.listdir(folder) if f.endswith(".xsd"))
    for file in files:
        with open(os.path.join(folder, file), encoding="utf-8") as stream:
            text = amend(release, file, stream.read())
        with open(os.path.join(out, file), "w", encoding="utf-8") as stream:
            stream.write(text)
    # The imported file of the W3C, and the catalog that leads from its address to it.
    os.mkdir(os.path.join(out, "w3c"))
    shutil.copyfile(os.path.join(source, "w3c", "xmlmime.xsd"),
                    os.path.join(out, "w3c", "xmlmime.xsd"))
    shutil.copyfile(os.path.join(source, "catalog.xml"), os.path.join(out, "catalog.xml"))
    path = os.path.join(out, "all.xsd")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(ALL % "".join(f'  <include schemaLocation="{f}"/>\n' for f in files))
    return path


def main():
    parser = argparse.ArgumentParser(description="the official schema files as one set")
    parser.add_argument("source", metavar="DIR")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--release", type=int, choices=FOLDERS, default=2)
    args = parser.parse_args()
    try:
        print(write_set(args.source, args.out, args.release))
    except (OfficialError, OSError) as err:
        print(f"official.py: {err}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
