#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Administration: the operations by command line and HTTP, who may call them, an audit that was edited."""

import datetime
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import threading

from lib import report as reports
from lib import secure, xml
from lib.bed import pick_port, wait_for
from lib.m2mkeys import ParamSet
from lib.psk import handshakes
from lib.secure import Node, Provider, listener, secret_file

REASON = "lost-in-the-post"
LOST = "kept-in-the-post"


def command(provider, *words, good=0):
    """nscl --admin; its document, or the completed process when it is to fail."""
    done = provider.action("--admin", *words)
    if done.returncode != good:
        raise AssertionError(f"--admin {words}: status {done.returncode}: {done.stdout} {done.stderr}")
    return done if good else json.loads(done.stdout)


def operations(report, bed):
    """every operation by the command line"""
    provider = Provider(bed).start()
    made = command(provider, "provision", f"ppid={secure.ppid(1)}", "subId=s1")
    report.equal(made["status"], 200, "a device is admitted")
    device = command(provider, "show", made["device"])["devices"][0]
    report.equal((device["state"], device["subId"]), ("ADMITTED", "s1"), "it is shown")
    issued = command(provider, "issue", "sclId=gscl-1", "subId=s1", "lifetime=86400")
    report.equal(len(issued["kmr"]), 43, "issue shows the key")
    node = issued["nodeId"]
    listed = provider.action("--admin", "list", "nodes", "sclId=gscl-1")
    report.ok(node in listed.stdout and issued["kmr"] not in listed.stdout, "list shows the node, never the key")
    report.equal([k["state"] for k in command(provider, "list", "kmrs", f"nodeId={node}")["kmrs"]], ["PENDING"], "its Kmr")
    report.equal(command(provider, "rotate", node, "deadline=2035-01-01T00:00:00Z"), {}, "rotate")
    report.equal(command(provider, "show", node)["kmrs"][0]["deadline"], "2035-01-01T00:00:00.000Z", "the deadline is set")
    report.equal(command(provider, "bind", node, "fingerprints=" + "ab" * 32), {}, "bind")
    report.equal(command(provider, "set", node, "flags=0x4000", "priority=low"), {}, "set")
    report.equal(command(provider, "unlock", node), {}, "unlock")
    shown = command(provider, "show", node)["nodes"][0]
    report.equal((shown["fingerprints"], shown["flags"], shown["priority"]), (["ab" * 32], 0x4000, "low"), "all of it counts")
    report.equal(command(provider, "revoke", node, f"reason={REASON}"), {}, "revoke")
    report.equal(command(provider, "revoke", node), {}, "revoke is idempotent")
    report.equal(command(provider, "list", "nodes", "state=REVOKED")["nodes"][0]["nodeId"], node, "the node is revoked")
    rows = command(provider, "audit")["records"]
    report.ok(any(r["action"] == "revoke-node" and r["result"] == REASON and r["actor"] == "admin" for r in rows),
              "the audit has the revocation", rows)
    report.equal(command(provider, "audit-verify")["sound"], True, "its chain is sound")
    report.ok(command(provider, "counters")["provision_ok"] >= 1, "counters count")
    report.ok("404" in command(provider, "show", "00" * 16, good=1).stderr, "an unknown node: status 1")
    report.ok("revoke" in command(provider, "demolish", good=2).stderr, "an unknown operation: status 2, and a list")
    command(provider, "rotate", good=2)
    command(provider, "issue", "sclId=../x", good=1)
    bulk = bed.path("bulk")
    with open(bulk, "w", encoding="ascii") as file:
        for number in range(2, 102):
            file.write(json.dumps({"ppid": secure.ppid(number)}) + "\n")
        file.write("rubbish\n")
    done = provider.action("--admin", "provision", f"@{bulk}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    report.equal((len(lines), sum(line["status"] < 300 for line in lines), lines[-1]["reason"], done.returncode),
                 (101, 100, "BAD_PARAM", 1), "in bulk: a result for each line")


def credentials(report, bed):
    """credentials from one command line to the other"""
    provider = Provider(bed, msbf=False).start()
    node = Node(bed, "gscl", provider)
    path = bed.path("bootstrapParamSet.xml")
    done = provider.action("--issue-credentials", "--sclid", node.scl_id, "--out", path)
    report.equal(done.returncode, 0, "issued", done.stderr)
    report.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "the file is its owner's alone")
    with open(path, "rb") as file:
        key = ParamSet(file.read())["securityM2MKey"]
    report.ok(len(key) == 64 and key not in done.stdout + done.stderr + provider.log(), "the key is in the file alone")
    again = provider.action("--issue-credentials", "--sclid", "other", "--out", path)
    report.equal(again.returncode, 1, "a file that is there is not written over")
    report.ok(provider.node_of("other") is None, "and nothing was issued then")
    taken = provider.action("--issue-credentials", "--sclid", node.scl_id, "--out", bed.path("second"))
    report.ok(taken.returncode == 1 and not os.path.exists(bed.path("second")), "a SCL-ID that is taken: no file", taken.stderr)
    report.equal(provider.action("--issue-credentials", "--sclid", "x").returncode, 2, "without --out: status 2")
    imported = node.import_credentials(path)
    report.equal(imported.returncode, 0, "gscl takes the file", imported.stderr)
    node.start()
    report.ok(provider.sees(node.scl_id), "and registers with it", bed.logs())


def callers(report, bed):
    """who may call (rows 24 and 50)"""
    provider = Provider(bed, msbf=False).start()
    report.equal(provider.admin("GET", "/nodes").status, 200, "the token counts")
    for name, token in (("a wrong token", "x" * 43), ("a part of it", provider.secret[:-1]), ("a longer one", provider.secret + "x")):
        report.equal(provider.admin("GET", "/nodes", token=token).status, 401, f"{name}: 401")
    with socket.create_connection(("127.0.0.1", provider.admin_port)) as bare:
        bare.sendall(b"GET /admin/nodes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        report.ok(b" 401 " in bare.recv(4096).split(b"\r\n")[0] + b" ", "no token: 401")
    client = provider.client()
    report.equal(client.get("/admin/nodes").status, 404, "nothing of it on the listener for applications")
    client.close()
    answers = [provider.admin("POST", "/audit/verify", token="y" * 43).status for _ in range(8)]
    report.equal(answers, [401] * 6 + [503] * 2, "the eleventh failure is not evaluated")
    locked = provider.admin("GET", "/nodes")
    report.ok(locked.status == 503 and int(locked.header("Retry-After") or 0) > 60, "nor the right token then", locked)
    done = provider.action("--admin", "counters")
    report.ok(done.returncode == 1 and "503" in done.stderr, "the command line says so", done.stderr)


def ways(report, bed):
    """a UNIX socket, and TLS whose key is known"""
    provider = Provider(bed, msbf=True)
    clear = listener(provider.admin_port, "none", ["admin"])
    path = bed.path("admin.sock")
    groups = provider.listeners
    provider.listeners = groups.replace(clear, f'{{ address = "unix:{path}"; port = 0; serve = [ "admin" ]; }}')
    provider.write_config()
    provider.start()
    report.ok("provision_ok" in command(provider, "counters"), "by a UNIX socket")
    report.ok(any(r["source"].startswith("uid ") for r in command(provider, "audit")["records"]), "the audit has the user")
    provider.stop()
    provider.listeners = groups.replace(clear, listener(provider.admin_port, "certificate", ["admin"],
                                                        certificate=provider.msbf_identity.cert, key=provider.msbf_identity.key))
    provider.write_config()
    provider.start()
    report.ok("provision_ok" in command(provider, "counters"), "by TLS")
    other = provider.devices.server("localhost")
    provider.listeners = groups.replace(clear, listener(provider.admin_port, "certificate", ["admin"], certificate=other.cert,
                                                        key=other.key))
    provider.write_config()
    done = command(provider, "counters", good=1)
    report.ok("pubkey" in done.stderr or "pinned" in done.stderr.lower(), "another key at that port is not trusted", done.stderr)


def edited(report, bed):
    """an audit that was edited is found (row 50)"""
    provider = Provider(bed, msbf=False).start()
    node = command(provider, "issue", "sclId=gscl-1")["nodeId"]
    command(provider, "revoke", node, f"reason={REASON}")
    report.equal(command(provider, "audit-verify")["sound"], True, "sound before")
    provider.stop()
    changed = 0
    for top, _, names in os.walk(os.path.join(provider.store, "mas")):
        for name in names:
            with open(os.path.join(top, name), "r+b") as file:
                octets = file.read()
                changed += octets.count(REASON.encode())
                file.seek(0)
                file.write(octets.replace(REASON.encode(), LOST.encode()))
    report.ok(changed > 0, "a row was changed on the disk")
    provider.start()
    done = command(provider, "audit-verify", good=1)
    found = json.loads(done.stdout)
    report.ok(not found["sound"] and found["mas"]["firstBad"] > 0, "the changed row is found", done.stdout)
    report.ok("audit-damaged" in provider.log(), "and logged")


def token_file(report, bed):
    """a token that others may read"""
    provider = Provider(bed, msbf=False)
    path = provider.groups["admin"]["tokens"]
    os.chmod(path, 0o644)
    provider.spawn()
    report.equal(provider.process.wait(30), 1, "nscl does not start")
    provider.process.stdout.close()
    provider.process = None
    report.ok("0600" in provider.log(), "and says why", provider.log_tail())
    secret_file(path, "short\n")
    os.chmod(path, 0o600)
    report.ok("16" in provider.action("--admin", "counters").stderr, "nor one that could be guessed")


def limits(report, bed):
    """limits of the MAS change by SIGHUP, for what is made from then on"""
    provider = Provider(bed, msbf=False).start()
    old = provider.issue("gscl-old")
    first = provider.connected(old, "gscl-old")

    def lasts(kmc):
        rows = command(provider, "list", "connections")["connections"]
        row = next(r for r in rows if r["connectionId"] == f"{kmc.connection:016x}")
        made, ends = (datetime.datetime.fromisoformat(row[k].replace("Z", "+00:00")) for k in ("created", "expires"))
        return (ends - made).total_seconds()
    report.equal(lasts(first), 86400, "a day before")
    provider.set("mas", kmc_lifetime="600 s", kmr_lifetime="7200 s", flags=0x5000, ival_required=3, kmc_overlap="3 s",
                 audit_keep="100000 s")
    seen = len(provider.log())
    provider.process.send_signal(signal.SIGHUP)
    report.ok(wait_for(lambda: "event=reloaded" in provider.log()[seen:], 20), "SIGHUP", provider.log_tail())
    report.equal((provider.log()[seen:].count("event=option-changed"), "restart-needed" in provider.log()[seen:]), (6, False),
                 "each is taken", provider.log()[seen:])
    new = provider.issue("gscl-new")
    shown = command(provider, "show", new.node.hex())
    report.equal((shown["nodes"][0]["flags"], shown["nodes"][0]["ivalRequired"]), (0x5000, 3), "of a new node")
    ends = datetime.datetime.fromisoformat(shown["kmrs"][0]["notAfter"].replace("Z", "+00:00"))
    left = (ends - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    report.ok(7000 < left <= 7200, "of its Kmr", left)
    report.equal(command(provider, "show", old.node.hex())["nodes"][0]["flags"], 0x4000, "what there was stays")
    report.equal(lasts(provider.connected(old, "gscl-old")), 600, "of a new Kmc")
    provider.set("mas", kmc_lifetime="8 d")
    seen = len(provider.log())
    provider.process.send_signal(signal.SIGHUP)
    report.ok(wait_for(lambda: "reload-failed" in provider.log()[seen:], 20), "one that is none changes nothing", provider.log_tail())
    provider.connected(old, "gscl-old")
    rows = provider.administer("GET", "/connections?state=ACTIVE&nodeId=" + old.node.hex())["connections"]
    report.equal(len(rows) > 0, True, "and the MAS goes on")


def apart(report, bed):
    """an MSBF whose MAS is in another process has an administration of its own"""
    mas = Provider(bed, name="mas", roles=["mas"]).start()
    mine, token = mas.servers.role("msbf"), secrets.token_urlsafe(32)
    settings = {"mas": {"certificate": mine.cert, "key": mine.key, "reject_key": mas.reject_keys[0],
                        "kek_file": secret_file(bed.path("msbf-kek"), secrets.token_hex(32) + "\n")},
                "admin": {"tokens": secret_file(bed.path("msbf-admin"), token + "\n")}}
    msbf = Provider(bed, name="msbf", roles=["msbf"], mas=mas, settings=settings)
    msbf.admin_port, msbf.secret = pick_port(), token
    msbf.listeners += ", " + listener(msbf.admin_port, "none", ["admin"])
    msbf.write_config()
    msbf.start()
    made = command(msbf, "provision", f"ppid={secure.ppid(1)}", "subId=s1")
    report.equal(made["status"], 200, "a device is admitted")
    report.equal([d["state"] for d in command(msbf, "list", "devices")["devices"]], ["ADMITTED"], "and listed")
    report.equal(command(msbf, "bind", made["device"], "fingerprints=" + "ab" * 32), {}, "bound")
    report.equal(command(msbf, "show", made["device"])["devices"][0]["fingerprints"], ["ab" * 32], "as it shows")
    report.equal(command(msbf, "unlock", made["device"]), {}, "unlocked")
    node = "00" * 16
    for name, method, path, body in (("issue", "POST", "/nodes", {"sclId": "x"}), ("list", "GET", "/nodes", None),
                                     ("kmrs", "GET", "/kmrs", None), ("connections", "GET", "/connections", None),
                                     ("show", "GET", f"/nodes/{node}", None), ("revoke", "POST", f"/nodes/{node}/revoke", {"scope": "node"}),
                                     ("rotate", "POST", f"/nodes/{node}/rotate", {}), ("set", "PUT", f"/nodes/{node}", {"flags": 1}),
                                     ("audit", "GET", "/audit", None)):
        answer = msbf.admin(method, path, body)
        report.ok(answer.status == 501 and b"NO_MAS" in answer.body, f"{name} is for the MAS: 501", answer)
    report.equal(msbf.admin("GET", "/nodes", token="x" * 43).status, 401, "that is told to nobody else")
    answer = msbf.admin("DELETE", "/nodes")
    report.equal((answer.status, answer.header("Allow")), (405, "GET, POST"), "nor is every method known")
    report.equal(command(msbf, "revoke", made["device"]), {}, "the device is revoked")
    rows = [(r["actor"], r["action"], r["result"]) for r in command(msbf, "audit-msbf")["records"]]
    report.ok({("admin", "issue", "NO_MAS"), ("?", "admin", "AUTH_FAILED")} <= set(rows), "every call is in its audit", rows)
    report.equal(command(msbf, "audit-verify")["sound"], True, "which is sound")
    report.ok("bootstrap_status" in command(msbf, "counters"), "counters")
    report.equal(mas.admin("GET", "/devices").status, 404, "the MAS has no devices")
    report.equal(mas.admin("GET", "/nodes").status, 200, "but nodes")


def modes(top):
    """What is below a directory, with its modes."""
    found = {".": stat.S_IMODE(os.stat(top).st_mode)}
    for at, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(at, name)
            found[os.path.relpath(path, top)] = stat.S_IMODE(os.stat(path).st_mode)
    return found


def backups(report, bed):
    """--backup has the stores of MAS and MSBF and the key store of a node, and they work where they are restored"""
    provider = Provider(bed).start()
    node = secure.factory_node(bed, "gscl", provider).start()
    if not report.ok(provider.sees(node.scl_id), "the node registers", bed.logs()):
        return
    before = provider.issue("before")
    made, over = [], threading.Event()

    def load():
        client = provider.client(secure.APP)
        while not over.is_set():
            made.append(provider.issue(f"gscl-{len(made)}"))
            client.create("/m2m/applications", xml.application(f"a{len(made)}"))
        client.close()
    crew = threading.Thread(target=load)
    crew.start()
    wait_for(lambda: len(made) > 10)
    first = len(made)
    copies = {daemon: bed.path(f"{daemon.name}.copy") for daemon in (provider, node)}
    for daemon, copy in copies.items():
        done = daemon.action("--backup", copy)
        report.equal((done.returncode, done.stderr), (0, ""), f"{daemon.name}: a backup while it works")
        report.ok(not os.path.exists(copy + ".part"), f"{daemon.name}: under its name when it is whole")
    over.set()
    crew.join()
    report.ok(len(made) > first, "nodes were issued meanwhile", (first, len(made)))
    secret = {".": 0o700, "data.mdb": 0o600}
    stores = {f"{name}{'/' + file if file else ''}": 0o600 if file else 0o700 for name in ("mas", "msbf") for file in ("", "data.mdb")}
    report.equal(modes(copies[provider]), {**secret, **stores}, "what is in that of nscl, for nobody else")
    report.equal(modes(copies[node]), {**secret, "keystore": 0o700, "keystore/keystore": 0o600, "keystore/kma": 0o700,
                                        "keystore/kma/data.mdb": 0o600}, "in that of gscl")
    again = node.action("--backup", copies[node])
    report.ok(again.returncode == 1 and "not empty" in again.stderr, "a backup overwrites nothing", again)
    full = node.action("--backup", os.path.join(bed.path("nowhere"), "copy"))
    report.ok(full.returncode == 1 and not os.path.exists(bed.path("nowhere")), "nowhere to put it: status 1", full)
    for daemon, copy in copies.items():
        daemon.stop()
        shutil.rmtree(daemon.store)
        os.rename(copy, daemon.store)
    for daemon in (provider, node):
        report.equal(daemon.action("--check-store").returncode, 0, f"{daemon.name}: the restored store is sound")
    log = len(node.log())
    provider.start()
    report.equal(command(provider, "audit-verify")["sound"], True, "the audit is whole")
    rows = command(provider, "list", "nodes")["nodes"]
    report.ok({"before", node.scl_id} <= {row["sclId"] for row in rows}, "nodes from before are known")
    with provider.session_a(made[0]) as session:
        report.equal(provider.ask_connection(session, "gscl-0").status, 201, "one of them connects")
    report.ok(handshakes(provider.mid_port, before.identity(), before.psk()), "and another may")
    node.start()
    report.ok(wait_for(lambda: "event=service-connection" in node.log()[log:], 30), "the node connects with its keys", node.log()[log:])
    report.ok("bootstrapped" not in node.log()[log:], "without another bootstrap", node.log()[log:])
    report.ok(provider.sees(node.scl_id), "and is there", bed.logs())
    foreign = secret_file(bed.path("foreign-kek"), "77" * 32 + "\n")
    provider.stop()
    provider.set("mas", kek_file=foreign)
    provider.spawn()
    report.equal(provider.process.wait(30), 1, "with another master key it is nothing")
    provider.process.stdout.close()
    provider.process = None


reports.run(operations, credentials, callers, ways, edited, token_file, limits, apart, backups)
