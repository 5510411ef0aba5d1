# SPDX-License-Identifier: Apache-2.0
"""A device that bootstraps by its certificate, proofs of device keys, reports of integrity; played by the test."""

import hashlib
import json
import re
import select
import subprocess
import tempfile

from . import xml
from .bed import PATIENCE
from .m2mkeys import Kmr, ParamSet, b64u, kek_boot
from .pki import openssl
from .secure import BOOTSTRAP, MSBF_ID, now_plus


def reason(answer):
    """additionalInfo of an errorInfo, or None."""
    if answer.body.lstrip()[:1] == b"{":
        found = re.search(rb'"(?:m2m:)?additionalInfo"\s*:\s*"([^"]*)"', answer.body)
    else:
        found = re.search(rb"additionalInfo>([^<]*)<", answer.body)
    return found.group(1).decode() if found else None


def ask(session, ppid, query="&kmr=derive", body=b"", headers=None, method="POST"):
    """bootstrapParamSet."""
    return session.request(method, f"{BOOTSTRAP}?ppid={ppid}{query}", body, {"Accept": "application/xml", **(headers or {})})


def root_key(session, ppid, answer):
    """Kmr of a bootstrap that succeeded, by the derivation or as it was sent."""
    made = ParamSet(answer.body)
    node, index = made["securityM2MNodeId"], made.kmr_index
    if made.get("securityEncryptedM2MKey") or made.get("securityM2MKey"):
        return Kmr(made.key(kek_boot(session.exporter, bytes.fromhex(node), index)), node, index)
    return Kmr.derived(session.exporter, ppid, node, index, MSBF_ID)


def bootstrap(provider, device, ppid, query="&kmr=derive"):
    """Kmr and SCL-ID of a bootstrap that must succeed."""
    with provider.certified(device) as session:
        answer = ask(session, ppid, query)
        if answer.status != 201:
            raise AssertionError(f"bootstrapParamSet: {answer!r}")
        return root_key(session, ppid, answer), ParamSet(answer.body)["sclId"]


def hash_of(ppid):
    """Name of a device in the administration."""
    return hashlib.sha256(bytes.fromhex(ppid)).hexdigest()


def sign(key, message):
    """A signature by a private key: ECDSA with SHA-256, or Ed25519."""
    if b"ED25519" in openssl("pkey", "-in", key, "-noout", "-text"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(message)
            file.flush()
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name)
    return openssl("dgst", "-sha256", "-sign", key, data=message)


def proof(identity, node, exporter, spki=None):
    """X-M2M-Device-Proof."""
    public = spki or openssl("pkey", "-in", identity.key, "-pubout", "-outform", "DER")
    return f"{b64u(public)}.{b64u(sign(identity.key, b'M2M-BIND-v1' + bytes(1) + node + exporter))}"


def report(kmr, scl_id, results=0x1f, seconds=0, stamp=None, mac=None, **parts):
    """integrityValResults; parts in place of its own: None leaves one out."""
    stamp = stamp or now_plus(seconds)
    values = {"ivalResults": results, "signedIvalResult": kmr.signed_ival(results, stamp, scl_id) if mac is None else mac,
              "secureTimeStamp": stamp, **parts}
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in values.items() if v is not None)
    return f"<m2m:integrityValResults {xml.NS}>{inner}</m2m:integrityValResults>"


def manifest(key, target, files):
    """The reference manifest of {path: octets}, signed."""
    lines = [f"sha256 {hashlib.sha256(octets).hexdigest()} {path}\n" for path, octets in sorted(files.items())]
    text = f"M2M-MANIFEST-v1\ntarget {target}\n" + "".join(lines)
    return text + f"signature {b64u(sign(key, b'M2M-MANIFEST-v1' + bytes(1) + text.encode()))}\n"


def audit(provider, which=""):
    """All records of the audit of the MAS, or of the MSBF with 'msbf/'."""
    found, after = [], 0
    while True:
        page = provider.administer("GET", f"/{which}audit?after={after}&limit=200")
        found += page["records"]
        if len(page["records"]) < 200:
            return found
        after = page["next"]


def results(provider, which="msbf/"):
    """What the audit says happened: the real reasons."""
    return [r.get("result") for r in audit(provider, which)]


def state(provider):
    """What the administration shows, without what every request changes: nodes, keys, connections, devices."""
    rows = {}
    for name in ("nodes", "kmrs", "connections", "devices"):
        shown = provider.administer("GET", f"/{name}")
        rows[name] = [{k: v for k, v in row.items() if k not in ("failures", "lastFailure", "lastReason", "requests", "octets",
                                                                   "lastSeen")} for row in shown[name]]
    return json.dumps(rows, sort_keys=True)


def run_quiet(*command):
    """Runs a command; True when it succeeds."""
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


# ---- daemons ----

def starts_elsewhere(node, machine_id, seconds=PATIENCE):
    """The daemon becomes ready where the machine has the name of that file; root alone can ask."""
    script = 'mount --bind "$0" /etc/machine-id && exec "$@"'
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", script, machine_id, *node.command()], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ready = select.select([process.stdout], [], [], seconds)[0] and process.stdout.readline()
        return bool(ready) and ready.startswith(b"ready")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
