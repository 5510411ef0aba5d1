#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Command line, start, reload, stop, TLS, backup, expiry of the daemons."""

import datetime
import hashlib
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import time
import warnings

from lib import report as reports
from lib import xml
from lib.bed import PATIENCE, engines, pick_port, program, wait_for
from lib.client import NotSent, Unknown
from lib.daemon import Daemon, DaemonError
from lib.notices import Receiver, status
from lib.tls import available, certificate, context
from lib.workers import Crew

KINDS = ("nscl", "gscl", "dscl")
STOP_BOUND = 30
BAD_CONFIGS = (
    ("syntax", 'scl = {\n  id = "x";\n  base = ;\n};\n', 3),
    ("unknown option", 'scl = { id = "x"; };\n\nlog = { volume = "loud"; };\n', 3),
    ("wrong type", 'scl = { id = "x"; };\nhttp = {\n  threads = "many";\n};\n', 3),
    ("out of range", 'http = { threads = 2; };\nlimits = { depth = 1; };\n', 2),
    ("unknown choice", '\n\nlog = { level = "chatty"; };\n', 3),
    ("no engine", 'store = { engine = "papyrus"; };\n', 1),
    ("contradiction", 'lifetime = {\n  min = 100;\n  max = 50;\n};\n', 2),
    ("certificate without key",
     'listeners = (\n { address = "127.0.0.1"; port = 0; security = "certificate"; }\n);\n', 2),
    ("no such access right", 'default_access_right = "nobody";\n', 1),
)
EXPOSED = 'listeners = ( { address = "0.0.0.0"; port = %d; security = "none"; } );\n'


def call(kind, *arguments, env=None):
    """Runs a daemon for its output."""
    return subprocess.run([program(kind), *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def command_line(report, bed):
    """--help, --version, --types, wrong arguments."""
    for kind in KINDS:
        for argument, pattern in (("--help", r"(?s)usage: .*--check-config.*log\.level"), ("-h", "usage: "),
                                  ("--version", rf"^{kind} [0-9]+\.[0-9]+"), ("-V", rf"^{kind} "),
                                  ("--types", '^[{\\[](?s:.*)"?container"?')):
            done = call(kind, argument)
            report.ok(done.returncode == 0 and re.search(pattern, done.stdout) and not done.stderr,
                      f"{kind} {argument}", done)
        for arguments in (["--nonsense"], ["stray"], ["-c"], ["--backup"]):
            done = call(kind, *arguments)
            report.ok(done.returncode == 2 and done.stderr, f"{kind} {' '.join(arguments)}: status 2", done)
        done = call(kind, "-c", bed.path("absent.conf"), "--check-config")
        report.ok(done.returncode == 1 and "absent.conf" in done.stderr, f"{kind}: a missing file is named", done)
        done = call(kind, "-o", "log.volume=loud", "--check-config")
        report.ok(done.returncode == 1 and "log.volume" in done.stderr, f"{kind}: a wrong -o is named", done)


def configuration(report, bed):
    """--check-config names file and line; --dump-config reads back to the same."""
    for kind in KINDS:
        path = bed.path(f"{kind}.bad")
        for name, text, line in BAD_CONFIGS:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = call(kind, "-c", path, "--check-config")
            report.ok(done.returncode == 1 and f"{path}:{line}:" in done.stderr, f"{kind} --check-config: {name}", done)
        dump_round_trip(report, bed, kind)


def dump_round_trip(report, bed, kind):
    """What --dump-config prints gives the same again."""
    daemon = Daemon(bed, kind, name=f"dump-{kind}", options=("log.level=debug", "limits.body_max=123456"))
    good = daemon.action("--check-config")
    report.ok(good.returncode == 0 and not good.stderr, f"{kind}: a good configuration", good)
    first = daemon.action("--dump-config")
    path = bed.path(f"{kind}.dumped")
    with open(path, "w", encoding="utf-8") as file:
        file.write(first.stdout)
    second = call(kind, "-c", path, "--dump-config")
    report.ok(first.returncode == 0 and "123456" in first.stdout and daemon.scl_id in first.stdout,
              f"{kind} --dump-config", first)
    report.ok(second.returncode == 0 and second.stdout == first.stdout, f"{kind} --dump-config reads back to the same",
              second.stderr)


def one_daemon_per_store(report, bed):
    """A second daemon on the same store is refused and disturbs nothing."""
    for kind in KINDS:
        daemon = Daemon(bed, kind).start()
        done = subprocess.run(daemon.command("-o", "log.level=info"), capture_output=True, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        report.ok(done.returncode == 1 and not done.stdout and str(daemon.pid) in done.stderr,
                  f"{kind}: a second one on the same store is refused and names the process", done)
        report.equal(daemon.client().get("/m2m").status, 200, f"{kind}: the first one goes on")
        other = Daemon(bed, kind, name=f"{kind}-port")
        other.port = daemon.port
        other.write_config()
        done = other.action(timeout=PATIENCE)
        report.ok(done.returncode == 1 and not done.stdout and str(daemon.port) in done.stderr,
                  f"{kind}: a port in use is refused and named", done)
        daemon.stop()


def exposure(report, bed):
    """Listeners beyond loopback need a means to prove who a client is."""
    secret = secrets.token_urlsafe(24)
    tokens = token_file(bed, "meter", secret)
    means = f"issuers.tokens={tokens}"
    for kind in KINDS:
        path = bed.path(f"{kind}.exposed")
        with open(path, "w", encoding="utf-8") as file:
            file.write(EXPOSED % pick_port())
        base = ("-c", path, "-o", "store.engine=memory")
        done = call(kind, *base, "-o", "listen.allow_clear=true")
        report.ok(done.returncode == 1 and "nothing can prove" in done.stderr and not done.stdout,
                  f"{kind}: a listener on all addresses without any means is refused", done)
        done = call(kind, *base, "-o", means)
        report.ok(done.returncode == 1 and "allow_clear" in done.stderr, f"{kind}: with tokens but without TLS as well", done)
        done = call(kind, *base, "-o", means, "-o", "listen.allow_clear=true", "--check-config")
        report.equal(done.returncode, 0, f"{kind}: with tokens and allow_clear it is accepted", done.stderr)
        with open(path, "w", encoding="utf-8") as file:
            file.write(EXPOSED.replace("; }", '; issuer = "claimed"; }') % pick_port())
        done = call(kind, *base, "-o", means, "-o", "listen.allow_clear=true")
        report.ok(done.returncode == 1 and "claimed" in done.stderr, f"{kind}: but no claims are taken there", done)
        exposed_serves(report, bed, kind, means, secret)


def token_file(bed, app_id, secret, mode=0o600):
    """A file with the token of an application."""
    path = bed.path(f"tokens-{mode:o}")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{app_id} {hashlib.sha256(secret.encode()).hexdigest()}\n")
    os.chmod(path, mode)
    return path


def exposed_serves(report, bed, kind, means, secret):
    """Who is served on a listener beyond loopback."""
    allowed = Daemon(bed, kind, name=f"{kind}-open", engine="memory", options=(means, "listen.allow_clear=true"))
    allowed.listeners = f'{{ address = "0.0.0.0"; port = {allowed.port}; security = "none"; }}'
    allowed.write_config()
    allowed.start()
    client, good = allowed.client(), {"Authorization": f"Bearer {secret}"}
    bad = {"Authorization": f"Bearer {secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}"}
    for name, headers in (("without a token", {}), ("with a wrong token", bad)):
        answer = client.get("/m2m", **headers)
        report.ok(answer.status in (401, 403), f"{kind}: a request {name} is refused", answer)
    report.equal(client.get("/m2m", From=None, **good).status, 200, f"{kind}: the token names the issuer")
    uri = f"{allowed.base}/applications/meter"
    report.equal(client.get("/m2m", From=uri, **good).status, 200, f"{kind}: From may say the same")
    answer = client.get("/m2m", From=f"{allowed.base}/applications/other", **good)
    report.ok(answer.status == 403 and b"SEC_IDENTITY" in answer.body, f"{kind}: but not another one", answer)
    client.close()
    allowed.stop()


def ready(report, bed):
    """The line on stdout and the messages to a service manager."""
    for kind in KINDS:
        path = bed.path(f"{kind}.notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(path)
        manager.settimeout(PATIENCE)
        daemon = Daemon(bed, kind, env={"NOTIFY_SOCKET": path})
        two = '{{ address = "127.0.0.1"; port = 0; security = "none"; serve = [ "mia" ]; }}, ' \
              '{{ address = "127.0.0.1"; port = {port}; security = "none"; serve = [ "mid" ]; }}'
        daemon.listeners = two.format(port=daemon.port)
        daemon.write_config()
        daemon.spawn()
        line = daemon.process.stdout.readline().decode()
        match = re.fullmatch(r"ready http=127\.0\.0\.1:(\d+) http=127\.0\.0\.1:(\d+)\n", line)
        report.ok(match and match.group(2) == str(daemon.port) and match.group(1) != "0",
                  f"{kind}: ready line with two listeners", line)
        for port in match.groups() if match else ():
            with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE):
                pass
        supervised(report, kind, daemon, manager)
        manager.close()


def supervised(report, kind, daemon, manager):
    """READY, RELOADING, READY, STOPPING."""
    first = manager.recv(4096).decode()
    if "READY=1" not in first:
        report.ok(False, f"{kind}: READY=1 is sent", first)
        return
    report.ok(True, f"{kind}: READY=1 is sent")
    daemon.reload()
    got = manager.recv(4096).decode()
    report.ok("RELOADING=1" in got and "MONOTONIC_USEC=" in got, f"{kind}: RELOADING=1", got)
    report.ok("READY=1" in manager.recv(4096).decode(), f"{kind}: READY=1 after the reload")
    code, _ = daemon.stop()
    report.ok("STOPPING=1" in manager.recv(4096).decode() and code == 0, f"{kind}: STOPPING=1")


def reload(report, bed):
    """SIGHUP takes over what can be, names the rest, and survives mistakes."""
    for kind in KINDS:
        daemon = Daemon(bed, kind).start()
        client = daemon.client()
        client.create("/m2m/applications", xml.application("a"))
        client.create("/m2m/applications/a/containers", xml.container("c", 5, 10**6))
        path, big = "/m2m/applications/a/containers/c/contentInstances", xml.instance("x" * 5000)
        report.equal(client.post(path, big).status, 201, f"{kind}: before the reload")
        daemon.extra = "limits = { body_max = 2048; };\nhttp = { threads = 3; };"
        daemon.write_config()
        daemon.reload()
        report.ok(wait_for(lambda: client.post(path, big).status == 413), f"{kind}: limits.body_max after SIGHUP",
                  daemon.log_tail())
        named = wait_for(lambda: re.search(r"restart-needed.*http\.threads", daemon.log()))
        report.ok(named, f"{kind}: an option that needs a restart is named", daemon.log_tail())
        daemon.extra = "limits = { body_max = ; };"
        daemon.write_config()
        daemon.reload()
        failed = wait_for(lambda: "reload-failed" in daemon.log() and daemon.config in daemon.log())
        report.ok(failed, f"{kind}: a broken configuration is reported", daemon.log_tail())
        report.equal(client.post(path, big).status, 413, f"{kind}: and changes nothing")
        daemon.extra = ""
        daemon.write_config()
        daemon.reload()
        report.ok(wait_for(lambda: client.post(path, big).status == 201), f"{kind}: and back", daemon.log_tail())
        client.close()
        code, _ = daemon.stop()
        report.equal(code, 0, f"{kind}: exit status after reloads")


def reload_under_load(report, bed):
    """SIGHUP in between requests disturbs none."""
    daemon = Daemon(bed, "nscl", options=("limits.instances_per_answer=100000",)).start()
    crew = Crew(daemon)
    crew.prepare()
    crew.start()
    for number in range(20):
        before = crew.total()
        daemon.extra = f"limits = {{ body_max = {100000 + number}; }};"
        daemon.write_config()
        daemon.reload()
        # A signal that comes while one is pending is none.
        if not wait_for(lambda before=before, number=number: crew.total() > before + 10
                        and daemon.log().count("option-changed") > number):
            break
    complaints = crew.finish() + crew.settle()
    report.ok(not complaints, "20 reloads under load", "\n".join(complaints))
    changed = wait_for(lambda: daemon.log().count("option-changed") >= 20, timeout=10)
    report.ok(changed, "all reloads were carried out", daemon.log_tail())


def stop_under_load(report, bed):
    """SIGTERM under load: nothing acknowledged is lost, status 0, bounded time."""
    rounds = 10 if reports.LONG else 2
    for kind in KINDS:
        for engine in engines(kind):
            daemon = Daemon(bed, kind, name=f"{kind}-{engine}", engine=engine,
                            options=("limits.instances_per_answer=100000", "limits.collection_max=100000")).start()
            crew = Crew(daemon)
            crew.prepare()
            for number in range(rounds):
                goal = crew.total() + 200
                crew.start()
                wait_for(lambda goal=goal: crew.total() > goal)
                code, seconds = daemon.stop()
                report.equal(code, 0, f"{kind} {engine} {number}: status of an orderly stop under load")
                report.ok(seconds < STOP_BOUND, f"{kind} {engine} {number}: in bounded time", f"{seconds:.1f} s")
                complaints = crew.join()
                daemon.clean_store(report, f"{kind} {engine} {number}: --check-store")
                daemon.start()
                complaints += crew.settle()
                report.ok(not complaints, f"{kind} {engine} {number}: nothing acknowledged is lost",
                          "\n".join(complaints))
            daemon.stop()


def stop_with_idle_connections(report, bed):
    """Idle, half-sent and slow connections do not hold up the stop."""
    daemon = Daemon(bed, "nscl").start()
    held = []
    for data in (b"", b"GET /m2m HT", b"POST /m2m/applications HTTP/1.1\r\nHost: x\r\nFrom: http://a/\r\n"
                 b"Content-Length: 1000\r\n\r\nhalf"):
        for _ in range(20):
            held.append(socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE))
            held[-1].sendall(data)
    report.equal(daemon.client().get("/m2m").status, 200, "served beside held connections")
    code, seconds = daemon.stop()
    report.ok(code == 0 and seconds < STOP_BOUND, "orderly stop with held connections", f"{code} after {seconds:.1f} s")
    for sock in held:
        sock.close()


def tls(report, bed):
    """HTTPS listener, reload of the certificate, client certificates."""
    if not available():
        report.skip("TLS", "no openssl command")
        return
    cert, key = certificate(bed, "first")
    daemon = Daemon(bed, "nscl")
    daemon.listeners = (f'{{ address = "127.0.0.1"; port = {daemon.port}; security = "certificate"; '
                        f'certificate = "{cert}"; key = "{key}"; }}')
    daemon.write_config()
    daemon.start()
    report.equal(daemon.ready.get("https"), f"127.0.0.1:{daemon.port}", "ready line names https")
    client = daemon.client(context=context(cert))
    report.equal(client.get("/m2m").status, 200, "GET over TLS")
    place = client.post("/m2m/applications", xml.application("tls"))
    report.ok(place.status == 201 and (place.header("Location") or "").startswith(f"https://127.0.0.1:{daemon.port}/"),
              "POST over TLS, Location is https", place)
    report.ok(client.connection.sock.version() in ("TLSv1.2", "TLSv1.3"), "version", client.connection.sock.version())
    report.ok(old_tls_fails(daemon), "TLS 1.1 is refused")
    plain_to_tls(report, daemon)
    second, second_key = certificate(bed, "second")
    os.replace(second, cert)
    os.replace(second_key, key)
    daemon.reload()
    renewed = wait_for(lambda: _trusted(daemon, context(cert)))
    report.ok(renewed, "the certificate is read again on SIGHUP", daemon.log_tail())
    report.equal(client.get("/m2m").status, 200, "the old connection goes on")
    with open(key, "w", encoding="ascii") as file:
        file.write("no key\n")
    seen = len(daemon.log())
    daemon.reload()
    report.ok(wait_for(lambda: re.search(r"level=(error|warn)|\b(error|warn)\b", daemon.log()[seen:])),
              "a broken key is reported", daemon.log_tail())
    report.ok(_trusted(daemon, context(cert)), "and the last good one stays in use")
    client.close()
    code, _ = daemon.stop()
    report.equal(code, 0, "orderly stop")
    client_certificates(report, bed)


def _trusted(daemon, made):
    try:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as sock:
            with made.wrap_socket(sock, server_hostname="127.0.0.1"):
                return True
    except (ssl.SSLError, OSError):
        return False


def old_tls_fails(daemon):
    """A client that knows only TLS 1.1 gets nowhere."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    try:
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    except (ValueError, ssl.SSLError):
        return True     # this host cannot even try
    return not _trusted(daemon, old)


def plain_to_tls(report, daemon):
    """HTTP to the HTTPS port, nonsense, and a handshake that never ends."""
    stuck = socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE)
    stuck.sendall(b"\x16\x03\x01")
    for data in (b"GET /m2m HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 20):
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as sock:
            try:
                sock.sendall(data)
                got = sock.recv(100)
            except ConnectionError:
                got = b""
            report.ok(not got.startswith(b"HTTP/1.1 200"), f"no answer to clear text {data[:3]!r}", got)
    report.ok(daemon.alive() and _trusted(daemon, context(_listener_certificate(daemon))), "others are served meanwhile")
    stuck.close()


def _listener_certificate(daemon):
    return re.search(r'certificate = "([^"]+)"', daemon.listeners).group(1)


def client_certificates(report, bed):
    """ca and require_client_cert."""
    server, good = certificate(bed, "server"), certificate(bed, "client", "URI:urn:m2m:app:meter")
    bad, nameless = certificate(bed, "stranger", "URI:urn:m2m:app:meter"), certificate(bed, "nameless")
    trusted = bed.path("trusted.pem")
    with open(trusted, "w", encoding="ascii") as file:
        for cert, _ in (good, nameless):
            with open(cert, encoding="ascii") as one:
                file.write(one.read())
    daemon = Daemon(bed, "nscl", name="nscl-mutual")
    daemon.listeners = (f'{{ address = "127.0.0.1"; port = {daemon.port}; security = "certificate"; certificate = '
                        f'"{server[0]}"; key = "{server[1]}"; ca = "{trusted}"; require_client_cert = true; }}')
    daemon.write_config()
    daemon.start()
    report.equal(served_with(daemon, server[0], good), 200, "known client certificate of an application")
    report.equal(served_with(daemon, server[0], good, daemon.base + "/applications/other"), 403, "in the name of another one")
    report.equal(served_with(daemon, server[0], nameless), 401, "known client certificate that names no application")
    for name, mine in (("unknown", bad), ("no", None)):
        report.equal(served_with(daemon, server[0], mine), None, f"{name} client certificate")


def served_with(daemon, server, mine, who=None):
    """Status of a request with a client certificate, None without an answer."""
    client = daemon.client(context=context(server, mine))
    client.who = who
    try:
        return client.get("/m2m").status
    except (OSError, NotSent, Unknown):     # TLS failures come as several types, also from the first read
        return None
    finally:
        client.close()


def backup(report, bed):
    """A backup taken under load is a consistent store to start from."""
    for engine in engines("nscl"):
        daemon = Daemon(bed, "nscl", name=f"nscl-{engine}", engine=engine,
                        options=("limits.instances_per_answer=100000", "limits.collection_max=100000")).start()
        crew = Crew(daemon)
        crew.prepare()
        crew.start()
        wait_for(lambda: crew.total() > 300)
        complaints = crew.finish() + crew.settle()
        report.ok(not complaints, f"{engine}: before the backup", "\n".join(complaints))
        crew.start()        # goes on while the copy is made; what was there before must be in the copy
        target = bed.path(f"{engine}.copy")
        done = daemon.action("--backup", target)
        report.ok(done.returncode == 0 and not done.stderr, f"{engine}: --backup of a running daemon", done)
        crew.finish()
        again = daemon.action("--backup", target)
        report.ok(again.returncode == 1 and again.stderr, f"{engine}: a backup overwrites nothing", again)
        quiet_copy(report, bed, daemon, crew, engine)
        copy = Daemon(bed, "nscl", name=f"copy-{engine}", engine=engine, options=daemon.options)
        shutil.rmtree(copy.store, ignore_errors=True)
        os.rename(target, copy.store)
        copy.clean_store(report, f"{engine}: --check-store of the copy made under load")
        copy.start()
        report.equal(copy.client().get("/m2m/applications").status, 200, f"{engine}: the copy serves")
        complaints = half_effects(copy)
        report.ok(not complaints, f"{engine}: the copy made under load is consistent", "\n".join(complaints))
        copy.stop()
        daemon.stop()


def quiet_copy(report, bed, daemon, crew, engine):
    """A copy made while nobody writes holds everything."""
    complaints = crew.settle()
    target = bed.path(f"{engine}.quiet")
    done = daemon.action("--backup", target)
    report.equal(done.returncode, 0, f"{engine}: --backup of an idle daemon", done.stderr)
    copy = Daemon(bed, "nscl", name=f"quiet-{engine}", engine=engine, options=daemon.options)
    os.rename(target, copy.store)
    copy.start()
    crew.daemon = copy
    complaints += crew.settle(at_end=True)
    report.ok(not complaints, f"{engine}: everything is in the copy", "\n".join(complaints))
    crew.daemon = daemon
    copy.stop()


def half_effects(daemon):
    """Complaints about applications and containers without their children or with wrong counters."""
    client, complaints = daemon.client(), []
    for name in xml.names(client.get("/m2m/applications").xml(), "applicationCollection"):
        base = f"/m2m/applications/{name}/containers"
        for container in xml.names(client.get(base).xml(), "containerCollection"):
            answer = client.get(f"{base}/{container}/contentInstances?metaDataOnly=true")
            root = answer.xml()
            listed = xml.instances(root)
            counted = int(xml.text(root, "currentNrOfInstances")), int(xml.text(root, "currentByteSize"))
            if counted != (len(listed), sum(size for _, size in listed)):
                complaints.append(f"{base}/{container}: {counted}, listed {len(listed)}")
    client.close()
    return complaints


def soon(seconds):
    """dateTime."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


EXPIRY_OPTIONS = ("lifetime.min=1", "container.max_age_min=1")


def gone(client, path, limit=20):
    """Seconds until the path answers 404, None when it does not."""
    started = time.monotonic()
    return time.monotonic() - started if wait_for(lambda: client.get(path).status == 404, timeout=limit) else None


def expiry(report, bed):
    """Resources end at their expirationTime, with final notifications; also over a restart."""
    receiver = bed.add(Receiver())
    for engine in engines("nscl"):
        daemon = Daemon(bed, "nscl", name=f"nscl-{engine}", engine=engine, options=EXPIRY_OPTIONS).start()
        client = daemon.client()
        expires_with_notice(report, engine, client, receiver)
        subscription_expires(report, engine, client, receiver)
        expires_while_down(report, engine, daemon, receiver)
        ages(report, engine, daemon)
        client.close()
        daemon.clean_store(report, f"{engine}: --check-store after expiries")
        daemon.stop()


def expires_with_notice(report, engine, client, receiver):
    """An application ends with its subtree; its subscribers and those of its container hear it."""
    own, inner, collection = receiver.open(), receiver.open(), receiver.open()
    client.create("/m2m/applications/subscriptions", xml.subscription(collection.url))
    client.create("/m2m/applications", xml.application("brief", expires=soon(8)))
    client.create("/m2m/applications/brief/subscriptions", xml.subscription(own.url))
    client.create("/m2m/applications/brief/containers", xml.container("c"))
    client.create("/m2m/applications/brief/containers/c/contentInstances", xml.instance("v"))
    client.create("/m2m/applications/brief/containers/c/subscriptions", xml.subscription(inner.url))
    report.equal(client.get("/m2m/applications/brief").status, 200, f"{engine}: before the expiry")
    report.ok(gone(client, "/m2m/applications/brief") is not None, f"{engine}: the application has expired")
    for path in ("/containers", "/containers/c", "/containers/c/contentInstances/latest"):
        report.equal(client.get(f"/m2m/applications/brief{path}").status, 404, f"{engine}: {path} with it")
    for name, sink in (("the application", own), ("its container", inner)):
        got = sink.wait_until(lambda ms: ms and status(ms[-1]) == "STATUS_DELETED", timeout=PATIENCE)
        report.ok(got, f"{engine}: STATUS_DELETED to the subscriber of {name}",
                  lambda sink=sink: [status(m) for m in sink.messages()])
    left = collection.wait_until(lambda ms: ms and xml.names(ms[-1].representation().xml(), "applicationCollection") == [],
                                 timeout=PATIENCE)
    report.ok(left, f"{engine}: the subscriber of applications sees it gone")
    answer = client.get("/m2m/discovery?searchPrefix=/m2m/applications/brief")
    report.equal(xml.texts(answer.xml(), "reference"), [], f"{engine}: discovery finds nothing of it")
    report.equal(client.post("/m2m/applications", xml.application("brief")).status, 201, f"{engine}: its id is free")


def subscription_expires(report, engine, client, receiver):
    """STATUS_EXPIRED to the contact of an expired subscription."""
    sink = receiver.open()
    path = client.create("/m2m/applications/brief/subscriptions", xml.subscription(sink.url, expires=soon(3)))
    report.ok(gone(client, path) is not None, f"{engine}: the subscription has expired")
    got = sink.wait_until(lambda ms: ms and status(ms[-1]) == "STATUS_EXPIRED", timeout=PATIENCE)
    report.ok(got, f"{engine}: STATUS_EXPIRED", lambda: [status(m) for m in sink.messages()])
    count = len(sink.messages())
    client.put("/m2m/applications/brief", xml.application(None, ["changed"]))
    client.get("/m2m/applications/brief")
    report.equal(len(sink.messages()), count, f"{engine}: nothing after it")


def expires_while_down(report, engine, daemon, receiver):
    """Due while the daemon does not run: gone before the first request."""
    client = daemon.client()
    sink = receiver.open()
    client.create("/m2m/applications", xml.application("away", expires=soon(6)))
    client.create("/m2m/applications/away/subscriptions", xml.subscription(sink.url))
    client.create("/m2m/applications", xml.application("later", expires=soon(3600)))
    sink.wait_until(lambda ms: len(ms) >= 1, timeout=PATIENCE)
    client.close()
    daemon.kill()
    time.sleep(6.2)                 # over the due time
    daemon.start()
    report.equal(client.get("/m2m/applications/away").status, 404, f"{engine}: expired while down")
    listed = xml.names(client.get("/m2m/applications").xml(), "applicationCollection")
    report.ok("away" not in listed and "later" in listed, f"{engine}: and not listed", listed)
    got = sink.wait_until(lambda ms: status(ms[-1]) == "STATUS_DELETED", timeout=PATIENCE)
    report.ok(got, f"{engine}: its subscriber hears it after the start", lambda: [status(m) for m in sink.messages()])
    client.close()


def ages(report, engine, daemon):
    """maxInstanceAge: instances end one by one, counters follow, nobody is told."""
    client = daemon.client()
    client.create("/m2m/applications", xml.application("aged"))
    client.create("/m2m/applications/aged/containers", xml.container("c", 100, age="PT6S"))
    path = "/m2m/applications/aged/containers/c/contentInstances"
    for n in range(3):
        client.create(path, xml.instance("v" * 10, f"old{n}"))
    root = client.get(path).xml()
    report.equal(len(xml.instances(root)), 3, f"{engine}: instances before their age")
    time.sleep(3)                   # the next ones must be younger
    client.create(path, xml.instance("w" * 7, "young"))

    def state():
        root = client.get(path).xml()
        return [i for i, _ in xml.instances(root)], xml.text(root, "currentNrOfInstances"), \
            xml.text(root, "currentByteSize")
    report.ok(wait_for(lambda: state() == (["young"], "1", "7"), timeout=20), f"{engine}: the old ones are gone", state)
    report.ok(wait_for(lambda: state() == ([], "0", "0"), timeout=20), f"{engine}: then the young one", state)
    report.equal(client.get(path + "/latest").status, 404, f"{engine}: latest of an empty collection")
    client.create(path, xml.instance("again", "again"))
    daemon.kill()
    time.sleep(6.2)                 # over the age
    daemon.start()
    report.equal(state(), ([], "0", "0"), f"{engine}: aged while down")
    client.create(path, xml.instance("x", "new"))
    report.equal(state(), (["new"], "1", "1"), f"{engine}: and new ones come")
    client.close()


def killed_at_start(report, bed):
    """A fresh daemon that is killed at any moment of its first start starts well afterwards."""
    for engine in engines("nscl"):
        for number in range(20 if reports.LONG else 4):
            daemon = Daemon(bed, "nscl", name=f"fresh-{engine}-{number}", engine=engine)
            daemon.spawn()
            time.sleep(0.004 * number)      # another moment each time
            daemon.kill()
            try:
                daemon.start()
                found = [daemon.client().get(f"/m2m{p}").status
                         for p in ("", "/applications", "/scls", "/containers", "/accessRights/default")]
                daemon.stop()
            except DaemonError as error:
                found = str(error)
            report.equal(found, [200] * 5, f"{engine}: killed {4 * number} ms after its first start")


if __name__ == "__main__":
    reports.run(command_line, configuration, one_daemon_per_store, exposure, ready, reload, reload_under_load,
                stop_under_load, stop_with_idle_connections, tls, backup, expiry, killed_at_start)
