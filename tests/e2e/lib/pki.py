# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for the tests, by the openssl command: good certificates and every kind of bad one."""

import datetime
import os
import ssl
import subprocess

OPENSSL_SECONDS = 60
CURVE = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
PPID, ROLE, APP = "urn:m2m:ppid:", "urn:m2m:role:", "urn:m2m:app:"
_CA_CONFIG = """[ca]
default_ca = here
[here]
database = {d}/index.txt
serial = {d}/serial
crlnumber = {d}/crlnumber
new_certs_dir = {d}
certificate = {d}/ca.pem
private_key = {d}/ca.key
default_md = sha256
policy = any
unique_subject = no
default_crl_days = 2
[any]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
"""


def openssl(*arguments, data=None):
    """Runs openssl; its output."""
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, timeout=OPENSSL_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Identity:
    """A certificate and its key, as files."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    def __iter__(self):
        return iter((self.cert, self.key))

    def fingerprint(self):
        """SHA-256 of the SubjectPublicKeyInfo, hex."""
        public = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return openssl("dgst", "-sha256", "-r", data=public).split()[0].decode()

    def context(self, ca):
        """A TLS client that shows it and trusts ca."""
        made = ssl.create_default_context(cafile=ca)
        made.load_cert_chain(self.cert, self.key)
        return made


def private_key(path, *algorithm):
    """A new private key, mode 0600."""
    old = os.umask(0o077)
    try:
        openssl("genpkey", *(algorithm or CURVE), "-out", path)
    finally:
        os.umask(old)
    return path


def _stamp(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y%m%d%H%M%SZ")


class Authority:
    """A CA in a directory of its own, below parent if there is one; cert and crl are its files."""

    def __init__(self, directory, name="device-ca", parent=None):
        os.makedirs(directory)
        self.directory, self.count = directory, 0
        self.cert, self.key, self.crl = self._path("ca.pem"), self._path("ca.key"), self._path("crl.pem")
        self.config = self._path("ca.cnf")
        self._write("ca.cnf", _CA_CONFIG.format(d=directory))
        for file, text in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n")):
            self._write(file, text)
        may = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        if parent:
            for made, own in zip(parent._issue(name, [*may, "subjectKeyIdentifier=hash"]), (self.cert, self.key)):
                os.replace(made, own)
        else:
            private_key(self.key)
            openssl("req", "-x509", "-new", "-key", self.key, "-out", self.cert, "-days", "3", "-subj", f"/CN={name}",
                    *(x for line in may for x in ("-addext", line)))
        self.publish()

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self._path(name)

    def _issue(self, name, extensions, *, start=-1, end=2, sign=True):
        self.count += 1
        name = f"{name}-{self.count}"
        key, cert = private_key(self._path(f"{name}.key")), self._path(f"{name}.pem")
        if not sign:
            more = [x for line in extensions for x in ("-addext", line)]
            openssl("req", "-x509", "-new", "-key", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}", *more)
            return Identity(cert, key)
        request = self._path(f"{name}.csr")
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        file = self._write(f"{name}.ext", "\n".join(extensions) + "\n")
        openssl("ca", "-batch", "-config", self.config, "-in", request, "-out", cert, "-notext", "-extfile", file,
                "-startdate", _stamp(start), "-enddate", _stamp(end))
        return Identity(cert, key)

    def server(self, dns="localhost", **more):
        """A server of that DNS name at 127.0.0.1."""
        return self._issue("server", [f"subjectAltName=DNS:{dns},IP:127.0.0.1", "extendedKeyUsage=serverAuth",
                                      "basicConstraints=critical,CA:FALSE"], **more)

    def client(self, *uris, usage="clientAuth", name="client", ocsp=(), **more):
        """A client with subjectAltName URIs; ocsp: URIs of its responders."""
        lines = [f"extendedKeyUsage={usage}", "basicConstraints=critical,CA:FALSE"]
        if ocsp:
            lines.append("authorityInfoAccess=" + ",".join(f"OCSP;URI:{u}" for u in ocsp))
        if uris:
            lines.append("subjectAltName=" + ",".join(f"URI:{u}" for u in uris))
        return self._issue(name, lines, **more)

    def device(self, ppid, **more):
        """The factory identity of a device: ppid in hex. expired: start=-5, end=-1; rogue: sign=False."""
        return self.client(PPID + ppid, name="device", **more)

    def role(self, *roles, **more):
        """A function of the provider: admin, nscl, msbf; or an SCL by scl and its own urn."""
        return self.client(*(ROLE + r for r in roles), name="role", **more)

    def named_role(self, role, name):
        """The same under a DNS name: an NSCL or a gateway by its SCL-ID."""
        return self._issue("role", ["extendedKeyUsage=clientAuth", "basicConstraints=critical,CA:FALSE",
                                    f"subjectAltName=URI:{ROLE}{role},DNS:{name}"])

    def app(self, app_id, **more):
        """An application."""
        return self.client(APP + app_id, name="app", **more)

    def responder(self, **more):
        """Who may sign what an OCSP responder says."""
        return self.client(usage="OCSPSigning", name="responder", **more)

    def expired(self, ppid):
        """A device whose certificate was good until yesterday."""
        return self.device(ppid, start=-5, end=-1)

    def rogue(self, ppid):
        """Signed by itself."""
        return self.device(ppid, sign=False)

    def revoke(self, identity, *, publish=True):
        """Puts it on the list of revoked certificates, at once; else only in the index of the authority."""
        openssl("ca", "-config", self.config, "-revoke", identity.cert)
        if publish:
            self.publish()

    def publish(self):
        """Writes the revocation list anew, as a whole."""
        openssl("ca", "-config", self.config, "-gencrl", "-crlexts", "crl", "-out", self.crl + ".new")
        os.replace(self.crl + ".new", self.crl)


def signing_key(path):
    """An Ed25519 key: (private, public) files."""
    private_key(path, "-algorithm", "ED25519")
    openssl("pkey", "-in", path, "-pubout", "-out", path + ".pub")
    return path, path + ".pub"
