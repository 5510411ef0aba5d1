# SPDX-License-Identifier: Apache-2.0
"""Proxies, sources and sinks of secure store-and-forward: daemons, keys, units by m2m-pre, requests, a sink that fails on demand."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from . import queue, xml
from .bed import BUILD, PATIENCE, BedError, pick_port, wait_for
from .coap import CoapDaemon
from .secure import options

ROOT = "/m2m/proxy"
JSON, OCTETS = "application/json", "application/octet-stream"
OWNER = "http://127.0.0.1/owner"
OTHER = "http://127.0.0.1/other"
SECONDS = 300
MOMENT = 0.05           # seconds of a sink that lets others wait
EPOCHS = 65536          # sections of an epoch, where one is enough
PLACE = "/m2m/applications/a/containers/c/contentInstances"
_BLOCK = re.compile(r"-----BEGIN M2PRE ([A-Z0-9 -]+)-----\n([0-9a-f\n]+)-----END")


# ---- keys and units ----

def tool(name="m2m-pre"):
    """Path of a command in the build directory or below an installation prefix."""
    for top in (BUILD, os.environ.get("OPENSCL_CONFIGURED", BUILD)):
        for path in (f"common/cli/{name}", f"bin/{name}", f"tests/e2e/{name}"):
            full = os.path.join(top, path)
            if os.access(full, os.X_OK):
                return full
    raise BedError(f"no {name} in {BUILD}")


def pre(*args, data=b"", good=(0,)):
    """The output of m2m-pre."""
    done = subprocess.run([tool(), *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=SECONDS)
    if done.returncode not in good:
        raise AssertionError(f"m2m-pre {' '.join(args)}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def without_pairings():
    """True for a build without them."""
    return b"pairing: none" in subprocess.run([tool(), "--version"], stdout=subprocess.PIPE, check=True).stdout


def blocks(path):
    """[(kind, octets)] of a key file."""
    with open(path, encoding="ascii") as file:
        return [(kind, bytes.fromhex(text.replace("\n", ""))) for kind, text in _BLOCK.findall(file.read())]


class Party:
    """A key pair and the URL that it goes by."""

    def __init__(self, bed, name, url=None):
        self.bed, self.name, self.url = bed, name, url or f"http://{name}.example.org/m2m"
        self.base = bed.path(f"party-{name}")
        pre("keygen", f"--url={self.url}", f"--out={self.base}")
        self.key, self.pub, self.pk1, self.pk2 = (f"{self.base}.{end}" for end in ("key", "pub", "pk1", "pk2"))

    @property
    def pk2_hex(self):
        """PK2, hex."""
        (_, octets), = blocks(self.pk2)
        return octets[5 + struct.unpack_from(">H", octets, 3)[0]:][:96].hex()

    @property
    def sign_hex(self):
        """Ed25519 key, hex."""
        (_, octets), = blocks(self.pub)
        return octets[5 + struct.unpack_from(">H", octets, 3)[0]:][:32].hex()


def granted(source, sink, epochs="0", stream=1):
    """(pkId, rk of a SINK): re-encryption keys of a source for a sink."""
    path = source.bed.path(f"rk-{source.name}-{sink.name}-{epochs}-{stream}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    pre("rekey", f"--key={source.key}", f"--to={sink.pk2}", f"--stream={stream}", f"--epoch={epochs}", f"--out={path}")
    rows, pk_id = [], ""
    for _, octets in blocks(path):
        number, epoch = struct.unpack_from(">HI", octets, 18)
        pk_id = octets[24:32].hex()
        rows.append({"stream": number, "epoch": epoch, "rk": octets[32:128].hex()})
    return pk_id, rows


def sink_row(source, sink, url, epochs="0", stream=1, **more):
    """SINK of a forward."""
    pk_id, keys = granted(source, sink, epochs, stream)
    return {"url": url, "pkId": pk_id, "rk": keys, **more}


class Stream:
    """A source that seals by m2m-pre; each call ends with an END."""

    def __init__(self, source, number=1, *, section=1000, epochs=EPOCHS, more=()):
        self.source, self.number, self.state = source, number, source.bed.path(f"state-{source.name}-{number}")
        self.how = [f"--section={section}", f"--epoch-length={epochs}", *more]

    def seal(self, records, *more):
        """Units of records of the same size."""
        sizes = {len(r) for r in records}
        if len(sizes) != 1:
            raise ValueError("records of one size")
        return queue.units(pre("encrypt", f"--key={self.source.key}", f"--stream={self.number}", f"--state={self.state}",
                               f"--record={sizes.pop()}", *self.how, *more, data=b"".join(records)))

    def lines(self, first, last, *more):
        """Units of the numbered messages."""
        return self.seal([queue.line(self.number, n) for n in range(first, last + 1)], *more)


def opened(sink, source, parts, *more, good=(0, 4, 5)):
    """What a sink reads of units; 4, 5: sections that begin late or have no END are among them."""
    return pre("decrypt", f"--key={sink.key}", f"--source={source.pub}", *more, data=queue.joined(parts), good=good)


# ---- daemons ----

class ProxyDaemon(CoapDaemon):
    """A daemon with options of the group proxy, a clear listener for HTTP and one for CoAP, with claimed issuers."""

    def __init__(self, bed, kind="gscl", *, proxy=None, extra="", **more):
        self.proxy, self.more_text = dict(proxy or {}), extra
        super().__init__(bed, kind, extra=self._text(), **more)

    def _text(self):
        return options({"proxy": self.proxy}) + "\n" + self.more_text

    def set(self, **rows):
        """Changes options for the next start."""
        self.proxy.update(rows)
        self.extra = self._text()
        self.write_config()

    @property
    def root(self):
        """R as URL."""
        return self.base + "/proxy"

    def rest(self, who=OWNER, **more):
        """A client of its REST interface, over HTTP."""
        return Rest(HttpWay(self.client(who, **more)))

    def coap_rest(self, who=OWNER):
        """The same over CoAP."""
        return Rest(CoapWay(self.coap(who=who)))


def proxy(bed, name="proxy", kind="gscl", **rows):
    """A started proxy."""
    return ProxyDaemon(bed, kind, name=name, proxy={"enabled": True, "retry_first": "20 ms", "retry_max": "200 ms",
                                                    "send_timeout": "2 s", **rows}).start()


# ---- requests ----

class Reply:
    """Status as of HTTP, document, place of what was created."""

    def __init__(self, status, body, location, raw):
        self.status, self.body, self.location, self.raw = status, body, location, raw

    @property
    def json(self):
        """The document."""
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


IDLE_SECONDS = 10       # a connection that was idle for longer may have been closed by the daemon


class HttpWay:
    """Requests over HTTP."""
    name = "HTTP"

    def __init__(self, client, lines=None):
        self.client, self.lines, self.used = client, lines or {}, 0.0

    def call(self, method, path, body=None, kind=JSON, headers=None):
        """One request."""
        lines = {**self.lines, **(headers or {})}
        if body is not None:
            lines["Content-Type"] = kind
        if time.monotonic() - self.used > IDLE_SECONDS:
            self.client.close()
        answer = self.client.request(method, path, body, lines)
        self.used = time.monotonic()
        return Reply(answer.status, answer.body, answer.location, answer)

    def close(self):
        """Ends the connection."""
        self.client.close()


class CoapWay:
    """The same over CoAP, plain form."""
    name = "CoAP"
    # What CoAP has no code of its own for.
    STATUSES = {"2.01": 201, "2.02": 204, "2.04": 204, "2.05": 200}

    def __init__(self, client):
        self.client = client

    def call(self, method, path, body=None, kind=JSON, headers=None):
        """One request."""
        del headers
        answer = self.client.request(method, path, body, kind)
        status = self.STATUSES.get(answer.code) or int(answer.code.replace(".", ""))
        return Reply(200 if status == 204 and answer.body else status, answer.body, answer.location, answer)

    def close(self):
        """Ends it."""
        self.client.close()


class Rest:
    """The operations of a proxy, in the name of one identity."""

    def __init__(self, way, root=ROOT):
        self.way, self.root = way, root

    def close(self):
        """Ends its connection."""
        self.way.close()

    def call(self, method, path, rows=None, **more):
        """One operation with a JSON body."""
        return self.way.call(method, self.root + path, None if rows is None else json.dumps(rows), **more)

    def made(self, path, rows):
        """A POST that must answer 201; its document."""
        answer = self.call("POST", path, rows)
        if answer.status != 201:
            raise AssertionError(f"POST {path}: {answer!r}")
        return answer.json

    def got(self, path):
        """A GET that must answer 200; its document."""
        answer = self.call("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer!r}")
        return answer.json

    def info(self):
        """info."""
        return self.got("/info")

    def store(self, reserve=1 << 20, ttl=3600, **more):
        """A new store: its id."""
        return self.made("/stores", {"reserve": reserve, "ttl": ttl, **more})["id"]

    def put(self, store, parts):
        """Units into a store; the reply."""
        return self.way.call("POST", f"{self.root}/stores/{store}/messages", queue.joined(parts), OCTETS)

    def put_all(self, store, parts, batch=256):
        """The same in batches, each of which must answer 201."""
        for at in range(0, len(parts), batch):
            answer = self.put(store, parts[at:at + batch])
            if answer.status != 201:
                raise AssertionError(f"POST messages: {answer!r}")

    def forward(self, store, sinks, **more):
        """A new forward: its id."""
        return self.made(f"/stores/{store}/forwards", {"sinks": sinks, **more})["id"]

    def control(self, forward, revision, action="change", **more):
        """PUT control; the reply."""
        return self.call("PUT", f"/forwards/{forward}/control", {"revision": revision, "action": action, **more})

    def monitor(self, forward):
        """Monitor of a forward."""
        return self.got(f"/forwards/{forward}/monitor")

    def lane(self, forward, url):
        """What the monitor says about one sink."""
        return next(s for s in self.monitor(forward)["sinks"] if s["url"] == url)

    def delivered(self, forward, url, last, timeout=PATIENCE):
        """Waits until a sink has acknowledged message number last."""
        return wait_for(lambda: self.lane(forward, url)["acknowledged"] >= last, timeout)


# ---- a sink of the test ----

class Sink:
    """Takes units over HTTP; `says` tells what it does with a request, and what it acknowledges is kept.

    says: 200, or any other status; "hang": no answer until release(); "close": the connection ends without one;
    "late": 200 after MOMENT; or a function of the body that returns one of them.
    """

    def __init__(self, says=200, keep=True):
        self.says, self.keep, self.bodies, self.headers, self.tried = says, keep, [], [], 0
        self.changed, self.free, self.at = threading.Condition(), threading.Event(), []
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                """Units."""
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) == length:
                    sink.serve(self, body)

            def log_message(self, *_):
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", pick_port()), Handler)
        self.server.daemon_threads, self.server.handle_error = True, lambda *_: None
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/sink"

    def serve(self, handler, body):
        """One request."""
        with self.changed:
            self.tried += 1
            self.changed.notify_all()
        says = self.says(body) if callable(self.says) else self.says
        if says == "hang":
            self.free.wait()
            says = "close"
        if says == "close":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if says == "late":
            time.sleep(MOMENT)
            says = 200
        if 200 <= says < 300:
            self._took(handler, body)
        handler.send_response(says)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _took(self, handler, body):
        with self.changed:
            if self.keep:
                self.bodies.append(body)
            self.headers.append(dict(handler.headers))
            self.at.append(time.monotonic())
            self.changed.notify_all()

    def wait(self, condition, timeout=PATIENCE):
        """Waits until condition() is true; its last value."""
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def units(self):
        """All units that were acknowledged, in order, repetitions too."""
        with self.changed:
            return [u for body in self.bodies for u in queue.units(body)]

    def release(self):
        """Lets hanging requests end."""
        self.free.set()

    def close(self):
        """Ends it."""
        self.release()
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


# ---- a source of the test ----

class Loader:
    """px_load as a process: writes count numbered messages to a store, may be killed and started again."""

    def __init__(self, source, url, count, *, stream=1, section=4096, epochs=EPOCHS, batch=256, size=queue.SIZE, template=None,
                 who=OWNER):
        self.directory = source.bed.path(f"load-{source.name}-{stream}")
        os.makedirs(self.directory, exist_ok=True)
        self.command = [tool("px_load"), "-f", who, "-b", str(batch), "-n", str(section), "-E", str(epochs), "-S", str(stream),
                        "-s", str(size), source.base, self.directory, str(count), url]
        if template:
            path = os.path.join(self.directory, "template")
            with open(path, "w", encoding="utf-8") as file:
                file.write(template)
            self.command[1:1] = ["-d", path]
        self.stream, self.count, self.process = stream, count, None
        source.bed.add(self)

    def start(self):
        """Begins or goes on; self."""
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def journal(self):
        """What it knows."""
        return queue.Journal.read(os.path.join(self.directory, "journal"))

    def log(self):
        """What it said."""
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def reaches(self, number, timeout=PATIENCE):
        """Waits until message number is acknowledged."""
        return wait_for(lambda: self.journal().stored >= number or self.process.poll() not in (None, 0), timeout) and \
            self.journal().stored >= number

    def ends(self, timeout=SECONDS):
        """Waits for the end: exit status, None when it does not end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout)
        return None

    def close(self):
        """Ends it."""
        if self.process and self.process.poll() is None:
            self.kill()


def request_document(target, who, contact="http://127.0.0.1:1/proxy/answers", text="@", method="CREATE"):
    """requestNotify that creates a contentInstance of text/plain; text: Base64, or the mark of px_load.c."""
    return (f'<m2m:requestNotify xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xmime="http://www.w3.org/2005/05/xmlmime">'
            f"<requestingEntity>{who}</requestingEntity><targetID>{target}</targetID><method>{method}</method>"
            f"<contentTypeHeader>text/plain</contentTypeHeader><xEtsiContactUriHeader>{contact}</xEtsiContactUriHeader>"
            f"<xEtsiCorrelationIDHeader>0123456789abcdef</xEtsiCorrelationIDHeader>"
            f'<representation xmime:contentType="text/plain">{text}</representation></m2m:requestNotify>')


def encoded(octets):
    """Base64 as text."""
    return base64.b64encode(octets).decode()


class M2mSink:
    """m2m-sink as a process; what it has opened stands in files."""

    def __init__(self, bed, key, sources, *, name="m2m-sink", http_port=None, more=()):
        self.directory, self.out = bed.path(name), bed.path(f"{name}-out")
        for directory in (self.directory, self.out):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        self.port = http_port or pick_port()
        self.command = [tool("m2m-sink"), f"--key={key}", *(f"--source={s.url}={s.pub}" for s in sources),
                        f"--http=127.0.0.1:{self.port}", f"--state={self.directory}", f"--out={self.out}", *more]
        self.log_path, self.process, self.ready = bed.path(f"{name}.log"), None, {}
        bed.add(self)

    @property
    def url(self):
        """Where units go."""
        return f"http://127.0.0.1:{self.port}/inbox"

    def start(self):
        """Starts and waits for the ready line; self."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise AssertionError(f"m2m-sink: {words} {self.log()}")
        self.ready = dict(w.split("=", 1) for w in words[1:])
        return self

    def log(self):
        """What it said."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def messages(self):
        """What it has opened, in order."""
        found = []
        for top, _, names in os.walk(self.out):
            for name in sorted((n for n in names if n.isdigit()), key=int):
                with open(os.path.join(top, name), "rb") as file:
                    found.append(file.read())
        return found

    def kill(self):
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self):
        """Orderly; exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None:
            return None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process = None
        return code

    def close(self):
        """Ends it."""
        self._end(signal.SIGKILL)


class Inbox:
    """An nscl with a sink for some sources, an application a and a container c."""

    def __init__(self, bed, *sources, name="sink", managers=(OWNER,), **more):
        self.bed, self.sink = bed, Party(bed, name)
        rows_ = ", ".join(f'{{ url = "{s.url}"; scl = "{s.name}.example.org"; key = "{s.pub}"; }}' for s in sources)
        text = "".join(f" {k} = {v};" for k, v in more.items())
        ids = ", ".join(f'"claim:{m}"' for m in managers)
        self.daemon = CoapDaemon(bed, "nscl", name=name, options=("limits.instances_per_answer=100000",),
                                    extra=f'proxy = {{ identity = "{self.sink.key}"; managers = [ {ids} ]; sources = ( {rows_} );{text} }};')
        self.daemon.start()
        client = self.daemon.client()
        client.create("/m2m/applications", xml.application("a"))
        client.create("/m2m/applications/a/containers", xml.container("c", 10**6, 10**9))
        client.close()
        self.rest = Rest(HttpWay(self.daemon.client("http://127.0.0.1/anybody")))

    @property
    def url(self):
        """Where units go."""
        return self.daemon.base + "/proxy/inbox"

    def documents(self, source, texts, who=None, target=None):
        """Documents that create a contentInstance for each text, all of the same length."""
        made = [request_document(target or self.daemon.base + PLACE[4:], who or source.url + "/applications/meter",
                                    text=encoded(t.encode())) for t in texts]
        width = max(map(len, made))
        return [m.replace("</m2m:requestNotify>", " " * (width - len(m)) + "</m2m:requestNotify>").encode() for m in made]

    def put(self, parts, **more):
        """Units by hand; the reply."""
        return self.rest.way.call("POST", ROOT + "/inbox", queue.joined(parts), OCTETS, **more)

    def monitor(self, source):
        """What is known of a source."""
        manager = Rest(HttpWay(self.daemon.client(OWNER)))
        answer = manager.call("GET", "/inbox/" + hashlib.sha256(source.url.encode()).digest()[:16].hex())
        manager.close()
        return answer.json if answer.status == 200 else {"status": answer.status}

    def contents(self):
        """What was applied, in order."""
        client = self.daemon.client()
        answer = client.get(PLACE)
        client.close()
        return xml.texts(answer.xml(), "textContent") if answer.status == 200 else []


def reencrypted(source, sink, parts, epochs="0", stream=1):
    """What a proxy with the keys of these epochs would send."""
    granted(source, sink, epochs, stream)
    path = source.bed.path(f"rk-{source.name}-{sink.name}-{epochs}-{stream}")
    return queue.units(pre("reencrypt", f"--rk={path}", data=queue.joined(parts), good=(0, 4)))
