#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the type tables and the XML Schemas say the same?

  agreement.py --types FILE.json --xsd DIR|DRIVER   tables (output of `nscl --types`) and schema
  agreement.py --equivalent DIR_A DIR_B             every declaration of A is the same in B
  agreement.py --self-test [--xsd DIR|DRIVER]       does the comparison notice every mutation?

Prints one line per difference. Exit status: 0 none, 1 some, 2 unusable input.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True      # the source tree may be read-only
from schema import M2M, Schema, SchemaError, canonical, local

PROJECT_XSD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "xsd")

# Differences between tables and schema that are wanted: text of the difference -> reason.
EXCEPTIONS = {
    "FilterCriteriaType.attributeAccessor: required is True in the schema only":
        "Release 1 has it optional and is accepted; an answer has to carry it",
    "ScheduleString.id: required is True in the schema only":
        "Release 1 has no id there and is accepted; an answer has to carry one",
}


class Agreement:
    """Compares one table with one schema; every method returns a list of differences."""

    def __init__(self, schema, table):
        self.schema = schema
        self.shapes, self.enums = table["shapes"], table["enums"]
        self.types = {t["element"]: t for t in table["types"] if t["implemented"]}
        self.compared = {}      # (type of the schema, shape) -> differences

    def all(self):
        if not self.types:
            return ["the table has no implemented type"]
        return [d for element in self.types for d in self.root(element)]

    def root(self, element):
        if ("element", M2M + element) not in self.schema.decls:
            return [f"{element}: not an element of the schema"]
        kind, ref = self.schema.type_of(self.schema.get("element", M2M + element))
        if kind != "struct":
            return [f"{element}: not a complex type in the schema"]
        text, _, want = self.schema.shape(ref)
        if text:
            return [f"{element}: text content in the schema"]
        have = self.types[element]["attributes"]
        return self.fields(element, want, have) + self.presence(element, want, have)

    @staticmethod
    def presence(where, want, have):
        """What the schema demands may not be missing in any representation."""
        table = {f["name"]: f for f in have}
        return [f"{where}.{w['name']}: mandatory in the schema, {column} {table[w['name']][column]}"
                for w in want if w["required"] and w["name"] in table
                for column in ("create", "update", "answer")
                if table[w["name"]][column] not in ("M", "-")]

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
        diffs = [f"{where}: {key} is {want[key]} in the schema, {have[key]} in the table"
                 for key in ("many", "qualified") if want[key] != have[key]]
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
        _, _, fields = schema.shape(schema.type_of(node)[1])
        attributes = [table_field(schema, table, f) for f in fields]
        for attribute in attributes:
            presence = "M" if attribute.pop("required") else "O"
            attribute.update(create=presence, update=presence, answer=presence)
        table["types"].append({"name": local(name), "element": local(name), "implemented": True,
                               "attributes": attributes})
    return table


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


def mutations(table):
    """Every (description, change) that must be noticed; a change edits its copy of the table."""
    def lists(t):
        return [(x["name"], x["attributes"]) for x in t["types"]] + \
               [(n, s["elements"]) for n, s in t["shapes"].items()]

    def edit(index, change):
        return lambda t: change(lists(t)[index][1])

    extra = {"name": "extra", "xmlAttribute": False, "required": False}
    for i, (name, rows) in enumerate(lists(table)):
        yield f"{name}: extra", edit(i, lambda r: r.append(extra))
        for j, row in enumerate(rows):
            wrong = "string" if row["kind"] == "any" else "any"
            required = {"required": not row.get("required")}
            if "create" in row:
                required = {"create": "NP"} if row["create"] == "M" else {}
            for what, new in (("renamed", {"name": "renamed"}), ("wrong kind", {"kind": wrong}),
                              ("many", {"many": not row["many"]}), ("required", required),
                              ("qualified", {"qualified": not row["qualified"]}),
                              ("attribute", {"xmlAttribute": not row["xmlAttribute"]})):
                in_choice = name in table["shapes"] and table["shapes"][name]["choice"]
                if new and not (what == "required" and in_choice):
                    yield f"{name}.{row['name']}: {what}", \
                          edit(i, lambda r, j=j, n=new: r[j].update(n))
            yield f"{name}.{row['name']}: missing", edit(i, lambda r, j=j: r.pop(j))
            if j and not row["xmlAttribute"]:
                yield f"{name}.{row['name']}: reordered", \
                      edit(i, lambda r, j=j: r.insert(j - 1, r.pop(j)))
    for name in table["shapes"]:
        for key, value in (("text", "long"), ("choice", not table["shapes"][name]["choice"])):
            yield f"{name}: {key}", lambda t, n=name, k=key, v=value: t["shapes"][n].update({k: v})
    for name in table["enums"]:
        yield f"{name}: value missing", lambda t, n=name: t["enums"][n].pop()
        yield f"{name}: value extra", lambda t, n=name: t["enums"][n].append("EXTRA")


def self_test(schema):
    table = derive_table(schema)
    diffs = Agreement(schema, table).all()
    text, count = json.dumps(table), 0
    for what, change in mutations(table):
        mutant = json.loads(text)
        change(mutant)
        count += 1
        if not Agreement(schema, mutant).all():
            diffs.append(f"not noticed: {what}")
    print(f"self-test: {len(table['types'])} types, {count} mutations, {len(diffs)} failures")
    return diffs


def compare_table(file, schema):
    with sys.stdin if file == "-" else open(file, encoding="utf-8") as stream:
        diffs = Agreement(schema, json.load(stream)).all()
    unused = [f"exception no longer needed: {text}" for text in EXCEPTIONS if text not in diffs]
    return unused + [d for d in diffs if d not in EXCEPTIONS]


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
    parser.add_argument("--equivalent", nargs=2, metavar=("DIR_A", "DIR_B"))
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    try:
        if args.equivalent:
            diffs = equivalent(*(Schema(path) for path in args.equivalent))
        elif args.self_test:
            diffs = self_test(Schema(args.xsd))
        elif args.types:
            diffs = compare_table(args.types, Schema(args.xsd))
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
