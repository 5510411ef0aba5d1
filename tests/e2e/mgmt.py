#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Device management of a gscl, at itself and through its nscl: facts, packages, commands, restarts."""

import functools
import http.server
import os
import signal
import subprocess
import threading

from lib import report as reports
from lib import xml
from lib.bed import BUILD, wait_for
from lib.daemon import Daemon

MANAGER = "http://127.0.0.1/manager"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
OWN = "/m2m/scls/mgmtObjs"
# Tells what it was called with; a file fail-ACTION makes it fail, hang-ACTION hang until there is a file go.
SCRIPT = """d=$1 action=$2 name=$3 file=$4 version=$5
content=; test -z "$file" || content=`cat "$file"`
echo "$action $name $version $content" >>$d/calls
if test -e $d/hang-$action; then : >$d/begun; while ! test -e $d/go; do sleep 0.02; done; fi
test ! -e $d/fail-$action
"""


class World:
    """nscl and gscl, registered; the directory of packages, the key and the command."""

    def __init__(self, bed, gscl_extra=""):
        self.bed, self.directory = bed, bed.path("device")
        os.makedirs(os.path.join(self.directory, "packages"), exist_ok=True)
        self.write("script", SCRIPT)
        self.key("key")
        self.nscl = Daemon(bed, "nscl", options=("lifetime.min=1",)).start()
        self.gscl = Daemon(bed, "gscl", nscl=self.nscl, lifetime=60, options=("lifetime.min=1",), extra=f"""
rem = {{ managers = [ "{MANAGER}" ]; package_key = "{self.path('key.pub')}";
    software_directory = "{self.path('packages')}"; firmware_directory = "{self.path('packages')}";
    software_command = [ "/bin/sh", "{self.path('script')}", "{self.directory}" ];
    firmware_command = [ "/bin/sh", "{self.path('script')}", "{self.directory}" ];
    command_timeout = "30 s"; refresh = "1 s"; {gscl_extra} }};""").start()
        if self.gscl.registered_at(self.nscl) is None:
            raise AssertionError("gscl does not register")
        self.device, self.server = self.gscl.client(MANAGER), self.nscl.client()
        self.copies = f"/m2m/scls/{self.gscl.scl_id}/mgmtObjs"

    def path(self, name):
        """A path of the device's directory."""
        return os.path.join(self.directory, name)

    def write(self, name, content):
        """A file of it."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content)

    def read(self, name):
        """Content of a file, empty without."""
        try:
            with open(self.path(name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def calls(self):
        """Lines that the command has written."""
        return self.read("calls").splitlines()

    def key(self, name):
        """An Ed25519 key pair, name and name.pub."""
        for command in (["genpkey", "-algorithm", "ed25519", "-out", self.path(name)],
                        ["pkey", "-in", self.path(name), "-pubout", "-out", self.path(name + ".pub")]):
            subprocess.run(["openssl"] + command, check=True, capture_output=True)

    def package(self, name, content, version, key="key"):
        """A signed package in the directory."""
        self.write("packages/" + name, content)
        tool = os.path.join(BUILD, "common", "cli", "openscl-sign")
        subprocess.run([tool, self.path(key), str(version), self.path("packages/" + name)], check=True)

    def instance(self, kind, name, url):
        """A FwInstance or SwInstance with its actions, made at the device; its path."""
        fw = kind == "firmware"
        status = "" if fw else ("<m2m:swActionStatus><action>x</action><progress>0</progress>"
                                "<finalStatus>FAILURE</finalStatus></m2m:swActionStatus>")
        body = (f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:{"Fw" if fw else "Sw"}Instance" m2m:id="{name}-i">'
                f"<m2m:parametersCollection/><m2m:{kind}Name>{name}</m2m:{kind}Name><m2m:{kind}Version>0</m2m:{kind}Version>"
                f"<m2m:{kind}URL>{url}</m2m:{kind}URL>{status}</m2m:parameters>")
        path = self.device.create(f"{OWN}/{kind}", body)
        action = "FirmwareAction" if fw else "SoftwareAction"
        self.device.create(path, f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:{action}" m2m:id="a">'
                                 "<m2m:parametersCollection/></m2m:parameters>")
        return path


def ended(world, what, number):
    """Waits until so many orders of that name have ended at the device."""
    return wait_for(lambda: world.gscl.log().count(f" what={what} ") >= number)


def execute(world, client, path, what, number):
    """EXECUTE of an action that is the number-th of its name; HTTP status."""
    answer = client.post(f"{path}/{what}", None)
    if answer.status == 204:
        ended(world, what, number)
    return answer.status


def final(client, holder):
    """finalStatus of the holder of an ActionStatus."""
    return xml.text(client.get(holder).xml(), "finalStatus")


def installed(world, kind, name):
    """Version that the device tells of a package, or None."""
    answer = world.device.get(f"{OWN}/{kind}/{name}")
    return xml.text(answer.xml(), f"{kind}Version") if answer.status == 200 else None


def facts(report, bed):
    """The device tells of itself, and its copies at the NSCL say the same."""
    world = World(bed)
    own = wait_for(lambda: xml.names(world.device.get(OWN).xml(), "mgmtObjCollection"))
    report.ok({"deviceInfo", "memory", "reboot", "performanceLog", "sclMo", "firmware", "software"} <= set(own),
              "the own management objects", own)
    copies = wait_for(lambda: (lambda n: n if set(own) <= set(n) else None)(
        xml.names(world.server.get(world.copies).xml(), "mgmtObjCollection")))
    report.ok(copies, "their copies at nscl")
    info = world.device.get(f"{OWN}/deviceInfo").xml()
    copy = world.server.get(f"{world.copies}/deviceInfo").xml()
    for field in ("softwareVersion", "firmwareVersion", "hardwareVersion"):
        report.ok(xml.text(info, field) and xml.text(info, field) == xml.text(copy, field), f"{field} here and there")
    report.equal(xml.text(copy, "originalMO"), f"{world.gscl.base}/scls/mgmtObjs/deviceInfo", "originalMO of the copy")
    report.equal(world.gscl.client("http://127.0.0.1/stranger").get(OWN).status, 404, "a stranger sees nothing at gscl")
    label = f"<m2m:deviceLabel {xml.NS}>hall</m2m:deviceLabel>"
    report.equal(world.server.put(f"{world.copies}/deviceInfo/deviceLabel", label).status, 204, "UPDATE of a copy")
    report.equal(xml.text(world.device.get(f"{OWN}/deviceInfo").xml(), "deviceLabel"), "hall", "reaches the device")
    label = f"<m2m:softwareVersion {xml.NS}>9</m2m:softwareVersion>"
    report.equal(world.server.put(f"{world.copies}/deviceInfo/softwareVersion", label).status, 403,
                 "what the device refuses is refused at nscl")
    registration(report, world)
    device_down(report, world)


def registration(report, world):
    """EtsiSclMo drives the registration."""
    duration = f"<m2m:regExpirationDuration {xml.NS}>PT5M</m2m:regExpirationDuration>"
    report.equal(world.server.put(f"{world.copies}/sclMo/regExpirationDuration", duration).status, 204,
                 "EtsiSclMo is changed through nscl")
    tags = (f"<m2m:regSearchStrings {xml.NS}><m2m:searchString>managed</m2m:searchString></m2m:regSearchStrings>")
    report.equal(world.device.put(f"{OWN}/sclMo/regSearchStrings", tags).status, 204, "and at the device")
    report.equal(world.server.post(f"{world.copies}/sclMo/sclMoAction/reRegistration", None).status, 204,
                 "reRegistration through nscl")
    seen = wait_for(lambda: "managed" in xml.texts(
        world.nscl.client(world.gscl.base).get(f"/m2m/scls/{world.gscl.scl_id}").xml(), "searchString"))
    report.ok(seen, "the registration has the new searchStrings", world.gscl.log_tail())
    ended(world, "reRegistration", 1)
    report.equal(world.device.post(f"{OWN}/sclMo/sclMoAction/deRegistration", None).status, 204, "deRegistration")
    gone = wait_for(lambda: world.nscl.client(world.gscl.base).get(f"/m2m/scls/{world.gscl.scl_id}").status == 404)
    report.ok(gone, "the scl is gone")
    ended(world, "deRegistration", 1)
    report.equal(world.device.post(f"{OWN}/sclMo/sclMoAction/reRegistration", None).status, 204, "and again")
    report.ok(world.gscl.registered_at(world.nscl) is not None, "registered again", world.gscl.log_tail())
    report.ok(wait_for(lambda: world.server.get(f"{world.copies}/software").status == 200), "the copies are back")


def device_down(report, world):
    """What cannot reach the device fails and changes nothing."""
    world.gscl.kill()
    label = f"<m2m:deviceLabel {xml.NS}>lost</m2m:deviceLabel>"
    for _ in range(2):
        report.ok(world.server.put(f"{world.copies}/deviceInfo/deviceLabel", label).status in (502, 504),
                  "UPDATE while the device is down")
    report.equal(world.server.post(f"{world.copies}/reboot/rebootAction/reboot", None).status in (502, 504), True,
                 "EXECUTE while the device is down")
    report.equal(xml.text(world.server.get(f"{world.copies}/deviceInfo").xml(), "deviceLabel"), "hall",
                 "the copy is unchanged")
    world.gscl.start()


def packages(report, bed):
    """Signed packages: installed, refused, rolled back."""
    world = World(bed)
    world.package("app-1.bin", "one", 1)
    path = world.instance("software", "app", "file:app-1.bin")
    n = 0

    def install(what="swInstall"):
        nonlocal n
        n += 1
        status = execute(world, world.device, f"{path}/a", what, n)
        return status, final(world.device, path)
    report.equal(install(), (204, "SUCCESS"), "a signed package is installed")
    report.ok(wait_for(lambda: installed(world, "software", "app") == "1"), "the device tells of it")
    report.equal(world.calls(), ["install app 1 one"], "the command got the package")
    report.equal(install(), (204, "FAILURE"), "the same version is refused")

    def url(name):
        body = f"<m2m:softwareURL {xml.NS}>{name}</m2m:softwareURL>"
        report.equal(world.device.put(f"{path}/softwareURL", body).status, 204, f"softwareURL {name}")
    for name, why in (("app-2.bin", "tampered"), ("app-3.bin", "unsigned"), ("app-4.bin", "signed by another key")):
        world.key("other")
        world.package(name, "content of " + why, 9, "other" if "another" in why else "key")
        if why == "tampered":
            world.write("packages/" + name, "something else")
        elif why == "unsigned":
            os.unlink(world.path(f"packages/{name}.sig"))
        url("file:" + name)
        report.equal(install(), (204, "FAILURE"), f"a package that is {why} is refused")
    for hostile in ("file:../key", "file:/etc/passwd", "file:app-1.bin;id", "ftp://x.example.org/app", "file:"):
        url(hostile)
        report.equal(install(), (204, "FAILURE"), f"{hostile} is refused")
    os.symlink(world.path("packages/app-1.bin"), world.path("packages/link"))
    os.symlink(world.path("packages/app-1.bin.sig"), world.path("packages/link.sig"))
    url("file:link")
    report.equal(install(), (204, "FAILURE"), "a symbolic link is refused")
    report.equal(world.calls(), ["install app 1 one"], "none of that reached the command")
    world.package("app-5.bin", "five", 5)
    world.write("fail-install", "")
    url("file:app-5.bin")
    report.equal(install(), (204, "FAILURE"), "a failing installation")
    report.equal(world.calls()[-2:], ["install app 5 five", "rollback app 1 one"], "is rolled back with the old package")
    report.equal(installed(world, "software", "app"), "1", "the old one is installed")
    os.unlink(world.path("fail-install"))
    report.equal(install(), (204, "SUCCESS"), "the next trial succeeds")
    report.ok(wait_for(lambda: installed(world, "software", "app") == "5"), "and is told of")
    killed(report, world, path, url, n + 1)


def killed(report, world, path, url, n):
    """SIGKILL in the middle of an installation."""
    world.package("app-6.bin", "six", 6)
    world.write("hang-install", "")
    url("file:app-6.bin")
    report.equal(world.device.post(f"{path}/a/swInstall", None).status, 204, "an installation begins")
    report.ok(wait_for(lambda: os.path.exists(world.path("begun"))), "the command runs")
    world.gscl.kill()
    world.write("go", "")
    os.unlink(world.path("hang-install"))
    world.gscl.start()
    world.device.close()
    report.ok(wait_for(lambda: world.calls()[-1:] == ["rollback app 5 five"]), "the next run rolls it back", world.calls)
    report.ok(wait_for(lambda: installed(world, "software", "app") == "5"), "the old one is installed")
    report.ok(ended(world, "swInstall", n), "the action has ended")
    report.equal(final(world.device, path), "FAILURE", "as a failure")
    report.equal(world.device.post(f"{path}/a/swInstall", None).status, 204, "it can be tried again")
    report.ok(wait_for(lambda: installed(world, "software", "app") == "6"), "which succeeds", world.gscl.log_tail())


def command(world, client, place, kind, args=(), name="c"):
    """Makes a mgmtCmd and executes it; path of the execInstance."""
    inner = "".join(f"<execReqArg><name>{k}</name><value>{v}</value></execReqArg>" for k, v in args)
    right = "" if place == OWN else f"<m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID>"
    path = client.create(place, f'<m2m:mgmtCmd {xml.NS} m2m:id="{name}">{right}<m2m:cmdType>{kind}</m2m:cmdType>'
                                f"<m2m:execEnable>x</m2m:execEnable><m2m:execReqArgs>{inner}</m2m:execReqArgs></m2m:mgmtCmd>")
    del world
    return client.post(path + "/execEnable", None).location


def finished(client, instance):
    """Waits until the execInstance is FINISHED; its items, or None."""
    def look():
        answer = client.get(instance)
        return answer.xml() if answer.status == 200 and xml.text(answer.xml(), "execStatus") == "FINISHED" else None
    document = wait_for(look)
    return None if document is None else dict(zip(xml.texts(document, "name"), xml.texts(document, "value")))


def commands(report, bed):
    """mgmtCmd at the device and, over mId, at the nscl."""
    world = World(bed)
    for place, client, where in ((OWN, world.device, "gscl"), (world.copies, world.server, "nscl")):
        for kind, args, error in (("RESET", (), "not allowed"), ("UPLOAD", (("URL", "file:///etc/passwd"),), "http"),
                                  ("DOWNLOAD", (("FileType", "$(reboot)"),), "FileType"),
                                  ("CHANGEDUSTATE", (("OperationType", "Install"), ("Name", "../../x"),
                                                     ("URL", "file:x")), "name")):
            items = finished(client, command(world, client, place, kind, args, f"cmd-{kind}-{where}"))
            report.ok(items and error in items.get("error", ""), f"{where}: {kind} with hostile arguments ends with an error",
                      items)
    cancelled(report, world)
    software(report, world)
    fetched(report, world)
    restarts(report, world)


def cancelled(report, world):
    """Cancelling over mId."""
    client = world.server

    def at_device():
        """Those that nscl has made there, and removes again."""
        return [n for n in xml.names(world.device.get(OWN).xml(), "mgmtCmdCollection") if not n.startswith("cmd-")]
    wait_for(lambda: not at_device())
    instance = command(world, client, world.copies, "SCHEDULEINFORM", (("DelaySeconds", "3600"),), "cmd-later")
    started = wait_for(lambda: xml.text(client.get(instance).xml(), "execStatus") == "STARTED")
    report.ok(started, "nscl: a command is STARTED", lambda: client.get(instance))
    report.ok(wait_for(lambda: len(at_device()) == 1), "the device has it, too")
    report.equal(client.post(instance + "/execDisable", None).status, 204, "nscl: it is cancelled")
    items = finished(client, instance)
    report.ok(items and "cancelled" in items.get("error", ""), "nscl: FINISHED says so", items)
    report.equal(client.post(instance + "/execDisable", None).status, 403, "nscl: a second time is refused")
    report.ok(wait_for(lambda: not at_device()), "the device has it no more", at_device)


def software(report, world):
    """CHANGEDUSTATE at nscl installs at the device."""
    world.package("tool", "tool one", 3)
    items = finished(world.server, command(world, world.server, world.copies, "CHANGEDUSTATE", (
        ("OperationType", "Install"), ("Name", "tool"), ("URL", "file:tool")), "cmd-install"))
    report.equal(items, {"result": "done"}, "nscl: CHANGEDUSTATE installs at the device")
    report.equal(world.calls()[-1:], ["install tool 3 tool one"], "by the command")
    copy = f"{world.copies}/software/tool"
    report.ok(wait_for(lambda: world.server.get(copy).status == 200), "nscl: the copy of it appears")
    report.equal(world.server.post(f"{copy}/softwareAction/swActivate", None).status, 204, "nscl: swActivate of the copy")
    report.ok(wait_for(lambda: world.calls()[-1:] == ["activate tool 3 tool one"]), "reaches the device")
    report.ok(wait_for(lambda: xml.text(world.server.get(copy).xml(), "finalStatus") == "SUCCESS" and xml.text(
        world.server.get(copy).xml(), "action", "").endswith("/swActivate")), "nscl: its status tells")


def fetched(report, world):
    """A package by http: its instance is made at nscl, it is fetched and installed by the device."""
    world.package("remote", "from afar", 4)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(
        Quiet, directory=world.path("packages")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    body = (f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:FwInstance" m2m:id="fetch"><m2m:parametersCollection/>'
            "<m2m:firmwareName>remote</m2m:firmwareName><m2m:firmwareVersion>0</m2m:firmwareVersion>"
            f"<m2m:firmwareURL>{origin}/remote</m2m:firmwareURL></m2m:parameters>")
    answer = world.server.post(f"{world.copies}/firmware", body)
    report.equal(answer.status, 201, "nscl: CREATE below a copy", answer)
    copy = f"{world.copies}/firmware/fetch"
    report.equal(world.device.get(f"{OWN}/firmware/fetch").status, 200, "reaches the device")
    report.equal(xml.text(world.server.get(copy).xml(), "originalMO"), f"{world.gscl.base}/scls/mgmtObjs/firmware/fetch",
                 "nscl: originalMO of the new copy")
    world.server.create(copy, f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:FirmwareAction" m2m:id="a">'
                              "<m2m:parametersCollection/></m2m:parameters>")

    def act(what, want, name):
        report.equal(world.server.post(f"{copy}/a/{what}", None).status, 204, f"nscl: {what} {name}")
        report.ok(ended(world, what, 1), f"{what} ends")
        told = wait_for(lambda: (lambda d: xml.text(d, "action", "").endswith(f"{copy}/a/{what}") and xml.text(
            d, "finalStatus") == want)(world.server.get(copy).xml()))
        report.ok(told, f"nscl: its status is {want}", lambda: world.server.get(copy))
    act("fwUpdate", "FAILURE", "before the download")
    act("fwDownloadAndUpdate", "SUCCESS", "by http")
    report.equal(world.calls()[-1:], ["install remote 4 from afar"], "the command got what was fetched")
    report.ok(wait_for(lambda: installed(world, "firmware", "remote") == "4"), "the device tells of it")
    world.write("packages/remote", "tampered")
    act("fwDownload", "FAILURE", "of a tampered package")
    server.shutdown()
    server.server_close()
    act("fwRemove", "SUCCESS", "")
    report.equal(world.calls()[-1:], ["remove remote 4 from afar"], "the command removed it")
    report.equal(world.server.delete(copy).status, 204, "nscl: DELETE of the copy")
    report.equal(world.device.get(f"{OWN}/firmware/fetch").status, 404, "reaches the device")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files without a log."""

    def log_message(self, *args):
        """Says nothing."""


def restarts(report, world):
    """REBOOT restarts the daemon in the same process."""
    pid, n = world.gscl.pid, world.gscl.log().count("event=started")
    report.equal(world.device.post(f"{OWN}/reboot/rebootAction/reboot", None).status, 204, "EXECUTE of reboot")
    report.ok(wait_for(lambda: world.gscl.log().count("event=started") == n + 1), "the daemon has begun again",
              world.gscl.log_tail())
    world.device.close()
    report.ok(world.gscl.alive() and world.gscl.pid == pid, "in the same process")
    report.ok(wait_for(lambda: final(world.device, f"{OWN}/reboot") == "SUCCESS"), "the status says so")
    items = finished(world.server, command(world, world.server, world.copies, "REBOOT", (), "cmd-reboot"))
    report.equal(items, {}, "nscl: REBOOT over mId")
    report.equal(world.gscl.log().count("event=started"), n + 2, "the daemon has begun again")
    world.device.close()
    report.ok(world.nscl.client(world.gscl.base).get(f"/m2m/scls/{world.gscl.scl_id}").status == 200,
              "its registration has stayed")


def resets(report, bed):
    """A factory reset empties the store and keeps what is installed."""
    world = World(bed, "factory_reset = true;")
    world.gscl.client().create("/m2m/applications", xml.application("kept"))
    n = world.gscl.log().count("event=started")
    report.equal(world.device.post(f"{OWN}/reboot/rebootAction/factoryReset", None).status, 204, "EXECUTE of factoryReset")
    report.ok(wait_for(lambda: world.gscl.log().count("event=started") == n + 1), "the daemon has begun again",
              world.gscl.log_tail())
    world.device.close()
    report.equal(world.gscl.client().get("/m2m/applications/kept").status, 404, "the store is empty")
    report.ok(wait_for(lambda: world.device.get(f"{OWN}/deviceInfo").status == 200), "the device tells of itself")
    report.ok(world.gscl.registered_at(world.nscl) is not None, "and is registered")
    code, _ = world.gscl.stop(signal.SIGTERM)
    report.equal(code, 0, "orderly end")


if __name__ == "__main__":
    reports.run(facts, packages, commands, resets)
