# SPDX-License-Identifier: Apache-2.0
"""Resources most cases start from; made through the same interface the case tests."""

from . import xpath
from .sink import Sink

_NS = 'xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_AR = "<m2m:accessRightID>$ar</m2m:accessRightID>"


def _created(run, name, path, text, originator="$me"):
    """POST once per case; $name is the path of the new resource."""
    if name not in run.variables:
        answer = run.create(path, originator, text)
        location = answer.header("Location") or ""
        run.variables[name] = run.expand(path) + "/" + location.rstrip("/").rpartition("/")[2]
        return answer
    return None


def application(run):
    """$app: an application named $id that carries the access right of the run."""
    _created(run, "app", "$base/applications", f'<m2m:application {_NS} appId="$id">{_AR}</m2m:application>')


def container(run):
    """$c and $ci: container 'c' of the application, and its contentInstances."""
    application(run)
    _created(run, "c", "$app/containers", f'<m2m:container {_NS} m2m:id="c">{_AR}</m2m:container>')
    run.define("ci", "$c/contentInstances")


def location_container(run):
    """$lc: locationContainer 'lc' of the application, written by it."""
    application(run)
    _created(run, "lc", "$app/containers", f'<m2m:locationContainer {_NS} m2m:id="lc">{_AR}'
             "<m2m:locationContainerType>APPLICATION_GENERATED</m2m:locationContainerType></m2m:locationContainer>")


def scl(run):
    """$scl and $sclme: a registered gateway SCL and its requestingEntity (its link)."""
    if "sclid" not in run.variables:
        run.define("sclid", "$id.gw")
        run.define("sclme", "http://$id.gw.example.org:8181/m2m")
    _created(run, "scl", "$base/scls",
             f'<m2m:scl {_NS} sclId="$sclid"><m2m:link>$sclme</m2m:link>{_AR}'
             '<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>', "$sclme")


def group(run):
    """$g and $mc: group 'g' of the containers $c1 and $c2 of the application, and its membersContent."""
    application(run)
    for name in ("c1", "c2"):
        _created(run, name, "$app/containers", f'<m2m:container {_NS} m2m:id="{name}">{_AR}</m2m:container>')
    _created(run, "g", "$app/groups", f'<m2m:group {_NS} m2m:id="g">{_AR}<m2m:memberType>CONTAINER</m2m:memberType>'
             "<m2m:members><reference>$c1</reference><reference>$c2</reference></m2m:members></m2m:group>")
    run.define("mc", "$g/membersContent")


def subscription(run):
    """$sub: subscription 'sub' to the container; its notifications arrive at the sink 's'."""
    container(run)
    if "s" not in run.sinks:
        run.sinks["s"] = Sink([200], "text/plain", b"", 0.0)
        run.variables["s"] = run.options.sinks.open(f"/{run.variables['id']}/s", run.sinks["s"])
    _created(run, "sub", "$c/subscriptions",
             f'<m2m:subscription {_NS} m2m:id="sub"><m2m:contact>$s</m2m:contact></m2m:subscription>')


def _channel(run, name, path, element, originator):
    answer = _created(run, name, path, f'<m2m:{element} {_NS} m2m:id="ch"><m2m:channelType>LONG_POLLING'
                      f"</m2m:channelType></m2m:{element}>", originator)
    if answer:
        for variable, found in (("contact", "contactURI"), ("poll", "longPollingURI")):
            run.variables[variable] = xpath.text_of(xpath.select(answer.xml(), f"//m2m:{found}")[0])


def notification_channel(run):
    """$nc: notificationChannel 'ch' of the application; $contact and $poll are its URIs."""
    application(run)
    _channel(run, "nc", "$app/notificationChannels", "notificationChannel", "$me")


def communication_channel(run):
    """$cc: communicationChannel 'ch' of the scl; $contact and $poll are its URIs."""
    scl(run)
    _channel(run, "cc", "$scl/communicationChannels", "communicationChannel", "$sclme")


def mgmt_obj(run):
    """$mo: mgmtObj in applications/mgmtObjs, of type EtsiDeviceInfo; scls/mgmtObjs is the SCL's own device."""
    _created(run, "mo", "$base/applications/mgmtObjs",
             f'<m2m:mgmtObj {_NS} xsi:type="m2m:EtsiDeviceInfo" m2m:id="$id-mo">{_AR}<m2m:moID>etsiDeviceInfo</m2m:moID>'
             "<m2m:originalMO>Device.DeviceInfo.</m2m:originalMO><m2m:parametersCollection/>"
             "<m2m:manufacturer>Example</m2m:manufacturer></m2m:mgmtObj>")


def mgmt_cmd(run):
    """$cmd: mgmtCmd REBOOT in applications/mgmtObjs, which restarts nothing."""
    _created(run, "cmd", "$base/applications/mgmtObjs",
             f'<m2m:mgmtCmd {_NS} m2m:id="$id-cmd">{_AR}<m2m:cmdType>REBOOT</m2m:cmdType>'
             "<m2m:execEnable>$base/applications/mgmtObjs/$id-cmd/execEnable</m2m:execEnable></m2m:mgmtCmd>")


def attached_device(run):
    """$ad: attachedDevice 'ad' of the scl."""
    scl(run)
    _created(run, "ad", "$scl/attachedDevices", f'<m2m:attachedDevice {_NS} m2m:id="ad">{_AR}</m2m:attachedDevice>',
             "$sclme")


# Name in a case: function, variables it sets.
FIXTURES = {
    "application": (application, ("app",)),
    "container": (container, ("app", "c", "ci")),
    "locationContainer": (location_container, ("app", "lc")),
    "scl": (scl, ("sclid", "sclme", "scl")),
    "group": (group, ("app", "c1", "c2", "g", "mc")),
    "subscription": (subscription, ("app", "c", "ci", "s", "sub")),
    "notificationChannel": (notification_channel, ("app", "nc", "contact", "poll")),
    "communicationChannel": (communication_channel, ("sclid", "sclme", "scl", "cc", "contact", "poll")),
    "mgmtObj": (mgmt_obj, ("mo",)),
    "mgmtCmd": (mgmt_cmd, ("cmd",)),
    "attachedDevice": (attached_device, ("sclid", "sclme", "scl", "ad")),
}
