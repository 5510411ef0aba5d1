# SPDX-License-Identifier: Apache-2.0
"""TLS-PSK from outside, by the openssl command: a client, a false server, and who listens in between."""

import os
import re
import socket
import subprocess
import tempfile
import threading
import time

from .bed import pick_port, wait_for
from .client import Answer
from .m2mkeys import BOOT_LABEL, CONN_LABEL, digest, lv8, lv16, mac, u16
from .raw import Raw

PATIENCE = 30
EXPORT = ("-keymatexport", CONN_LABEL, "-keymatexportlen", "32")
SUITES = {3: ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"),
          2: ("-tls1_2", "-cipher", "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256")}
# OpenSSL reads the default of the system from here: no extended master secret.
_NO_EMS = """openssl_conf = init
[init]
ssl_conf = tls
[tls]
system_default = weak
[weak]
Options = -ExtendedMasterSecret
MinProtocol = TLSv1.2
CipherString = DEFAULT@SECLEVEL=0
"""


class Refused(Exception):
    """The handshake did not complete."""


class Tls(Raw):
    """A session of openssl s_client; exporter, forward_secret and extended are what it says of it."""

    def __init__(self, port, arguments, *, label=CONN_LABEL, host="127.0.0.1", env=None, inside=(),
                 timeout=PATIENCE):
        self.sock, theirs = socket.socketpair()
        self.buffer, self.ended = b"", False
        self.trouble, self.authority = tempfile.TemporaryFile(), f"{'localhost' if host == '127.0.0.1' else host}:{port}"
        self.process = subprocess.Popen(
            [*inside, "openssl", "s_client", "-connect", f"{host}:{port}", *arguments, "-keymatexport", label,
             "-keymatexportlen", "32", "-ign_eof", "-nocommands"],
            stdin=theirs, stdout=theirs, stderr=self.trouble, env={**os.environ, **(env or {})})
        theirs.close()
        self.head = self._banner(timeout)
        if self.head is None:
            self.close()
            raise Refused(self.buffer[-2000:].decode(errors="replace"))
        self.exporter = bytes.fromhex(re.search(r"Keying material: ([0-9A-F]+)", self.head).group(1))
        self.forward_secret = "Server Temp Key" in self.head
        self.extended = "Extended master secret: yes" in self.head

    def _banner(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(rb"Keying material: [0-9A-F]+\n---\n", self.buffer)
            if found:
                head, self.buffer = self.buffer[:found.end()], self.buffer[found.end():]
                return head.decode(errors="replace")
            if not self._more(deadline):
                return None

    def request(self, method, target, body=b"", headers=None, timeout=PATIENCE):
        """One request on the session; status 0 when there is no answer."""
        body = body.encode() if isinstance(body, str) else body
        lines = {"Host": self.authority, "Content-Length": str(len(body)), **(headers or {})}
        if body:
            lines.setdefault("Content-Type", "application/xml")
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        if not self.send(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body):
            return Answer(0, [], b"")
        reply = self.reply(timeout)
        return Answer(reply.status, list(reply.headers.items()), reply.body)

    def is_closed(self, timeout=PATIENCE):
        """The server ends the session."""
        return self.closed_within(timeout) is not None

    def close(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()
        self.trouble.close()


class Session(Tls):
    """Under a pre-shared key."""

    def __init__(self, port, identity, key, version=3, *, suites=None, more=(), **rest):
        chosen = SUITES[version] if suites is None else suites
        super().__init__(port, ["-psk", key.hex(), "-psk_identity", identity, *chosen, "-noservername", *more], **rest)


class Certified(Tls):
    """With a client certificate, or none; the server's is checked against ca for name."""

    def __init__(self, port, identity, ca, *, name="localhost", label=BOOT_LABEL, more=(), **rest):
        mine = ["-cert", identity.cert, "-key", identity.key] if identity else []
        super().__init__(port, [*mine, "-CAfile", ca, "-verify_return_error", "-verify_hostname", name, "-servername", name,
                                *more], label=label, **rest)


def handshakes(port, identity, key, version=3, **more):
    """The handshake completes, as far as the server shows it: with TLS 1.3 a client is done before the server."""
    try:
        with Session(port, identity, key, version, **more) as session:
            return session.request("GET", "/", timeout=5).status != 0
    except Refused:
        return False


def without_extended_master_secret(bed):
    """Environment for a client that leaves it out."""
    path = bed.path("no-ems.cnf")
    with open(path, "w", encoding="ascii") as file:
        file.write(_NO_EMS)
    return {"OPENSSL_CONF": path}


class FalseServer(Raw):
    """A TLS-PSK server for one connection on a port: reads a request, answers what it is told."""

    def __init__(self, port, identity, key, version=3):
        self.sock, theirs = socket.socketpair()
        self.buffer, self.ended, self.head = b"", False, ""
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-psk", key.hex(), "-psk_identity", identity, "-nocert",
             *SUITES[version], *EXPORT, "-naccept", "1", "-no_ticket"],
            stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT)
        theirs.close()
        if not self._until(rb"ACCEPT\n", PATIENCE):
            self.close()
            raise Refused("s_server does not listen")

    def _until(self, pattern, timeout):
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.buffer)
            if found:
                self.head += self.buffer[:found.end()].decode(errors="replace")
                self.buffer = self.buffer[found.end():]
                return found
            if not self._more(deadline):
                return None

    def accepted(self, timeout=PATIENCE):
        """The exporter of the session with a client that has the key; None when none came."""
        found = self._until(rb"Keying material: ([0-9A-F]+)\n", timeout)
        return bytes.fromhex(found.group(1).decode()) if found else None

    def await_request(self, timeout=PATIENCE):
        """Request line of a request without a body, or None."""
        found = self._until(rb"((?:GET|POST|PUT|DELETE) [^\r\n]*) HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n", timeout)
        return found.group(1).decode() if found else None

    def answer(self, status, body=b"", headers=None):
        """Sends a response."""
        body = body.encode() if isinstance(body, str) else body
        lines = {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Cache-Control": "no-store",
                 **(headers or {})}
        head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        return self.send(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)

    def close(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()


class CertificateServer:
    """A server with a certificate that accepts whoever comes; got is what it was sent after the handshake."""

    def __init__(self, port, identity, bed, version=3):
        self.path = bed.path(f"certificate-server-{port}.out")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", identity.cert, "-key", identity.key, "-quiet",
                 "-tls1_3" if version == 3 else "-tls1_2"], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
        wait_for(lambda: listens(port), 10)

    @property
    def got(self):
        """Octets received."""
        with open(self.path, "rb") as file:
            return file.read()

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def listens(port):
    """Whether somebody listens on a port of 127.0.0.1."""
    want = f"0100007F:{port:04X} 00000000:0000 0A"
    with open("/proc/net/tcp", encoding="ascii") as file:
        return want in file.read()


# ---- what can be seen on the wire ----

def client_identities(octets):
    """PSK identities in a TLS 1.3 ClientHello at the beginning of a stream; [] when there are none (yet)."""
    if len(octets) < 44 or octets[0] != 22 or octets[5] != 1:
        return []
    body = octets[9:9 + int.from_bytes(octets[6:9], "big")]
    try:
        at = 34
        at += 1 + body[at]
        at += 2 + int.from_bytes(body[at:at + 2], "big")
        at += 1 + body[at]
        at += 2
        while at < len(body):
            kind, size = int.from_bytes(body[at:at + 2], "big"), int.from_bytes(body[at + 2:at + 4], "big")
            if kind == 41:
                return _offered(body[at + 4:at + 4 + size])
            at += 4 + size
    except IndexError:
        pass
    return []


def _offered(extension):
    found, at, end = [], 2, 2 + int.from_bytes(extension[:2], "big")
    while at < end:
        size = int.from_bytes(extension[at:at + 2], "big")
        found.append(extension[at + 2:at + 2 + size].decode("latin-1"))
        at += 2 + size + 4
    return found


class Flow:
    """One connection through a tap: what went up and down, and when."""

    def __init__(self):
        self.up, self.down, self.began = bytearray(), bytearray(), time.monotonic()
        self.last_up = self.last_down = self.ended = None

    @property
    def identity(self):
        """PSK identity of a TLS 1.3 client, or ''."""
        return next(iter(client_identities(bytes(self.up))), "")


class Tap:
    """Between a client and port target on loopback: records; limit_down(flow, octets) may cut an answer short."""

    def __init__(self, target):
        self.target, self.flows, self.limit_down, self.ended = target, [], None, False
        self.port = pick_port()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.ended:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            flow = Flow()
            self.flows.append(flow)
            try:
                there = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                self._nobody(flow, here)
                continue
            there.settimeout(None)
            self.sockets += [here, there]
            for one, other, is_up in ((here, there, True), (there, here, False)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(flow, one, other, is_up), daemon=True).start()

    @staticmethod
    def _nobody(flow, here):
        here.settimeout(2)
        try:
            flow.up += here.recv(65536)
        except OSError:
            pass
        here.close()
        flow.ended = time.monotonic()

    def _pass(self, flow, one, other, is_up):
        while True:
            try:
                data = one.recv(65536)
            except OSError:
                data = b""
            now = time.monotonic()
            if is_up:
                flow.up += data
                flow.last_up = now
            elif data and self.limit_down and not self.limit_down(flow, data):
                data = b""
            else:
                flow.down += data
                flow.last_down = now
            try:
                if data:
                    other.sendall(data)
                    continue
                other.shutdown(socket.SHUT_RDWR)
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            flow.ended = now
            one.close()
            return

    def identities(self):
        """Identities of the flows in their order."""
        return [flow.identity for flow in self.flows]

    def octets(self):
        """All that was seen."""
        return b"".join(bytes(flow.up + flow.down) for flow in self.flows)

    def close(self):
        """Ends it."""
        self.ended = True
        self.listener.close()
        for one in self.sockets:
            one.close()


def captured_hello(identity, key, version=3):
    """The ClientHello of a client with that identity and key: its binder depends on nothing of the server."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-psk", key.hex(), "-psk_identity",
                                    identity, *SUITES[version], "-noservername"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        trap.settimeout(PATIENCE)
        here, _ = trap.accept()
        here.settimeout(PATIENCE)
        data = b""
        while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
            data += here.recv(65536)
        here.close()
        process.kill()
        process.wait()
    return data


def _expand_label(secret, label, context):
    label = b"tls13 " + label
    return mac(secret, u16(32) + lv8(label) + lv8(context) + b"\x01")


def forged_hello(hello, identity, key):
    """The captured ClientHello with another identity (octets), bound to it by key; as TLS records."""
    body = hello[5:]
    at = body.rindex(u16(41), 0, len(body) - 40)
    while 4 + at + int.from_bytes(body[at + 2:at + 4], "big") != len(body):
        at = body.rindex(u16(41), 0, at)
    old = len(body) - at - 4
    offered = lv16(lv16(identity) + bytes(4))
    size = len(offered) + 2 + 33
    start = bytearray(body[:at] + u16(41) + u16(size) + offered)
    start[1:4] = (len(start) + 35 - 4).to_bytes(3, "big")
    place = _extensions_at(body)
    start[place:place + 2] = u16(int.from_bytes(body[place:place + 2], "big") - old + size)
    binder_key = _expand_label(mac(bytes(32), key), b"ext binder", digest(b""))
    binder = mac(_expand_label(binder_key, b"finished", b""), digest(bytes(start)))
    message = bytes(start) + lv16(lv8(binder))
    return b"".join(b"\x16\x03\x01" + lv16(message[i:i + 16000]) for i in range(0, len(message), 16000))


def _extensions_at(message):
    at = 4 + 34
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at:at + 2], "big")
    return at + 1 + message[at]


def is_server_hello(octets):
    """The server goes on with the handshake."""
    return len(octets) > 5 and octets[0] == 22 and octets[5] == 2


def send_hello(port, hello, source="127.0.0.1", timeout=PATIENCE):
    """Sends a captured ClientHello: what comes back until the close, and seconds that took; None: no close."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began, got = time.perf_counter(), b""
        sock.sendall(hello)
        while True:
            try:
                data = sock.recv(65536)
            except socket.timeout:
                return got, None
            except OSError:
                data = b""
            got += data
            if not data or is_server_hello(got):
                return got, time.perf_counter() - began
