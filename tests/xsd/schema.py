# SPDX-License-Identifier: Apache-2.0
"""Reads a set of XML Schema files and describes its types in the format of `nscl --types`.

Covers what the ETSI M2M schemas use: element and attribute references, sequence, choice, wildcards,
simple and complex content, enumerations and other facets. Names are in Clark notation: {namespace}local.
"""
import functools
import os
import xml.etree.ElementTree as ET

XS = "{http://www.w3.org/2001/XMLSchema}"
M2M = "{http://uri.etsi.org/m2m}"

# XSD type -> kind of the type tables. anySimple: no type given, every simple kind will do.
KINDS = {
    "anySimpleType": "anySimple", "anyType": "any", "anyURI": "anyURI", "base64Binary": "base64",
    "boolean": "boolean", "dateTime": "dateTime", "duration": "duration", "hexBinary": "hexBinary",
    "int": "long", "integer": "long", "long": "long", "NMTOKEN": "NMTOKEN", "short": "long", "string": "string",
    "time": "time", "token": "token", "unsignedInt": "long", "unsignedLong": "long",
}


# Facets that limit a value -> their name in the type tables.
FACETS = {"minInclusive": "min", "maxInclusive": "max", "maxLength": "length", "pattern": "pattern"}


class SchemaError(Exception):
    """The files cannot be read or contradict each other."""


def local(name):
    return name.rpartition("}")[2]


def children(node):
    return [c for c in node if c.tag != XS + "annotation"]


def canonical(node):
    """What a declaration means, as nested tuples that compare equal when the meaning is equal."""
    attrs = {k: v for k, v in node.attrib.items() if k not in ("minOccurs", "maxOccurs")}
    tag = local(node.tag)
    if tag in ("element", "sequence", "choice", "any"):
        attrs["occurs"] = (node.get("minOccurs", "1"), node.get("maxOccurs", "1"))
    parts = [canonical(c) for c in children(node)]
    any_type = [("complexContent", (), (("restriction", (("base", XS + "anyType"),), ()),))]
    if tag == "complexType" and parts == any_type:
        parts = []      # the long form of an empty complexType
    if tag in ("restriction", "complexType", "extension"):
        # facets and attributes have no order
        parts.sort(key=lambda p: repr(p) if p[0] in ("enumeration", "attribute") else "")
    return (tag, tuple(sorted(attrs.items(), key=repr)), tuple(parts))


class Schema:
    """All global declarations found from one driver file, or in all *.xsd files of a folder."""

    def __init__(self, path):
        self.decls = {}         # (tag, name) -> node
        self.loaded = set()
        if os.path.isdir(path):
            files = sorted(os.path.join(path, f) for f in os.listdir(path) if f.endswith(".xsd"))
        else:
            files = [path]
        if not files:
            raise SchemaError(f"{path}: no *.xsd file")
        for file in files:
            self.load(os.path.abspath(file))

    def load(self, file):
        if file in self.loaded:
            return
        self.loaded.add(file)
        prefixes, root = {"xml": "http://www.w3.org/XML/1998/namespace"}, None
        try:
            for event, value in ET.iterparse(file, ("start-ns", "start")):
                if event == "start-ns":
                    prefixes[value[0]] = value[1]
                elif root is None:
                    root = value
        except (OSError, ET.ParseError) as err:
            raise SchemaError(f"{file}: {err}") from err
        self.resolve_names(root, prefixes)
        for node in children(root):
            if node.tag in (XS + "include", XS + "import"):
                self.load(locate(file, node.get("schemaLocation")))
            else:
                self.declare(file, node, root.get("targetNamespace"))

    def resolve_names(self, root, prefixes):
        for node in root.iter():
            for key in {"ref", "type", "base"} & set(node.attrib):
                prefix, _, name = node.get(key).strip().rpartition(":")
                node.set(key, "{%s}%s" % (prefixes.get(prefix, ""), name))
            if "name" in node.attrib:   # two official types have a blank at the end of it
                node.set("name", node.get("name").strip())
            if local(node.tag) in ("element", "attribute"):
                form = root.get(local(node.tag) + "FormDefault", "unqualified")
                node.set("form", node.get("form", form))

    def declare(self, file, node, namespace):
        key = (local(node.tag), "{%s}%s" % (namespace, node.get("name")))
        old = self.decls.get(key)
        # Two official files repeat a declaration: harmless as long as it is the same one.
        if old is not None and canonical(old) != canonical(node):
            raise SchemaError(f"{file}: a second, different {key[0]} {key[1]}")
        self.decls[key] = node

    def get(self, tag, name):
        try:
            return self.decls[tag, name]
        except KeyError:
            raise SchemaError(f"{tag} {name} is not declared") from None

    @functools.cache
    def derived(self, name):
        """The type itself and all types an xsi:type may put in its place; no abstract ones."""
        found = [] if self.get("complexType", name).get("abstract") == "true" else [name]
        for (tag, other), node in self.decls.items():
            base = node.find(f"{XS}complexContent/{XS}extension")
            if tag == "complexType" and base is not None and base.get("base") == name:
                found += self.derived(other)
        return found

    def type_of(self, node):
        """(kind, reference) of an element or attribute; reference: complexType, enum values."""
        inline = node.find(XS + "complexType")
        if inline is not None:
            return "struct", inline
        inline = node.find(XS + "simpleType")
        if inline is not None:
            return self.simple(inline)
        untyped = XS + ("anyType" if node.tag == XS + "element" else "anySimpleType")
        return self.named_type(node.get("type", untyped))

    def named_type(self, name):
        if name.startswith(XS):
            if local(name) not in KINDS:
                raise SchemaError(f"no kind for the type {name}")
            return KINDS[local(name)], None
        if ("complexType", name) in self.decls:
            return "struct", name
        return self.simple(self.get("simpleType", name), name)

    def simple(self, node, name=None):
        restriction = node.find(XS + "restriction")
        values = [e.get("value") for e in restriction.findall(XS + "enumeration")]
        if values:
            return "enum", (name, values)
        return self.named_type(restriction.get("base"))

    def limits(self, node):
        """Facets of an element's or attribute's simple type, those of its bases included."""
        inline = node.find(XS + "simpleType")
        name = node.get("type", "")
        if inline is None:
            inline = self.decls.get(("simpleType", name))
        found = {}
        while inline is not None:
            restriction = inline.find(XS + "restriction")
            for facet in children(restriction):
                key, value = FACETS.get(local(facet.tag)), facet.get("value")
                if key:
                    found.setdefault(key, value if key == "pattern" else int(value))
            inline = self.decls.get(("simpleType", restriction.get("base")))
        return found

    @functools.cache
    def shape(self, type_ref):
        """(text kind or None, is a choice, elements then attributes) of a complexType."""
        node = self.get("complexType", type_ref) if isinstance(type_ref, str) else type_ref
        content = next((c for c in children(node) if c.tag.endswith("Content")), None)
        text, choice, fields = None, False, []
        if content is not None:
            node = children(content)[0]
            base = node.get("base")
            if content.tag == XS + "simpleContent":
                text = self.named_type(base)[0]
            elif base != XS + "anyType":
                text, choice, fields = self.shape(base)
        for child in children(node):
            tag = local(child.tag)
            if tag in ("sequence", "choice"):
                choice = choice or tag == "choice"
                fields = fields + self.particles(child, True, False)
            elif tag == "attribute":
                fields = fields + [self.field(child, child.get("use") == "required", False)]
        return text, choice, sorted(fields, key=lambda f: f["xmlAttribute"])

    def particles(self, group, required, many):
        required = required and group.get("minOccurs") != "0" and group.tag != XS + "choice"
        many = many or group.get("maxOccurs", "1") != "1"
        fields = []
        for node in children(group):
            if local(node.tag) in ("sequence", "choice"):
                fields += self.particles(node, required, many)
            elif node.tag == XS + "element":
                fields.append(self.field(node, required and node.get("minOccurs") != "0",
                                         many or node.get("maxOccurs", "1") != "1"))
            elif node.tag == XS + "any":
                fields.append({"name": "(any)", "kind": "wildcard", "type": None, "xmlAttribute": False,
                               "qualified": node.get("namespace") == "##other",
                               "many": many or node.get("maxOccurs", "1") != "1",
                               "required": required and node.get("minOccurs") != "0"})
        return fields

    def field(self, node, required, many):
        tag, ref = local(node.tag), node.get("ref")
        target = self.get(tag, ref) if ref else node
        kind, type_ref = self.type_of(target)
        qualified = bool(ref) or node.get("form") == "qualified"
        row = {"name": target.get("name"), "qualified": qualified, "many": many,
               "xmlAttribute": tag == "attribute", "required": required,
               "kind": kind, "type": type_ref}
        occurs = node.get("maxOccurs", "1")
        if occurs not in ("1", "unbounded"):
            row["most"] = int(occurs)
        return row | self.limits(target)


def locate(file, location):
    """Path of an included file; a web address is looked up in a catalog.xml at or above it."""
    folder = os.path.dirname(file)
    if "://" not in location:
        return os.path.normpath(os.path.join(folder, location))
    for base in (folder, os.path.dirname(folder)):
        catalog = os.path.join(base, "catalog.xml")
        if os.path.exists(catalog):
            for entry in ET.parse(catalog).getroot():
                if entry.get("name") == location:
                    return os.path.normpath(os.path.join(base, entry.get("uri")))
    raise SchemaError(f"{file}: no catalog.xml entry for {location}")
