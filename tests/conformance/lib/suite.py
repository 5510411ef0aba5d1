# SPDX-License-Identifier: Apache-2.0
"""Runs many cases: one daemon per group or one given target, several cases at a time."""

import concurrent.futures
import dataclasses
import os
import threading
import time
import urllib.parse

from . import casefile, peers, release
from .client import connect
from .daemon import Daemon, DaemonError
from .execute import Run, StepFailed
from .expand import expand

DAEMONS = 6     # at a time, one per case group
_RIGHT = ('<m2m:accessRight xmlns:m2m="http://uri.etsi.org/m2m" m2m:id="{id}">{lists}</m2m:accessRight>')
_LIST = ('<m2m:{name}><m2m:permission m2m:id="all"><m2m:permissionFlags><m2m:flag>READ</m2m:flag>'
         '<m2m:flag>WRITE</m2m:flag><m2m:flag>CREATE</m2m:flag><m2m:flag>DELETE</m2m:flag>'
         '<m2m:flag>DISCOVER</m2m:flag></m2m:permissionFlags><m2m:permissionHolders><m2m:all/>'
         '</m2m:permissionHolders></m2m:permission></m2m:{name}>')


@dataclasses.dataclass
class Result:
    """Outcome of one case: passed, failed or skipped."""
    name: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    clauses: tuple = ()


class Target:
    """A running SCL, with the access right the cases of this run use."""

    def __init__(self, url, number, context=None, daemon=None, opened=None):
        self.url, self.context, self.daemon = url.rstrip("/"), context, daemon
        self.release, self.opened = release.RELEASES[number], opened or peers.Opened()
        self.run_id = "t" + os.urandom(4).hex()
        self.right = ""
        self.transport = urllib.parse.urlsplit(url).scheme.removesuffix("s")

    def open(self, originator):
        """Create the access right of the run; any failure makes every case pointless."""
        base = urllib.parse.urlsplit(self.url).path
        self.right = f"{base}/accessRights/{self.run_id}"
        lists = "".join(_LIST.format(name=n) for n in ("permissions", "selfPermissions"))
        body = _RIGHT.format(id=self.run_id, lists=lists).encode()
        answer = self._call("POST", f"{base}/accessRights", originator, body)
        if answer.status != 201:
            raise DaemonError(f"cannot create an accessRight on {self.url}: {answer.summary()}")

    def close(self, originator):
        """Delete the access right of the run."""
        self._call("DELETE", self.right, originator, b"")

    def _call(self, method, path, originator, body):
        client = connect(self.url, self.context)
        try:
            headers = [("From", originator), ("Content-Type", "application/xml")]
            return self.exchange(client, method, path, headers, body)
        finally:
            client.close()

    def exchange(self, client, method, target, headers, body):
        """A request in the terms of the release of the run, and its answer."""
        said = self.release
        out = said.headers(headers)
        answer = client.request(method, said.target(target), out, said.body(headers, body))
        answer.release = release.of_request(out)
        return answer

    def received(self, message):
        """What came from the SCL without being asked."""
        message.release = min(self.release.number, release.of_request(message.headers))
        return message

    def restart(self):
        """Stop and start the daemon on the same store and port."""
        self.daemon.stop()
        self.daemon.start()

    def variables(self, number, originator):
        """Variables every case starts with."""
        parts = urllib.parse.urlsplit(self.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        unique = f"{self.run_id}-{number}"
        me = originator or f"{self.url}/applications/{unique}"
        return {"base": parts.path, "root": self.url, "origin": origin, "hostport": parts.netloc,
                "schemes": self.transport + "s?", "id": unique, "ar": self.right, "runid": self.run_id,
                "other": f"{self.url}/applications/{unique}-other", "me": me, "mebasic": release.basic(me)}


class Suite:
    """Cases and how to run them; results in case order."""

    def __init__(self, cases, options):
        self.cases, self.options = cases, options
        self.results, self.documents = {}, []
        self.lock = threading.Lock()
        self.left_out = 0
        self.heard = {}         # of both.py: by name of a case its run
        self.http = options.transport == "http" and options.sinks.origin.startswith("http:")
        self.places = threading.Semaphore(options.concurrency)

    def run(self):
        """Run everything; returns the results."""
        runnable = []
        for case in self.cases:
            reason = self._skip_reason(case)
            if reason:
                self._store(case, "skipped", reason)
            elif case.http_only and not self.http:
                self._store(case, "HTTP-only", case.http_only)
            else:
                runnable.append(case)
        if self.options.target:
            self._guarded(Target(self.options.target, self.options.release, self.options.context), runnable)
        else:
            with concurrent.futures.ThreadPoolExecutor(DAEMONS) as pool:
                list(pool.map(self._run_group, self._groups(runnable)))
        return [self.results[c.name] for c in self.cases]

    def _skip_reason(self, case):
        if case.kinds and self.options.kind not in case.kinds:
            return f"not for {self.options.kind}"
        if case.coap_only and self.options.transport != "coap":
            return "of CoAP alone"
        reason = release.reason(case, self.options.release)
        if reason:
            return reason
        if case.has(casefile.UPSTREAM) and self.options.kind == "nscl":
            return "an nscl registers nowhere"
        if case.slow and not self.options.slow:
            return "slow"
        if set(case.tags) & set(self.options.skip_tag):
            return "tag " + " ".join(case.tags)
        if self.options.target and (case.options() or case.has("restart")):
            return "needs a daemon of its own"
        if case.has("restart") and self.options.engine == "memory":
            return "needs a store that survives a restart"
        return ""

    @staticmethod
    def _groups(cases):
        """Cases that share a daemon; what takes long begins first."""
        groups = {}
        for case in cases:
            groups.setdefault(case.group, []).append(case)
        return sorted(groups.values(), key=lambda g: (not any(c.slow for c in g), -len(g)))

    def _run_group(self, cases):
        opened = peers.open_upstream(cases[0], self.options.sinks)
        daemon = Daemon(self.options.daemon, self.options.kind, self.options.engine,
                        [expand(o, opened.variables) for o in cases[0].options()], self.options.transport)
        try:
            daemon.start()
            self._guarded(Target(daemon.url, self.options.release, None, daemon, opened), cases)
        except (DaemonError, OSError) as error:
            self._fail_all(cases, str(error))
        finally:
            self._close(daemon, cases)

    def _close(self, daemon, cases):
        try:
            daemon.close()
        except DaemonError as error:
            self._fail_all(cases[-1:], f"stopping the daemon: {error}")

    def _guarded(self, target, cases):
        originator = self.options.originator or target.url + "/applications/conformance"
        try:
            target.open(originator)
            self._run_cases(target, cases)
            target.close(originator)
        except (DaemonError, OSError) as error:
            self._fail_all(cases, str(error) + self._death(target))

    def _fail_all(self, cases, reason):
        """What has not failed yet fails for this reason, which is told in full once."""
        for case in cases:
            if case.name not in self.results or self.results[case.name].outcome == "passed":
                self._store(case, "failed", reason)
                reason = reason.partition("\n")[0]

    def _run_cases(self, target, cases):
        together = [c for c in cases if not (c.exclusive or c.has("restart"))]
        with concurrent.futures.ThreadPoolExecutor(self.options.concurrency) as pool:
            list(pool.map(lambda c: self._run_case(target, c), together))
        for case in cases:
            if case not in together:
                self._run_case(target, case)

    def _run_case(self, target, case):
        number = f"{self.cases.index(case) + 1:03}"     # of the same length in every run
        with self.places:
            started = time.monotonic()
            run = Run(case, target, target.variables(number, self.options.originator), self.options)
            try:
                run.execute()
                outcome, reason = "passed", ""
            except StepFailed as error:
                outcome, reason = "failed", str(error) + self._death(target)
            run.cleanup()
        with self.lock:
            self.documents += [(case.name, *found) for found in run.documents]
            self.left_out += run.left_out
            if self.options.keep:
                self.heard[case.name] = run
        self._store(case, outcome, reason, time.monotonic() - started)

    @staticmethod
    def _death(target):
        process = target.daemon.process if target.daemon else None
        if process and process.poll() is not None:
            return f"\nthe daemon ended with code {process.returncode}\n{target.daemon.log_tail()}"
        return ""

    def _store(self, case, outcome, reason, seconds=0.0):
        result = Result(case.name, outcome, reason, seconds, tuple(case.clauses))
        with self.lock:
            self.results[case.name] = result
            if outcome == "failed" or self.options.verbose:
                print(f"{outcome:7} {case.name}" + (f": {reason}" if reason else ""), flush=True)

    def fail(self, name, reason):
        """Turn a result into a failure after the run (schema check)."""
        result = self.results[name]
        if result.outcome == "passed":
            result.outcome, result.reason = "failed", reason
        else:
            result.reason += "; " + reason
        print(f"failed  {name}: {reason}", flush=True)
