#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parameters, certificates, proofs, tokens and documents with every field altered or missing: refused alike, nothing changes."""

import hashlib
import os
import re
import statistics
import time

from lib import boot, psk, secure
from lib import report as reports
from lib.boot import ask, reason
from lib.client import Client
from lib.m2mkeys import bootstrap_set
from lib.secure import PPID, Provider, listener, now_plus

RUNS = 200 if reports.LONG else 50
WITHIN = 0.20       # medians
TRIES = 12          # an oracle shows in each of them, and in all together
EACH = 9            # failures of one identifier that are still looked at
ROWS = -(-RUNS // EACH)
PAUSE = 0.004       # 20 requests of one source in a second are served
REFUSED = (400, 401, 403, 404, 409, 411, 413, 415, 501)


def bare(answer):
    """What a peer sees of an answer, but for the date."""
    headers = sorted((k.lower(), v) for k, v in answer.headers if k.lower() not in ("date", "x-m2m-reject"))
    return answer.status, headers, answer.body


# ---- four reasons, one answer ----

class Refusals:
    """Devices of every kind that is refused: (real reason, PPID, certificate)."""

    KINDS = ("PPID_MISMATCH", "UNKNOWN", "BINDING_MISMATCH", "REVOKED")

    def __init__(self, provider):
        self.provider, self.rows = provider, []
        other = provider.devices.device(secure.ppid(0xfffff0))
        for number in range(ROWS):
            names = [secure.ppid(0x100000 + number * 16 + n) for n in range(4)]
            provider.admit(names[0])
            provider.admit(names[2], [hashlib.sha256(names[2].encode()).hexdigest()])
            provider.admit(names[3])
            provider.administer("POST", f"/devices/{boot.hash_of(names[3])}/revoke")
            mine = [other, *(provider.devices.device(name) for name in names[1:])]
            self.rows.append(list(zip(self.KINDS, names, mine)))
        self.sessions = {}

    def session(self, number, kind, identity):
        """One that stays, from an address of its own row."""
        key = number, kind
        if key not in self.sessions:
            self.sessions[key] = self.provider.certified(identity, more=("-bind", f"127.0.1.{number + 1}"))
        return self.sessions[key]

    def unlock(self):
        """Failures are forgotten: by the administrator for known devices, in a new process for all."""
        for session in self.sessions.values():
            session.close()
        self.sessions = {}
        self.provider.stop()
        self.provider.start()

    def measure(self):
        """{reason: [(seconds, answer), ...]}, the reasons in turn."""
        found = {kind: [] for kind in self.KINDS}
        for number, row in enumerate(self.rows):
            for kind, _, identity in row:
                self.session(number, kind, identity)
        for _ in range(EACH):
            for number, row in enumerate(self.rows):
                for kind, name, identity in row:
                    session = self.session(number, kind, identity)
                    began = time.perf_counter()
                    answer = ask(session, name)
                    found[kind].append((time.perf_counter() - began, answer))
                    time.sleep(PAUSE)
        return found


def spread(found):
    """(largest median / smallest - 1, the medians in ms)"""
    medians = {kind: statistics.median(seconds for seconds, _ in runs) for kind, runs in found.items()}
    return max(medians.values()) / min(medians.values()) - 1, {k: round(v * 1000, 2) for k, v in medians.items()}


def four_refusals(report, bed):
    """Not the one of the certificate, not admitted, bound to another key, revoked: one answer, at one time."""
    provider = Provider(bed).start()
    refusals = Refusals(provider)
    before, seen, found = boot.state(provider), [], {kind: [] for kind in Refusals.KINDS}
    for attempt in range(TRIES):
        if attempt:
            refusals.unlock()
        latest = refusals.measure()
        for kind, runs in latest.items():
            found[kind] += runs
        seen.append(min(spread(latest), spread(found), key=lambda one: one[0]))
        if seen[-1][0] <= WITHIN:
            break
    answers = {kind: {repr(bare(answer)) for _, answer in runs} for kind, runs in found.items()}
    times = len(next(iter(found.values())))
    report.ok(len(set().union(*answers.values())) == 1, f"{len(found)} reasons, {times} times: one answer",
              lambda: {k: sorted(v)[:2] for k, v in answers.items()})
    first = found["UNKNOWN"][0][1]
    report.equal((first.status, reason(first)), (403, "AUTH_FAILED"), "it is 403 AUTH_FAILED")
    # What else the machine does shows in single runs and evens out over all; a difference that is there does not.
    report.ok(seen[-1][0] <= WITHIN, f"no oracle in time: medians in ms {seen[-1][1]}", seen)
    wanted = set(Refusals.KINDS)
    got = set(boot.results(provider))
    report.ok(wanted <= got or len(got & wanted) >= 3, "the audit has the real reasons", lambda: sorted(got))
    report.equal(boot.state(provider), before, "nothing has changed")
    for session in refusals.sessions.values():
        session.close()


# ---- parameters ----

def texts(value):
    """A value altered in many ways."""
    yield from ("", " ", value[:-1], value + "0", value * 40, value + "%00",
                "%", "%2", "..", "../" + value, "'", "%ff%fe", "\u00e4")
    for at in range(0, len(value), max(1, len(value) // 8)):
        yield value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1:]


def refuses(report, name, answers, provider, before):
    """All were refused with an errorInfo that gives no more away than a token; nothing has changed."""
    wrong = [(what, repr(answer)) for what, answer in answers if answer.status not in REFUSED]
    report.ok(not wrong, f"{name}: {len(answers)} refused", lambda: wrong[:10])
    told = sorted({r for _, a in answers if (r := reason(a)) and not re.fullmatch(r"[A-Z0-9_]+", r)})
    report.ok(len(told) <= 3, f"{name}: reasons are tokens", told)
    report.equal(boot.state(provider), before, f"{name}: nothing has changed")


def bootstrap_parameters(report, bed):
    """Parameters, headers and bodies of bootstrapParamSet."""
    provider = Provider(bed).start()
    provider.admit()
    device, before, answers = provider.devices.device(PPID), boot.state(provider), []

    def post(query, body=b"", headers=None, method="POST"):
        with provider.certified(device, more=("-bind", f"127.0.2.{1 + len(answers) % 200}")) as session:
            answers.append(((method, query, body[:60], headers),
                            session.request(method, f"{secure.BOOTSTRAP}{query}", body,
                                            {"Accept": "application/xml", **(headers or {})})))
    for query in ("", "?", "?ppid", "?ppid=", "?kmr=derive", f"?ppid={PPID}&ppid={PPID}", f"?PPID={PPID}", f"?ppid={PPID}&x=1",
                  f"?ppid={PPID}&kmr=x", f"?ppid={PPID}&kmr=derive&kmr=transport", f"?ppid={PPID}&kmr=eap_sim",
                  f"?ppid={PPID}&sclId=", f"?ppid={PPID}&sclId=.x", f"?ppid={PPID}&sclId=a/b", f"?ppid={PPID}&sclId=scls",
                  f"?ppid={PPID}&sclId=" + "a" * 65):
        post(query)
    for headers in ({"X-M2M-Nonce": "00"}, {"X-M2M-Nonce": "zz" * 16}, {"X-M2M-Nonce": "0" * 33}):
        post(f"?ppid={PPID}", headers=headers)
    kmr = secure.Kmr(bytes(32), bytes(16), 1)
    report_of = boot.report(kmr, "x")
    for body in ("<", "x" * 17000, report_of.replace("ivalResults>", "x>"), report_of.replace("<ivalResults>31", "<ivalResults>"),
                 report_of.replace("integrityValResults", "scl"), report_of[:-5],
                 boot.report(kmr, "x", secureTimeStamp="yesterday"),
                 boot.report(kmr, "x", signedIvalResult=None), boot.report(kmr, "x", ivalResults=2**70)):
        post(f"?ppid={PPID}", body.encode())
    post(f"?ppid={PPID}", b"{}", {"Content-Type": "application/json"})
    post(f"?ppid={PPID}", report_of.encode(), {"Content-Type": "text/plain"})
    refuses(report, "bootstrapParamSet", answers, provider, before)
    answers.clear()
    for text in texts(PPID):
        if text.lower() != PPID:
            post(f"?ppid={text.encode().hex() if not text.isascii() else text.replace(' ', '%20')}")
    refuses(report, "ppid", answers, provider, before)


def certificates(report, bed):
    """Certificates with fields altered or missing."""
    provider = Provider(bed).start()
    provider.admit()
    ca, before, got = provider.devices, boot.state(provider), {}
    upper = "urn:m2m:PPID:" + PPID
    for name, make in (("no name", ca.client),
                       ("two PPIDs", lambda: ca.client("urn:m2m:ppid:" + PPID, "urn:m2m:ppid:" + secure.ppid(1))),
                       ("another urn", lambda: ca.client("urn:m2m:app:" + PPID)),
                       ("no urn", lambda: ca.client("http://x/" + PPID)),
                       ("a longer PPID", lambda: ca.device(PPID + "00")), ("a shorter PPID", lambda: ca.device(PPID[:-2])),
                       ("an empty PPID", lambda: ca.client("urn:m2m:ppid:")), ("an urn in upper case", lambda: ca.client(upper)),
                       ("other usages", lambda: ca.device(PPID, usage="emailProtection")),
                       ("an octet of the signature", lambda: altered(bed, ca.device(PPID), -20)),
                       ("an octet of the name", lambda: altered(bed, ca.device(PPID), PPID.encode()))):
        try:
            with provider.certified(make()) as session:
                answer = ask(session, PPID)
                got[name] = answer.status, reason(answer)
        except (psk.Refused, RuntimeError) as error:
            got[name] = 0, str(error)[-100:]
    wrong = {k: v for k, v in got.items() if v[0] not in (0, 401, 403)}
    report.ok(not wrong, f"{len(got)} certificates refused", wrong)
    report.ok({v[1] for v in got.values() if v[0]} <= {"AUTH_FAILED"}, "all for the same reason", got)
    report.equal(boot.state(provider), before, "certificates: nothing has changed")


def altered(bed, identity, where):
    """A copy with one octet of the certificate changed: at a place, or the last one of some octets."""
    der = bytearray(boot.openssl("x509", "-in", identity.cert, "-outform", "DER"))
    at = where if isinstance(where, int) else der.index(where) + len(where) - 1
    der[at] ^= 1
    path = bed.path(f"altered-{at}.pem")
    with open(path, "wb") as file:
        file.write(boot.openssl("x509", "-inform", "DER", data=bytes(der)))
    return type(identity)(path, identity.key)


def connection_parameters(report, bed):
    """Parameters, reports and proofs of connectionParamSet."""
    provider = Provider(bed).start()
    kmr, bound = provider.issue("gscl-m"), provider.issue("gscl-b")
    device = provider.devices.device(PPID)
    provider.administer("PUT", f"/nodes/{bound.node.hex()}/fingerprints", {"fingerprints": [device.fingerprint()]})
    before, answers = boot.state(provider), []
    with provider.session_a(kmr) as session:
        for query in ("sclId=", "sclId=gscl-b", "sclId=gscl-M", "sclId=gscl-m0", "sclId=a%2Fb", "sclId=%00", "sclId=%zz",
                      "sclId=gscl-m&sclId=gscl-m", "sclId=" + "a" * 65):
            answers.append((query, session.request("POST", f"{secure.CONNECT}?{query}", b"", {"Accept": "application/xml"})))
            provider.administer("POST", f"/nodes/{kmr.node.hex()}/unlock")
        for body in ("<", "<scl/>", boot.report(kmr, "gscl-m", ivalResults=None),
                     boot.report(kmr, "gscl-m", secureTimeStamp=None),
                     boot.report(kmr, "gscl-m", signedIvalResult="x"), boot.report(kmr, "gscl-m", mac=1)):
            answers.append((body, provider.ask_connection(session, "gscl-m", body)))
            provider.administer("POST", f"/nodes/{kmr.node.hex()}/unlock")
    refuses(report, "connectionParamSet", answers, provider, before)
    proofs = []
    with provider.session_a(bound) as session:
        good = boot.proof(device, bound.node, session.exporter)
        public, _, signature = good.partition(".")
        for header in (None, "", ".", public, public + ".", "." + signature, good + ".", good + "=", good[:-1], good[1:],
                       public + "." + signature[::-1], public.swapcase() + "." + signature, "A" * 2000 + "." + signature,
                       public[:-4] + "AAAA." + signature,
                       public + "." + ("B" if signature[9] != "B" else "C").join((signature[:9], signature[10:]))):
            answer = provider.ask_connection(session, "gscl-b", headers={} if header is None else {"X-M2M-Device-Proof": header})
            proofs.append((header, answer))
            provider.administer("POST", f"/nodes/{bound.node.hex()}/unlock")
        refuses(report, "X-M2M-Device-Proof", proofs, provider, before)
        seen = {repr(bare(a)) for _, a in proofs}
        report.ok(len(seen) <= 2, "proofs: malformed and wrong ones are answered alike", sorted(seen))
        answer = provider.ask_connection(session, "gscl-b", headers={"X-M2M-Device-Proof": good})
        report.equal(answer.status, 201, "the good one is taken", lambda: repr(answer))
    with provider.session_a(kmr) as session:
        statuses = {nonce: provider.ask_connection(session, "gscl-m", query=f"&nonce={nonce}").status
                    for nonce in ("00", "z" * 32, "0" * 33)}
    report.equal(set(statuses.values()), {400}, "nonces that are none", statuses)


def identities(report, bed):
    """PSK identities with every character altered."""
    provider = Provider(bed).start()
    kmr = provider.issue("gscl-i")
    good, wrong, count = kmr.identity(), [], 0
    step = 1 if reports.LONG else 4
    for at in range(0, len(good), step):
        for text in (good[:at] + good[at + 1:], good[:at] + ("x" if good[at] != "x" else "y") + good[at + 1:],
                     good[:at] + good[at].upper() + good[at + 1:], good[:at] + "." + good[at:]):
            if text != good:
                count += 1
                wrong += [text] if psk.handshakes(provider.mid_port, text, kmr.psk()) else []
    for text in ("x", "mr3", good + ".", good + ".1", good + "0", good * 20, "mc" + good[2:], " " + good):
        count += 1
        wrong += [text] if psk.handshakes(provider.mid_port, text, kmr.psk()) else []
    report.ok(not wrong, f"{count} identities that are not it", wrong)
    report.ok(psk.handshakes(provider.mid_port, good, kmr.psk()), "the identity itself is taken")


# ---- tokens of applications ----

def tokens(report, bed):
    """Bearer tokens of applications with every character altered."""
    token = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"
    path = secure.secret_file(bed.path("tokens"), f"meterApp {hashlib.sha256(token.encode()).hexdigest()}\n")
    provider = Provider(bed, settings={"issuers": {"tokens": path}})
    port = secure.pick_port()
    provider.listeners += ", " + listener(port, "none", ["mia"], issuer="proved")
    provider.write_config()
    provider.start()
    number = 0

    def get(authorization):
        nonlocal number
        number += 1
        client = Client("127.0.0.1", port, None, source=(f"127.0.3.{1 + number % 250}", 0))
        try:
            return client.request("GET", "/m2m", headers={} if authorization is None else {"Authorization": authorization})
        finally:
            client.close()
    good = get(f"Bearer {token}")
    report.equal(good.status, 200, "the token is taken", lambda: repr(good))
    seen = {}
    for at in range(0, len(token), 1 if reports.LONG else 3):
        for text in (token[:at] + token[at + 1:], token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:],
                     token[:at] + token[at].swapcase() + token[at + 1:], token[:at] + "=" + token[at:]):
            if text != token:
                answer = get(f"Bearer {text}")
                seen.setdefault(repr(bare(answer)), []).append(text)
    for text in ("Bearer", "Bearer ", f"Bearer  {token} x", f"Basic {token}", token, f"Bearer {token}\t{token}",
                 "Bearer " + "A" * 5000):
        answer = get(text)
        if answer.status < 400:
            seen.setdefault(repr(bare(answer)), []).append(text)
    report.ok(len(seen) == 1 and not next(iter(seen)).startswith("(2"), f"{number} altered tokens: refused, one answer",
              lambda: {k: v[:3] for k, v in seen.items()})
    answer = client_of_nobody(port)
    report.ok(answer.status in (401, 403), "no token", lambda: repr(answer))


def client_of_nobody(port):
    """A request in somebody's name without a token."""
    client = Client("127.0.0.1", port, "http://127.0.0.1/e2e", source=("127.0.4.1", 0))
    try:
        return client.get("/m2m")
    finally:
        client.close()


# ---- what a node is given ----

def imported_documents(report, bed):
    """Credentials that are imported, with every element altered or missing."""
    provider = Provider(bed)
    node = secure.Node(bed, "gscl", provider)
    kmr = secure.Kmr(os.urandom(32), "01bcad98" + "5" * 24, 1)
    good = bootstrap_set(kmr, node.scl_id, provider.mid_base, now_plus(86400))
    elements = re.findall(r"<((?:m2m:)?\w+)>[^<]*</\1>", good)
    wrong, count = [], 0

    def refused(text, what):
        path = secure.secret_file(bed.path("given.xml"), text)
        done = node.import_credentials(path)
        if done.returncode != 1 or not done.stderr.strip():
            wrong.append((what, done.returncode, done.stderr[-200:]))
        if kmr.key.hex() in done.stderr + done.stdout:
            wrong.append((what, "the message has the key"))
    for name in dict.fromkeys(elements):
        pattern = rf"<{name}>([^<]*)</{name}>"
        optional = name.split(":")[-1] in ("securityMasFqdn", "sclId", "reference")
        for what, text in (("missing", ""), ("empty", f"<{name}></{name}>"), ("rubbish", f"<{name}>%$ x</{name}>"),
                           ("twice", r"\g<0>\g<0>"), ("a child", f"<{name}><x/></{name}>")):
            if optional and what == "missing":
                continue
            if name == "reference" and what in ("twice",):
                continue
            changed = re.sub(pattern, text, good, count=1)
            count += 1
            refused(changed, f"{name} {what}")
    for what, text in (("of the past", good.replace(now_plus(86400)[:4], "2001")),
                       ("another root", good.replace("bootstrapParamSet", "connectionParamSet")),
                       ("cut", good[:-30]), ("nothing", ""), ("not XML", "x" * 100),
                       ("a short key", good.replace(kmr.key.hex(), kmr.key.hex()[:-2])),
                       ("a long key", good.replace(kmr.key.hex(), kmr.key.hex() + "00")),
                       ("an index of 0", re.sub(r"(KmrIndex>)1<", r"\g<1>0<", good)),
                       ("a huge index", re.sub(r"(KmrIndex>)1<", r"\g<1>4294967296<", good)),
                       ("another SCL", good.replace(node.scl_id, "other.example.org")), ("two roots", good + good)):
        count += 1
        refused(text, what)
    report.ok(not wrong, f"{count} documents: exit status 1, a message, nothing stored", lambda: wrong)
    path = secure.secret_file(bed.path("given.xml"), good)
    done = node.import_credentials(path)
    report.equal(done.returncode, 0, "the good one is taken", done.stderr)
    with open(node.keystore, "rb") as file:
        kept = file.read()
    done = node.import_credentials(secure.secret_file(bed.path("given.xml"), good))
    with open(node.keystore, "rb") as file:
        report.ok(done.returncode == 1 and file.read() == kept, "the same index again is not", done.stderr)


if __name__ == "__main__":
    reports.run(four_refusals, bootstrap_parameters, certificates, connection_parameters, identities, tokens, imported_documents)
