# SPDX-License-Identifier: Apache-2.0
"""A provider with MSBF, MAS and NSCL, and nodes that begin with nothing but a factory identity."""

import base64
import json
import os
import secrets
import time

from . import pki, psk, xml
from .bed import pick_port, wait_for
from .client import Client
from .daemon import Daemon
from .m2mkeys import Kmr, ParamSet, bootstrap_set

PPID = "503c71bf0a1b2c00124b0001020304"
MSBF_ID = "localhost"
SP_ID = "sp1.example"
APP = "http://127.0.0.1/e2e"
BOOTSTRAP = "/m2m/msbf/bootstrapParamSet"
CONNECT = "/m2m/connectionParamSet"
JSON = "application/json"
LISTENER = '{{ address = "{address}"; port = {port}; security = "{security}"; serve = [ {serve} ];{more} }}'


def listener(port, security, serve, address="127.0.0.1", **more):
    """A group of the listeners; more: strings and booleans."""
    words = {True: "true", False: "false"}
    more = "".join(f' {k} = {words[v] if isinstance(v, bool) else json.dumps(v)};' for k, v in more.items())
    return LISTENER.format(address=address, port=port, security=security, more=more,
                           serve=", ".join(f'"{s}"' for s in serve))


def secret_file(path, text):
    """A file of mode 0600."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    return path


def ppid(number):
    """Another device: two addresses of its own."""
    return f"503c71bf{number:06x}00124b00{number:08x}"


def options(groups):
    """Configuration text of {group: {option: value}}."""
    def text(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, tuple)):
            return "[ " + ", ".join(json.dumps(v) for v in value) + " ]"
        return str(value) if isinstance(value, int) else json.dumps(value)
    return "\n".join(f"{group} = {{ " + " ".join(f"{k} = {text(v)};" for k, v in rows.items()) + " };"
                     for group, rows in groups.items())


class Provider(Daemon):
    """nscl with all three roles: clear for applications, psk for mId, certificate for the MSBF, administration.

    serves: on the clear listener. tapped: nodes reach mId through a tap, or a relay of that class, self.tap.
    roles: some of them alone, with another process as mas.
    """

    def __init__(self, bed, *, name="nscl", address="127.0.0.1", tapped=False, msbf=True, roles=None, mas=None, settings=None,
                 serves=("mia",), psk_more=None, **more):
        self.address, self.host, self.mas = address, "localhost" if address == "127.0.0.1" else address, mas
        self.mid_port, self.msbf_port, self.admin_port, self.mas_port = (pick_port() for _ in range(4))
        self.tap = bed.add((psk.Tap if tapped is True else tapped)(self.mid_port)) if tapped else None
        self.roles = list(roles or (["msbf", "mas", "nscl"] if msbf else ["mas", "nscl"]))
        if "msbf" in self.roles:
            self.devices = pki.Authority(bed.path(f"{name}-devices"))
        if "msbf" in self.roles or self.roles == ["mas"]:
            self.servers = pki.Authority(bed.path(f"{name}-servers"), "provider-ca")
            self.msbf_identity = self.servers.server(MSBF_ID)
        self.secret = mas.secret if mas else secrets.token_urlsafe(32)
        self.reject_keys = mas.reject_keys if mas else pki.signing_key(bed.path(f"{name}-reject.key"))
        self.groups = {"msbf": {"id": MSBF_ID, "sp_id": SP_ID, "nscls": [self.mid_base], "admission": "list"}}
        if mas:
            mine = mas.servers.role("nscl")
            self.admin_port = mas.admin_port
            self.groups["mas"] = {"uri": f"https://{MSBF_ID}:{mas.mas_port}/mas/v1", "ca": mas.servers.cert,
                                  "certificate": mine.cert, "key": mine.key, "kmc_overlap": "2 s"}
        else:
            kek = secret_file(bed.path(f"{name}-kek"), secrets.token_hex(32) + "\n")
            self.groups["mas"] = {"kek_file": kek, "reject_key": self.reject_keys[0], "kmc_overlap": "2 s"}
            self.groups["admin"] = {"tokens": secret_file(bed.path(f"{name}-admin"), self.secret + "\n")}
        for group, rows in (settings or {}).items():
            self.groups.setdefault(group, {}).update(rows)
        self.more_text = more.pop("extra", "")
        super().__init__(bed, "nscl", name=name, mid="", extra=self.extra_text(), **more)
        self.listeners = ", ".join(self._listeners(address, serves, psk_more or {}))
        if "nscl" in self.roles:
            self.options.append(f"scl.uri={self.mid_base}")
        self.write_config()

    def _listeners(self, address, serves, psk_more):
        if "nscl" in self.roles:
            yield listener(self.port, "none", serves)
            yield listener(self.mid_port, "psk", ["mid"], address, **psk_more)
        if not self.mas:
            yield listener(self.admin_port, "none", ["admin"])
        if "msbf" in self.roles:
            yield listener(self.msbf_port, "certificate", ["msbf"], certificate=self.msbf_identity.cert,
                           key=self.msbf_identity.key, ca=self.devices.cert, crl=self.devices.crl)
        if self.roles == ["mas"]:
            yield listener(self.mas_port, "certificate", ["mas"], certificate=self.msbf_identity.cert,
                           key=self.msbf_identity.key, ca=self.servers.cert, require_client_cert=True)

    def extra_text(self):
        """The options beside the usual ones."""
        return f"roles = {json.dumps(self.roles)};\n" + options(self.groups) + "\n" + self.more_text

    def set(self, group, **rows):
        """Changes options in the file; reload() takes them over."""
        self.groups.setdefault(group, {}).update(rows)
        self.extra = self.extra_text()
        self.write_config()

    @property
    def mid_base(self):
        """sclBase for nodes."""
        return f"https://{self.host}:{self.tap.port if self.tap else self.mid_port}/m2m"

    @property
    def msbf_base(self):
        """{msbfBase}."""
        return f"https://{MSBF_ID}:{self.msbf_port}/m2m/msbf"

    # ---- administration ----

    def admin(self, method, path, body=None, token=None):
        """One operation; the answer."""
        client = Client("127.0.0.1", self.admin_port, None)
        lines = {"Authorization": f"Bearer {token or self.secret}", "Accept": JSON}
        if body is not None:
            lines["Content-Type"] = JSON
        try:
            return client.request(method, f"/admin{path}", None if body is None else json.dumps(body), lines)
        finally:
            client.close()

    def administer(self, method, path, body=None):
        """One that must succeed; its document."""
        answer = self.admin(method, path, body)
        if answer.status not in (200, 201, 204):
            raise AssertionError(f"{method} /admin{path}: {answer!r}")
        return json.loads(answer.body) if answer.body else {}

    def admit(self, device_ppid=PPID, fingerprints=()):
        """Puts a device on the list."""
        body = {"ppid": device_ppid, "fingerprints": list(fingerprints), "subId": "sub1"}
        return self.administer("POST", "/devices", body)

    def issue(self, scl_id, **more):
        """B0 credentials of a node that the test itself plays."""
        made = self.administer("POST", "/nodes", {"sclId": scl_id, "subId": "sub1", **more})
        key = base64.urlsafe_b64decode(made["kmr"] + "==")
        return Kmr(key, made["nodeId"], made["kmrIndex"])

    def revoke(self, node, scope="node", **more):
        """Revokes a node, its Kmr, or a connection."""
        body = {"scope": scope, "reason": "test", **more}
        return self.administer("POST", f"/nodes/{node if isinstance(node, str) else node.hex()}/revoke", body)

    def node_of(self, scl_id):
        """Record of the node with that SCL-ID, or None."""
        found = self.administer("GET", f"/nodes?sclId={scl_id}")
        rows = found.get("nodes", found if isinstance(found, list) else [])
        return rows[0] if rows else None

    # ---- as a node ----

    def session_a(self, kmr, version=3, **more):
        """TLS-PSK under Kmr."""
        return psk.Session(self.mid_port, kmr.identity(version), kmr.psk(version), version, host=self.address, **more)

    def session_b(self, kmc, version=3, **more):
        """TLS-PSK under Kmc."""
        return psk.Session(self.mid_port, kmc.identity(version), kmc.psk(version), version, host=self.address, **more)

    def ask_connection(self, session, scl_id, body=b"", headers=None, query=""):
        """POST connectionParamSet."""
        return session.request("POST", f"{CONNECT}?sclId={scl_id}{query}", body,
                               {"Accept": "application/xml", **(headers or {})})

    def connected(self, kmr, scl_id, version=3):
        """Kmc of a new service connection."""
        session = self.session_a(kmr, version)
        try:
            answer = self.ask_connection(session, scl_id)
            if answer.status != 201:
                raise AssertionError(f"connectionParamSet: {answer!r}")
            made = ParamSet(answer.body)
            if not made.confirmed(kmr, session.exporter):
                raise AssertionError("the key in connectionParamSet is not the derived one")
            return made.connection(kmr, session.exporter)
        finally:
            session.close()

    def node(self, scl_id):
        """A node that the test plays, with a live session B: (Kmr, Kmc, session)."""
        kmr = self.issue(scl_id)
        kmc = self.connected(kmr, scl_id)
        return kmr, kmc, self.session_b(kmc)

    def certified(self, identity, **more):
        """TLS with a client certificate to the MSBF."""
        return psk.Certified(self.msbf_port, identity, self.servers.cert, name=MSBF_ID, **more)

    def sees(self, scl_id, timeout=60):
        """Waits until that SCL is registered and ONLINE; its document, or None."""
        client = self.client(APP)

        def online():
            answer = client.get(f"/m2m/scls/{scl_id}")
            return answer.status == 200 and xml.text(answer.xml(), "onlineStatus") == "ONLINE" and answer.xml()
        try:
            return wait_for(online, timeout) or None
        finally:
            client.close()


def registration(scl_id, link):
    """scl for POST scls."""
    return (f'<m2m:scl {xml.NS} sclId="{scl_id}"><m2m:link>{link}</m2m:link>'
            "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>")


class Node(Daemon):
    """gscl or dscl that is bootstrapped by its factory certificate, or has imported credentials.

    address: where the NSCL reaches it.
    """

    def __init__(self, bed, kind, provider, *, name=None, device=None, device_ppid=PPID, settings=None, address="127.0.0.1",
                 **more):
        name = name or kind
        self.provider, self.device = provider, device
        kek = secret_file(bed.path(f"{name}-kek"), secrets.token_hex(32) + "\n")
        self.groups = {"keystore": {"kek_file": kek}}
        self.groups["bootstrap"] = {"retry": "200 ms", "retry_max": "1 s", "domains": ["localhost", provider.host]}
        if device:
            self.groups["bootstrap"].update({"msbf": provider.msbf_base, "ca": provider.servers.cert,
                                             "certificate": device.cert, "key": device.key})
        for group, rows in (settings or {}).items():
            self.groups.setdefault(group, {}).update(rows)
        self.ppid, self.address, self.poc_port = device_ppid, address, pick_port()
        super().__init__(bed, kind, name=name, mid="", extra=options(self.groups) + "\n" + more.pop("extra", ""), **more)
        self.listeners = ", ".join((listener(self.port, "none", ["dia"]), listener(self.poc_port, "psk", ["mid"], address)))
        self.options.append("register.retry=200 ms")
        self.options.append("register.retry_max=1 s")
        self.write_config()

    @property
    def mid_base(self):
        """sclBase for the NSCL."""
        return f"https://{self.address}:{self.poc_port}/m2m"

    @property
    def keystore(self):
        """The file with its keys."""
        return os.path.join(self.store, "keystore", "keystore")

    def import_credentials(self, path):
        """--import-credentials; the completed process."""
        return self.action("--import-credentials", path)

    def provide(self, kmr):
        """Imports credentials that the provider has issued."""
        path = secret_file(os.path.join(self.directory, "credentials.xml"),
                           bootstrap_set(kmr, self.scl_id, self.provider.mid_base, now_plus(86400)))
        done = self.import_credentials(path)
        if done.returncode != 0:
            raise AssertionError(f"{self.name} --import-credentials: {done.stderr}")
        return self


def factory_node(bed, kind, provider, device_ppid=PPID, **more):
    """A device of the manufacturer, admitted at the provider; nothing else is known to it."""
    device = provider.devices.device(device_ppid)
    provider.admit(device_ppid, [device.fingerprint()])
    return Node(bed, kind, provider, device=device, device_ppid=device_ppid, **more)


def now_plus(seconds):
    """dateTime."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
