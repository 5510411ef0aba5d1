#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The npm package coap against nscl: create, read, blocks both ways, observe."""

import json
import subprocess
import threading

from lib import npm, xml
from lib import report as reports
from lib.coap import CoapDaemon

PLACE = "/m2m/applications/npm/containers/c/contentInstances"
SECONDS = 30


class Run:
    """The client as a process; steps by name."""

    def __init__(self, directory, base):
        self.process = subprocess.Popen(["node", "client.mjs", base, PLACE, PLACE + "/latest"], cwd=directory,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.late = threading.Timer(SECONDS, self.process.kill)
        self.late.start()
        self.steps, self.observed = {}, []

    def read(self, until):
        """Takes steps until one of that name has come; False at the end."""
        for line in self.process.stdout:
            step = json.loads(line)
            self.steps[step["step"]] = step
            if step["step"] == "observed":
                self.observed.append(step["payload"])
            if step["step"] == until:
                return True
        return False

    def close(self):
        """What it said of errors, after its end."""
        self.late.cancel()
        self.process.kill()
        return self.process.communicate()[1].decode(errors="replace")


def everything(report, bed):
    """create, read, blocks, observe."""
    directory, why = npm.installed("npm", "coap")
    if directory is None:
        report.skip("the npm package coap", why)
        return
    daemon = CoapDaemon(bed).start()
    client = daemon.client()
    client.create("/m2m/applications", xml.application("npm"))
    client.create("/m2m/applications/npm/containers", xml.container("c", 1000, 10**7))
    run = Run(directory, f"coap://127.0.0.1:{daemon.coap_port}")
    watching = run.read("observed")
    client.create(PLACE, xml.instance("npm between"))
    client.create(PLACE, xml.instance("npm end"))
    while watching and "npm end" not in run.observed[-1]:
        watching = run.read("observed")
    said = run.close()
    for name, code in (("create", "2.01"), ("read", "2.05"), ("absent", "4.04"), ("create in blocks", "2.01"),
                       ("read in blocks", "2.05"), ("delete", "2.02")):
        report.equal(run.steps.get(name, {}).get("code"), code, f"npm: {name}", f"{run.steps}\n{said}")
    report.ok("npm one" in run.steps.get("read", {}).get("payload", ""), "npm: what was created is read", run.steps)
    report.ok(run.steps.get("read in blocks", {}).get("size", 0) > 5000, "npm: all of a large one is read", run.steps)
    made = client.get(PLACE + "/large")
    report.ok(b"npm large " + b"n" * 5000 in made.body, "npm: all of a large one is there", made)
    report.ok(run.observed and "npm end" in run.observed[-1], "npm: the final state is observed", f"{run.observed}\n{said}")
    report.ok(len(run.observed) > 1, "npm: by notifications", run.observed)
    client.close()


if __name__ == "__main__":
    reports.run(everything)
