#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS with pre-shared keys and with certificates: handshakes, connections, requests, beside a bare server with the same."""

import argparse
import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
import threading
import types

from daemon import INSTANCE, NS, Daemon
from measure import composed, errors, interleave, median, ratio
from procs import BenchError, Tools
from serving import SYNCS_PER_COMMIT, constant_headers, raw_store

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

from lib import m2mkeys, pki, psk       # noqa: E402, pylint: disable=wrong-import-position

NODES = 64                              # a node may make 1,000 requests per second
HANDSHAKING = 16                        # connections at a time
KEPT = 64
SESSIONS = 8                            # that go on while others try wrong keys
PACE = 0.02                             # seconds between two of their requests
LISTENERS = """roles = [ "mas", "nscl" ];
listeners = (
  {{ address = "127.0.0.1"; port = 0; security = "none"; serve = [ "mia" ]; }},
  {{ address = "127.0.0.1"; port = 0; security = "psk"; serve = [ "mid" ]; }},
  {{ address = "127.0.0.1"; port = 0; security = "certificate"; serve = [ "mia" ];
    certificate = "{cert}"; key = "{key}"; }},
  {{ address = "127.0.0.1"; port = 0; security = "none"; serve = [ "admin" ]; }} );
msbf = {{ sp_id = "bench.example"; }};
mas = {{ kek_file = "{kek}"; }};
admin = {{ tokens = "{tokens}"; }};"""
SCL = ('<m2m:scl {ns} sclId="{scl_id}"><m2m:link>{link}</m2m:link>'
       '<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>')


def secret(path, text):
    """A file of mode 0600."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write(text)
    return path


def link_of(scl_id):
    """sclBase of an SCL, and of whom its requests are."""
    return f"http://{scl_id}.example/m2m"


class SecureNscl(Daemon):
    """Has listeners of all kinds, and registered SCLs with service connections, their keys in files."""

    def __init__(self, ctx, engine, label, nodes, **more):
        self.token = secrets.token_urlsafe(32)
        self.files = os.path.join(ctx.workdir, f"{label}-{engine}-secrets")
        self.nodes = [f"gscl{n}" for n in range(nodes)]
        os.makedirs(self.files)
        self.kek = secret(self.path("kek"), secrets.token_hex(32) + "\n")
        self.tokens = secret(self.path("tokens"), self.token + "\n")
        self.authority = pki.Authority(self.path("ca"))
        self.identity = self.authority.server()
        super().__init__(ctx, "nscl", engine, label, **more)
        try:
            self._connect_all()
        except BaseException:
            self.stop()
            raise

    def path(self, name):
        return os.path.join(self.files, name)

    def configuration(self, program):
        listeners = LISTENERS.format(cert=self.identity.cert, key=self.identity.key, kek=self.kek,
                                     tokens=self.tokens)
        return super().configuration(program, listeners)

    def issue(self, scl_id):
        """Credentials of an SCL by hand."""
        connection = self.session(self.server.ports[3])
        connection.request("POST", "/admin/nodes", json.dumps({"sclId": scl_id}),
                           {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                            "Accept": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 201:
            raise BenchError(f"POST /admin/nodes: {answer.status} {text[:200]!r}")
        made = json.loads(text)
        return m2mkeys.Kmr(base64.urlsafe_b64decode(made["kmr"] + "=="), made["nodeId"], made["kmrIndex"])

    def _post(self, keys, path, body, headers):
        try:
            with psk.Session(self.server.ports[1], keys.identity(), keys.psk()) as session:
                answer = session.request("POST", path, body, {"Accept": "application/xml", **headers})
                exporter = session.exporter
        except psk.Refused as refusal:
            raise BenchError(f"no session for POST {path}: {refusal}") from None
        if answer.status != 201:
            raise BenchError(f"POST {path}: {answer!r}")
        return answer.body, exporter

    def _connect(self, scl_id):
        """Session A, and registration by session B: Kmr and Kmc."""
        kmr = self.issue(scl_id)
        body, exporter = self._post(kmr, f"/m2m/connectionParamSet?sclId={scl_id}", b"", {})
        kmc = m2mkeys.ParamSet(body).connection(kmr, exporter)
        link = link_of(scl_id)
        self._post(kmc, "/m2m/scls", SCL.format(ns=NS, scl_id=scl_id, link=link), {"From": link})
        return kmr, kmc

    def _connect_all(self):
        lines = {"psk2": "", "psk3": "", "all": "", "wrong": ""}
        for scl_id in self.nodes:
            kmr, kmc = self._connect(scl_id)
            for version in (2, 3):
                own, root = (f"{keys.identity(version)} {keys.psk(version).hex()} {link_of(scl_id)}\n"
                             for keys in (kmc, kmr))
                lines[f"psk{version}"] += own
                lines["all"] += own + root
            lines["wrong"] += f"{kmr.identity()} {secrets.token_hex(32)} {link_of(scl_id)}\n"
        for name, text in lines.items():
            secret(self.path(name), text)


class Way:
    """One kind of TLS: how the daemon, the bare server and the clients are told."""

    def __init__(self, label, port, client, bare):
        self.label, self.client, self.bare = label, client, bare
        self.url = f"https://127.0.0.1:{port}"

    def bare_for(self, ctx, mode, daemon, method, path, body=None):
        """A bare server whose answer has the size and the headers of the daemon's answer."""
        _, headers, text = daemon.request(method, path, body)
        return ctx.tools.bare(mode, len(text), constant_headers(headers), more=self.bare)

    def load(self, ctx, server, url, conns, **what):
        """A load with the processor time it took of the server and of the client, per answer in us."""
        used = server.cpu_seconds()
        more = (*what.pop("client", self.client), *what.pop("more", ()))
        done = ctx.tools.load(url, conns, more=more, **what)
        answers = max(1, done["answers"])
        done["server_us"] = (server.cpu_seconds() - used) / answers * 1e6
        done["client_us"] = done["cpu"] / answers * 1e6
        return done


def ways(nscl):
    """The kinds of TLS of a daemon."""
    _, mid, mia, _ = nscl.server.ports
    table = ("--psk", nscl.path("all"))
    identity = nscl.identity
    return (Way("PSK, TLS 1.3", mid, ("--psk", nscl.path("psk3"), "--tls", "1.3"), table),
            Way("PSK, TLS 1.2", mid, ("--psk", nscl.path("psk2"), "--tls", "1.2"), table),
            Way("certificate, TLS 1.3", mia, ("--ca", nscl.authority.cert, "--tls", "1.3"),
                ("--certificate", identity.cert, "--key", identity.key)))


def differing(*series):
    """1 when not all have agreed on the same."""
    return int(len({result["tls"] for results in series for result in results}) != 1)


def pair(ctx, way, nscl, bare, path, conns, **what):
    """Results of the daemon and of the bare server in turn, and their errors."""
    def run(server, url):
        return way.load(ctx, server, url + path, conns, seconds=ctx.seconds, warmup=ctx.warmup, **what)

    mine, reference = interleave(ctx.rounds, lambda: run(nscl.server, way.url), lambda: run(bare, bare.url))
    return mine, reference, errors(mine, reference) + differing(mine, reference)


def processor_rows(ctx, label, mine, reference):
    """What one costs the server, and its client."""
    for who in ("server", "client"):
        ctx.report.add(f"{label}: processor time of the {who}", median(mine, f"{who}_us"), "us",
                       reference=median(reference, f"{who}_us"), ratio=ratio(mine, reference, f"{who}_us"))


def handshakes(ctx, way, nscl, bare, path):
    """A connection, with a full handshake, for each request."""
    mine, reference, wrong = pair(ctx, way, nscl, bare, path, HANDSHAKING, more=("--single",))
    label = f"{way.label}: handshake"
    ctx.report.add(f"{label}s, {HANDSHAKING} at a time", median(mine, "rps"), "/s", reference=median(reference, "rps"),
                   ratio=ratio(mine, reference), at_least=0.9, errors=wrong,
                   detail={"daemon": mine, "bare": reference})
    processor_rows(ctx, label, mine, reference)


def retrieve(ctx, way, nscl, bare, path):
    """Requests on connections that stay."""
    mine, reference, wrong = pair(ctx, way, nscl, bare, path, KEPT)
    label = f"{way.label}: retrieve latest"
    ctx.report.add(f"{label}, {KEPT} connections", median(mine, "rps"), "req/s", reference=median(reference, "rps"),
                   ratio=ratio(mine, reference), at_least=0.8, errors=wrong,
                   detail={"daemon": mine, "bare": reference})
    processor_rows(ctx, label, mine, reference)


def create(ctx, way, nscl, path):
    """Durable creates against the composed limit, as without TLS (serving.py)."""
    def post(server, url):
        before = nscl.syncs.total()
        done = way.load(ctx, server, url + path, KEPT, method="POST", body=INSTANCE, expect=201, seconds=ctx.seconds)
        commits = (nscl.syncs.total() - before) / SYNCS_PER_COMMIT[nscl.engine]
        return {**done, "batch": done["requests"] / commits if commits else 0}

    with way.bare_for(ctx, "mechanism", nscl, "POST", path, INSTANCE) as bare:
        mine, bursts = interleave(ctx.rounds, lambda: post(nscl.server, way.url), lambda: post(bare, bare.url))
    batch = median(mine, "batch")
    store = raw_store(ctx, nscl.engine, batch)
    limits = [{"rps": composed(burst["rps"], store["puts_per_s"])} for burst in bursts]
    ctx.report.add(f"{way.label}: create, {KEPT} connections (batch {batch:.1f})", median(mine, "rps"), "req/s",
                   reference=median(limits, "rps"), ratio=ratio(mine, limits), at_least=0.7,
                   errors=errors(mine, bursts) + differing(mine, bursts) + (batch < 1),
                   detail={"daemon": mine, "mechanism": bursts, "store": store})


def hold(ctx, way, server, url, count):
    """count connections opened with a request each, and what one that is idle then takes of memory."""
    before = server.rss_anon_mib()
    with ctx.tools.hold(url, count, more=way.client) as held:
        return {**held.result, "kib": (server.rss_anon_mib() - before) * 1024 / count}


def kept(ctx, way, path, label, make_bare):
    """Connections that stay; each server is fresh, so that memory that was used before hides nothing."""
    with SecureNscl(ctx, "lmdb", label, 1) as nscl:
        own = [w for w in ways(nscl) if w.label == way.label][0]
        prepare(nscl)
        mine = hold(ctx, own, nscl.server, own.url + path, ctx.idle)
    with make_bare() as bare:
        reference = hold(ctx, way, bare, bare.url + path, ctx.idle)
    wrong = errors([mine, reference]) + differing([mine, reference])
    detail = {"daemon": mine, "bare": reference}
    ctx.report.add(f"{way.label}: {ctx.idle:,} connections opened, with a request each", mine["rps"], "/s",
                   reference=reference["rps"], ratio=mine["rps"] / max(1, reference["rps"]), errors=wrong, detail=detail)
    ctx.report.add(f"{way.label}: memory of one that is idle", mine["kib"], "KiB", reference=reference["kib"],
                   ratio=mine["kib"] / max(0.1, reference["kib"]), errors=wrong, detail=detail)


class Flood(threading.Thread):
    """Handshakes under keys of which the identity is known while a measurement goes on."""

    def __init__(self, ctx, url, keys):
        super().__init__()
        self.tools, self.url, self.keys, self.seconds = ctx.tools, url, keys, ctx.seconds + ctx.warmup
        self.result = None

    def run(self):
        self.result = self.tools.load(self.url, HANDSHAKING, expect=0, seconds=self.seconds,
                                      more=("--psk", self.keys, "--tls", "1.3"))


def flooded(ctx, way, nscl, server, url, path):
    """Results of the sessions alone, of the sessions in the flood, and of the flood."""
    def run():
        return way.load(ctx, server, url + path, SESSIONS, seconds=ctx.seconds, warmup=ctx.warmup,
                        more=("--interval", str(PACE)))

    quiet = run()
    flood = Flood(ctx, url + path, nscl.path("wrong"))
    flood.start()
    loud = run()
    flood.join()
    return quiet, loud, flood.result or {"errors": 1, "rps": 0}


def flood_rows(ctx, way, nscl, bare, path):
    """What handshakes with wrong keys do to sessions that there are."""
    rounds = interleave(ctx.rounds, lambda: flooded(ctx, way, nscl, nscl.server, way.url, path),
                        lambda: flooded(ctx, way, nscl, bare, bare.url, path))
    for who, results in zip(("nscl", "bare"), rounds):
        quiet, loud, flood = zip(*results)
        wrong = errors(quiet, loud, flood) + sum(result["rps"] == 0 for result in flood)
        detail = {"quiet": quiet, "loud": loud, "flood": flood}
        ctx.report.add(f"{way.label}: wrong keys for {who}, {HANDSHAKING} at a time", median(flood, "rps"), "/s",
                       errors=wrong, detail=detail)
        for key in ("p50", "p99"):
            ctx.report.add(f"{way.label}: {SESSIONS} sessions of {who} beside them, {key}", median(loud, key) / 1000,
                           "ms", reference=median(quiet, key) / 1000, ratio=ratio(loud, quiet, key))


def prepare(nscl):
    """Paths of the contentInstances and of the latest one."""
    path = nscl.container(nscl.application("bench"), "c")
    nscl.create(path, INSTANCE)
    return path, path + "/latest"


def bench(ctx, engine):
    """The rows of the benchmark."""
    with SecureNscl(ctx, engine, "tls", NODES, count_syncs=True) as nscl:
        path, latest = prepare(nscl)
        for way in ways(nscl):
            def make_bare(way=way):
                return way.bare_for(ctx, "constant", nscl, "GET", latest)

            with make_bare() as bare:
                handshakes(ctx, way, nscl, bare, latest)
                retrieve(ctx, way, nscl, bare, latest)
            create(ctx, way, nscl, path)
            kept(ctx, way, latest, f"kept-{way.label.replace(', ', '-').replace(' ', '')}", make_bare)
        way = ways(nscl)[0]
        with way.bare_for(ctx, "constant", nscl, "GET", latest) as bare:
            flood_rows(ctx, way, nscl, bare, latest)


def faults_of(way, server, url, ctx, nscl, paths):
    """What is not right with one kind of TLS on one server."""
    path, latest = paths
    found = []

    def expect(what, done, answers, wrong=0):
        if done["answers"] != answers or done["errors"] != wrong:
            found.append(f"{way.label}: {what}: {done}")
        return done

    one = expect("single", way.load(ctx, server, url + latest, 4, requests=40, more=("--single",)), 40)
    if one["reconnects"] != 40:
        found.append(f"{way.label}: {one['reconnects']} connections for 40 requests")
    expect("kept", way.load(ctx, server, url + latest, 8, requests=200), 200)
    expect("create", way.load(ctx, server, url + path, 8, requests=100, method="POST", body=INSTANCE, expect=201), 100)
    with ctx.tools.hold(url + latest, 32, more=way.client) as held:
        expect("held", held.result, 32)
    if "--psk" in way.client:
        wrong = ("--psk", nscl.path("wrong"), "--tls", "1.3")
        expect("wrong key", way.load(ctx, server, url + latest, 4, requests=20, expect=0, client=wrong), 20)
        expect("right key refused", way.load(ctx, server, url + latest, 4, requests=20, expect=0), 0, 20)
    return found, one["tls"]


def check(ctx):
    """Whether all that is measured works; time is not judged."""
    found = []
    with SecureNscl(ctx, "lmdb", "tls", 3) as nscl:
        paths = prepare(nscl)
        for way in ways(nscl):
            with way.bare_for(ctx, "constant", nscl, "GET", paths[1]) as bare:
                mine, agreed = faults_of(way, nscl.server, way.url, ctx, nscl, paths)
                reference, other = faults_of(way, bare, bare.url, ctx, nscl, paths)
            found += mine + reference
            if agreed != other:
                found.append(f"{way.label}: nscl has agreed on {agreed}, the bare server on {other}")
            print(f"{way.label}: {agreed}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", default=os.environ.get("OPENSCL_BUILD", "."))
    args = parser.parse_args()
    workdir = tempfile.mkdtemp(prefix="tls.")
    ctx = types.SimpleNamespace(
        workdir=workdir, tools=Tools(args.builddir, workdir, "own"), daemon_options=[],
        program=lambda name: os.path.join(args.builddir, name, name))
    try:
        found = check(ctx)
    except BenchError as error:
        found = [str(error)]
    finally:
        shutil.rmtree(workdir)
    for text in found:
        print("tls:", text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
