#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the type tables and the XML Schemas say the same?

  agreement.py --types FILE.json --xsd DIR|DRIVER   tables (output of `nscl --types`) and schema
      [--release 1]                                 what the tables say of Release 1
  agreement.py --equivalent DIR_A DIR_B             every declaration of A is the same in B
  agreement.py --self-test [--xsd DIR|DRIVER]       does the comparison notice every mutation?

Prints one line per difference. Exit status: 0 none, 1 some, 2 unusable input.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True      # the source tree may be read-only
from schema import FACETS, M2M, Schema, SchemaError, canonical, local

PROJECT_XSD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "xsd")

# Differences between tables and schema that are wanted: text of the difference -> reason.
EXCEPTIONS = {
    "FilterCriteriaType.attributeAccessor: required is True in the schema only":
        "Release 1 has it optional and is accepted; an answer has to carry it",
    "ScheduleString.id: required is True in the schema only":
        "Release 1 has no id there and is accepted; an answer has to carry one",
    "memberStatus.resourceURI: required is True in the schema only":
        "Release 1 has no resourceURI and is accepted; an answer has to carry one",
    "execInstances.id: XML attribute missing in the table":
        "a collection has no id",
    "membersContent: not an element of the schema":
        "it has no representation of its own",
} | {
    f"{annc}.link: mandatory in the schema, update O": "an UPDATE without it leaves it as it is"
    for annc in ("applicationAnnc", "containerAnnc", "locationContainerAnnc", "groupAnnc",
                 "accessRightAnnc", "sclAnnc")
} | {
    "locationContainer.locationContainerType: mandatory in the schema, update O":
        "an UPDATE without it leaves it as it is",
}

# The same for Release 1.
EXCEPTIONS_RELEASE1 = {
    "membersContent: not an element of the schema":
        "it has no representation of its own",
    "execInstances.id: XML attribute missing in the table":
        "a collection has no id",
    "AreaNwkDeviceInfoInstance.areaNwkTypeInfoOfDevice: element missing in the table":
        "it was optional and a resource of its own",
    "scl.locTargetDevice: kind is any in the schema, string in the table":
        "a text is anything, too",
}

# Elements of every mgmtObj and parameters: the schema demands them even in requests.
TOLERATED = {"id": "a client need not choose an id and cannot change it",
             "parametersCollection": "only the SCL knows it"}

# Types that Release 1 did not have.
RELEASE2 = {"subcontainers", "sclAnncs", "sclAnnc", "communicationChannels", "communicationChannel"}


def release1(table):
    """The table as a peer of Release 1 sees it."""
    def known(fields):
        for field in fields:
            if field.get("since") == 2:
                continue
            row = {k: v for k, v in field.items() if k not in ("qualified1", "kind1")}
            row["qualified"] = field.get("qualified1", field["qualified"])
            row["kind"] = field.get("kind1", field["kind"])
            if row["kind"] == "NMTOKEN" and row["name"] == "id":
                row["kind"] = "anyURI"      # every NMTOKEN is one
            yield replaced(row)

    def replaced(row):
        shape = shapes.get(row.get("shape"), {})
        if "release1" in shape:
            return row | {"shape": shape["release1"]}
        elements = shape.get("elements", [])
        if shape.get("text") and elements and all(e.get("since") == 2 for e in elements):
            return row | {"kind": shape["text"]}        # nothing is left but the text
        return row

    shapes = table["shapes"]
    return {
        "types": [t | {"attributes": list(known(t["attributes"]))} for t in table["types"]
                  if t.get("since") != 2 and t["element"] not in RELEASE2],
        "documents": [d for d in table["documents"] if d.get("since") != 2],
        "shapes": {name: shape | {"elements": list(known(shape["elements"]))}
                   for name, shape in shapes.items()},
        "enums": table["enums"] | table["release1"],
    }


class Agreement:
    """Compares one table with one schema; every method returns a list of differences."""

    def __init__(self, schema, table):
        self.schema = schema
        self.shapes, self.enums = table["shapes"], table["enums"]
        self.types = {t["name"] if t.get("typed") else t["element"]: t
                      for t in table["types"] if t["implemented"]}
        self.documents = {d["element"]: d["shape"] for d in table.get("documents", [])}
        self.compared = {}      # (type of the schema, shape) -> differences

    def all(self):
        if not self.types:
            return ["the table has no implemented type"]
        return [d for name in self.types for d in self.root(name)] + \
               [d for name in self.documents for d in self.document(name)]

    def type_of(self, name):
        """The type of a root element, or that which xsi:type chooses for it; None without one."""
        row = self.types[name]
        if ("element", M2M + row["element"]) not in self.schema.decls:
            return None, f"{name}: not an element of the schema"
        kind, ref = self.schema.type_of(self.schema.get("element", M2M + row["element"]))
        if kind != "struct":
            return None, f"{name}: not a complex type in the schema"
        if not row.get("typed"):
            return ref, None
        chosen = M2M + row["name"]
        if ("complexType", chosen) not in self.schema.decls or chosen not in self.schema.derived(ref):
            return None, f"{name}: no type of the schema for {row['element']}"
        return chosen, None

    def root(self, name):
        ref, problem = self.type_of(name)
        if problem:
            return [problem]
        text, _, want = self.schema.shape(ref)
        if text:
            return [f"{name}: text content in the schema"]
        have = self.types[name]["attributes"]
        return self.fields(name, want, have) + self.presence(name, want, have)

    def document(self, element):
        if ("element", M2M + element) not in self.schema.decls:
            return [f"{element}: not an element of the schema"]
        kind, ref = self.schema.type_of(self.schema.get("element", M2M + element))
        if kind != "struct":
            return [f"{element}: not a complex type in the schema"]
        return self.struct(element, ref, self.documents[element])

    def presence(self, where, want, have):
        """What the schema demands may not be missing in any representation."""
        table = {f["name"]: f for f in have}
        tolerated = TOLERATED if self.types[where]["element"] in ("mgmtObj", "parameters") else {}
        diffs = []
        for field in want:
            row = table.get(field["name"])
            if not field["required"] or row is None:
                continue
            # A client need not know the URI of an action that the SCL has.
            lenient = field["name"] in tolerated or row.get("action")
            allowed = {"create": "OM", "update": "OM", "answer": "M"} if lenient else {}
            for column in ("create", "update", "answer"):
                if row[column] not in allowed.get(column, "M"):
                    diffs.append(f"{where}.{field['name']}: mandatory in the schema, "
                                 f"{column} {row[column]}")
        return diffs

    def fields(self, where, want, have):
        diffs = []
        for is_attr in (False, True):
            theirs = {f["name"]: f for f in want if f["xmlAttribute"] == is_attr}
            ours = {f["name"]: f for f in have if f["xmlAttribute"] == is_attr}
            sort = "XML attribute" if is_attr else "element"
            missing = [n for n in theirs if n not in ours]
            extra = [n for n in ours if n not in theirs]
            diffs += [f"{where}.{n}: {sort} missing in the table" for n in missing]
            diffs += [f"{where}.{n}: {sort} not in the schema" for n in extra]
            common = [n for n in theirs if n in ours]
            if not is_attr and common != [n for n in ours if n in theirs]:
                diffs.append(f"{where}: order differs from the schema ({', '.join(common)})")
            for name in common:
                diffs += self.field(f"{where}.{name}", theirs[name], ours[name])
        if len({(f["name"], f["xmlAttribute"]) for f in have}) != len(have):
            diffs.append(f"{where}: a name stands twice in the table")
        return diffs

    def field(self, where, want, have):
        diffs = [f"{where}: {key} is {want.get(key)} in the schema, {have.get(key)} in the table"
                 for key in ("many", "qualified", "most", *FACETS.values())
                 if want.get(key) != have.get(key)]
        kind = have["kind"]
        if want["kind"] == "anySimple" and kind not in ("struct", "any"):
            return diffs
        if want["kind"] != kind:
            return diffs + [f"{where}: kind is {want['kind']} in the schema, {kind} in the table"]
        if kind == "enum":
            unlike = set(want["type"][1]) ^ set(self.enums.get(have.get("enum"), []))
            diffs += [f"{where}: value {value} on one side only" for value in sorted(unlike)]
        if kind == "struct":
            diffs += self.struct(where, want["type"], have.get("shape"))
        return diffs

    def struct(self, where, ref, name):
        """A shape agrees with the type of the element or with one that xsi:type may choose."""
        if name not in self.shapes:
            return self.embedded(where, ref, name)
        if (ref, name) not in self.compared:
            self.compared[ref, name] = []       # a type may contain itself
            refs = self.schema.derived(ref) if isinstance(ref, str) else [ref]
            self.compared[ref, name] = min((self.shape(name, r) for r in refs), key=len)
        return self.compared[ref, name]

    def embedded(self, where, ref, name):
        """A resource inside another one: the shape is a type of the table, compared as root."""
        for element, row in self.types.items():
            if name in (row["name"], element):
                root = self.schema.get("element", M2M + element)
                return [] if root.get("type") == ref else [f"{where}: not the type of {element}"]
        return [f"{where}: shape {name} does not exist"]

    def shape(self, name, ref):
        have = self.shapes[name]
        text, choice, want = self.schema.shape(ref)
        diffs = self.fields(name, want, have["elements"])
        if text != have["text"]:
            diffs.append(f"{name}: text is {text} in the schema, {have['text']} in the table")
        if choice != have["choice"]:
            diffs.append(f"{name}: choice is {choice} in the schema, {have['choice']} in the table")
        if not choice:      # no member of a choice is required on its own
            required = {f["name"]: f["required"] for f in have["elements"]}
            diffs += [f"{name}.{f['name']}: required is {f['required']} in the schema only"
                      for f in want if required.get(f["name"], f["required"]) != f["required"]]
        return diffs


def derive_table(schema):
    """The table that agrees with the schema, in the format of `nscl --types`."""
    table = {"types": [], "shapes": {}, "enums": {}}
    referred = {n.get("ref") for decl in schema.decls.values() for n in decl.iter()}
    for (tag, name), node in schema.decls.items():
        if tag != "element" or name in referred or schema.type_of(node)[0] != "struct":
            continue
        root = schema.type_of(node)[1]
        derived = schema.derived(root) if isinstance(root, str) else [root]
        for ref in derived:
            table["types"].append(table_row(schema, table, local(name), ref, ref != root))
    return table


def table_row(schema, table, element, ref, typed):
    attributes = [table_field(schema, table, f) for f in schema.shape(ref)[2]]
    for attribute in attributes:
        presence = "M" if attribute.pop("required") else "O"
        attribute.update(create=presence, update=presence, answer=presence)
    return {"name": local(ref) if typed else element, "element": element, "implemented": True,
            "typed": typed, "attributes": attributes}


def table_field(schema, table, field):
    row = {k: v for k, v in field.items() if k != "type"}
    ref, shapes = field["type"], table["shapes"]
    if field["kind"] == "struct":
        if isinstance(ref, str):
            ref = schema.derived(ref)[0]
        row["shape"] = local(ref) if isinstance(ref, str) else f"anonymous{len(shapes)}"
        if row["shape"] not in shapes:
            text, choice, fields = schema.shape(ref)
            shape = shapes[row["shape"]] = {"text": text, "choice": choice}
            shape["elements"] = [table_field(schema, table, f) for f in fields]
    elif field["kind"] == "enum":
        row["enum"] = local(ref[0])
        table["enums"][row["enum"]] = ref[1]
    return row


def with_rows(table, kind, name, rows):
    """A table in which a type, alone, or a shape has these rows."""
    if kind == "types":
        return table | {"types": [t | {"attributes": rows} for t in table["types"] if t["name"] == name]}
    shape = table["shapes"][name] | {"elements": rows}
    return table | {"shapes": table["shapes"] | {name: shape}}


def row_mutations(rows, in_choice):
    """Every (description, rows) with one row changed."""
    yield "extra", rows + [{"name": "extra", "xmlAttribute": False, "required": False}]
    for j, row in enumerate(rows):
        wrong = "string" if row["kind"] == "any" else "any"
        required = {"required": not row.get("required")}
        if "create" in row:
            required = {"create": "NP"} if row["create"] == "M" else {}
        for what, new in (("renamed", {"name": "renamed"}), ("wrong kind", {"kind": wrong}),
                          ("many", {"many": not row["many"]}), ("required", required),
                          ("qualified", {"qualified": not row["qualified"]}),
                          ("most", {"most": row.get("most", 0) + 1}),
                          ("length", {"length": row.get("length", 0) + 1}),
                          ("attribute", {"xmlAttribute": not row["xmlAttribute"]})):
            if new and not (what == "required" and in_choice):
                yield f"{row['name']}: {what}", rows[:j] + [row | new] + rows[j + 1:]
        yield f"{row['name']}: missing", rows[:j] + rows[j + 1:]
        if j and not row["xmlAttribute"]:
            yield f"{row['name']}: reordered", rows[:j - 1] + [row, rows[j - 1]] + rows[j + 1:]


def mutations(table):
    """Every (description, table) that must be noticed."""
    for kind, name, rows, in_choice in \
            [("types", t["name"], t["attributes"], False) for t in table["types"]] + \
            [("shapes", n, s["elements"], s["choice"]) for n, s in table["shapes"].items()]:
        for what, changed in row_mutations(rows, in_choice):
            yield f"{name}.{what}", with_rows(table, kind, name, changed)
    for name, shape in table["shapes"].items():
        for new in ({"text": "long"}, {"choice": not shape["choice"]}):
            yield f"{name}: {new}", table | {"shapes": table["shapes"] | {name: shape | new}}
    for name, values in table["enums"].items():
        for what, new in (("missing", values[:-1]), ("extra", values + ["EXTRA"])):
            yield f"{name}: value {what}", table | {"enums": table["enums"] | {name: new}}


def self_test(schema):
    table = derive_table(schema)
    diffs, count = Agreement(schema, table).all(), 0
    for what, mutant in mutations(table):
        count += 1
        if not Agreement(schema, mutant).all():
            diffs.append(f"not noticed: {what}")
    print(f"self-test: {len(table['types'])} types, {count} mutations, {len(diffs)} failures")
    return diffs


def compare_table(file, schema, release):
    with sys.stdin if file == "-" else open(file, encoding="utf-8") as stream:
        table = json.load(stream)
    wanted = EXCEPTIONS
    if release == 1:
        # What is tolerated beside the schema is so in both.
        table, wanted = release1(table), EXCEPTIONS | EXCEPTIONS_RELEASE1
    diffs = Agreement(schema, table).all()
    unused = [f"exception no longer needed: {text}"
              for text in (EXCEPTIONS if release == 2 else EXCEPTIONS_RELEASE1) if text not in diffs]
    return unused + [d for d in diffs if d not in wanted]


def equivalent(a, b):
    """Same declarations by name, and no type in B that xsi:type could use only there."""
    diffs = []
    for (tag, name), node in a.decls.items():
        if (tag, name) not in b.decls:
            diffs.append(f"{tag} {local(name)}: only in the first set")
        elif canonical(node) != canonical(b.decls[tag, name]):
            diffs.append(f"{tag} {local(name)}: different")
        elif tag == "complexType":
            diffs += [f"{local(name)}: xsi:type {local(d)} only in the second set"
                      for d in b.derived(name) if d not in a.derived(name)]
    return diffs if a.decls else ["the first set declares nothing"]


def main():
    parser = argparse.ArgumentParser(description="type tables against XML Schemas")
    parser.add_argument("--types", metavar="FILE", help="output of nscl --types, - for stdin")
    parser.add_argument("--xsd", metavar="DIR|DRIVER", default=PROJECT_XSD)
    parser.add_argument("--release", type=int, choices=(1, 2), default=2)
    parser.add_argument("--equivalent", nargs=2, metavar=("DIR_A", "DIR_B"))
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    try:
        if args.equivalent:
            diffs = equivalent(*(Schema(path) for path in args.equivalent))
        elif args.self_test:
            diffs = self_test(Schema(args.xsd))
        elif args.types:
            diffs = compare_table(args.types, Schema(args.xsd), args.release)
        else:
            parser.error("one of --types, --equivalent, --self-test is needed")
    except (SchemaError, OSError, ValueError, KeyError) as err:
        print(f"agreement.py: {err!r}", file=sys.stderr)
        return 2
    for diff in sorted(set(diffs)):
        print(diff)
    return 1 if diffs else 0


if __name__ == "__main__":
    sys.exit(main())
