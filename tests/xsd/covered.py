# SPDX-License-Identifier: Apache-2.0
"""Which members of which types do documents contain? What no sample contains would escape a test
that starts from the samples."""
from schema import M2M, XS, local

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class Coverage:
    """Of one schema set (schema.Schema). A type is a name, or the node of one without name."""

    def __init__(self, schema):
        self.schema = schema
        self.seen = set()       # (type, name of a member), types, names of root elements

    def base(self, ref):
        node = self.schema.get("complexType", ref) if isinstance(ref, str) else ref
        extension = node.find(f"{XS}complexContent/{XS}extension")
        return None if extension is None else extension.get("base")

    def own_members(self, ref):
        base = self.base(ref)
        inherited = {f["name"] for f in self.schema.shape(base)[2]} if base else set()
        return [f for f in self.schema.shape(ref)[2] if f["name"] not in inherited]

    def document(self, root):
        """Adds a valid document, given by its root element."""
        if ("element", root.tag) in self.schema.decls:
            self.seen.add(local(root.tag))
            kind, ref = self.schema.type_of(self.schema.get("element", root.tag))
            if kind == "struct":
                self.element(root, ref)

    def element(self, node, ref):
        chosen = M2M + node.get(XSI_TYPE, "").rpartition(":")[2]
        if ("complexType", chosen) in self.schema.decls:
            ref = chosen
        fields = {(f["name"], f["xmlAttribute"]): f for f in self.schema.shape(ref)[2]}
        present = [(local(child.tag), False, child) for child in node]
        present += [(local(name), True, None) for name in node.attrib]
        owners = [ref]
        while self.base(owners[-1]) is not None:
            owners.append(self.base(owners[-1]))
        self.seen |= set(owners)
        for name, is_attribute, child in present:
            field = fields.get((name, is_attribute))
            member = name if field is not None else "(any)"
            self.seen |= {(owner, member) for owner in owners}
            if field is not None and field["kind"] == "struct":
                self.element(child, field["type"])

    def type_missing(self, ref, called):
        if ref not in self.seen:
            yield f"{called}: in no sample"
            return
        for field in self.own_members(ref):
            if (ref, field["name"]) not in self.seen:
                yield f"{called}/{field['name']}: in no sample"
            if field["kind"] == "struct" and not isinstance(field["type"], str):
                yield from self.type_missing(field["type"], f"{called}/{field['name']}")

    def missing(self):
        referred = {n.get("ref") for decl in self.schema.decls.values() for n in decl.iter()}
        for (tag, name), node in self.schema.decls.items():
            if not name.startswith(M2M) or node.get("abstract") == "true":
                continue
            if tag == "complexType":
                yield from self.type_missing(name, local(name))
            elif tag == "element" and self.schema.type_of(node)[0] == "struct":
                ref = self.schema.type_of(node)[1]
                if not isinstance(ref, str):
                    yield from self.type_missing(ref, local(name))
                if name not in referred and local(name) not in self.seen:
                    yield f"{local(name)}: no sample has this root"
