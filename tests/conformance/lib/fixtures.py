# SPDX-License-Identifier: Apache-2.0
"""Resources most cases start from; made through the same interface the case tests."""

_NS = 'xmlns:m2m="http://uri.etsi.org/m2m"'


def application(run):
    """$app: an application named $id that carries the access right of the run."""
    run.create("$base/applications", "$me",
               f'<m2m:application {_NS} appId="$id"><m2m:accessRightID>$ar</m2m:accessRightID></m2m:application>')
    run.define("app", "$base/applications/$id")


def container(run):
    """$c and $ci: container 'c' of the application, and its contentInstances."""
    application(run)
    run.create("$app/containers", "$me",
               f'<m2m:container {_NS} m2m:id="c"><m2m:accessRightID>$ar</m2m:accessRightID></m2m:container>')
    run.define("c", "$app/containers/c")
    run.define("ci", "$c/contentInstances")


def scl(run):
    """$scl and $sclme: a registered gateway SCL and its requestingEntity (its link)."""
    run.define("sclid", "$id.gw")
    run.define("sclme", "http://$id.gw.example.org:8181/m2m")
    run.create("$base/scls", "$sclme",
               f'<m2m:scl {_NS} sclId="$sclid"><m2m:link>$sclme</m2m:link><m2m:accessRightID>$ar</m2m:accessRightID>'
               '<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>')
    run.define("scl", "$base/scls/$sclid")


FIXTURES = {"application": application, "container": container, "scl": scl}
