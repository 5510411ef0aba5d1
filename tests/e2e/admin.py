#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Administration: the operations by command line and HTTP, who may call them, an audit that was edited."""

import json
import os
import socket
import stat

from lib import report as reports
from lib import secure
from lib.m2mkeys import ParamSet
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


reports.run(operations, credentials, callers, ways, edited, token_file)
