# SPDX-License-Identifier: Apache-2.0
"""A daemon under measurement and the requests that prepare it."""

import http.client
import os

from procs import BenchError, Server

NS = 'xmlns:m2m="http://uri.etsi.org/m2m"'
INSTANCE = (f'<m2m:contentInstance {NS} xmlns:xmime="http://www.w3.org/2005/05/xmlmime">'
            '<m2m:content xmime:contentType="text/plain"><m2m:textContent>21.5</m2m:textContent>'
            '</m2m:content></m2m:contentInstance>')
UNLIMITED = (2_000_000, 10**12)

CONFIG = """scl = {{ id = "{name}.example.org"; base = "m2m"; }};
store = {{ engine = "{engine}"; path = "{path}"; }};
{listeners}
access_rights = ( {{ id = "default";
  permissions = ( {{ id = "everyone"; flags = [ "READ", "WRITE", "CREATE", "DELETE", "DISCOVER" ];
    holders = {{ all = true; }}; }} );
  self_permissions = ( {{ id = "everyone"; flags = [ "READ" ]; holders = {{ all = true; }}; }} ); }} );
default_access_right = "default";
log = {{ level = "error"; }};
"""


LISTENERS = """listeners = ( { address = "127.0.0.1"; port = 0; security = "none"; serve = [ "mia", "mid" ]; } );
mid = { open_on_loopback = true; };"""
RIGHT = "<m2m:accessRightID>/m2m/accessRights/default</m2m:accessRightID>"


def application(app_id, tag=None):
    tags = ""
    if tag is not None:
        tags = f"<m2m:searchStrings><m2m:searchString>{tag}</m2m:searchString></m2m:searchStrings>"
    return f'<m2m:application {NS} appId="{app_id}">{RIGHT}{tags}</m2m:application>'


def container(name=None, limits=UNLIMITED):
    name = "" if name is None else f' m2m:id="{name}"'
    return (f'<m2m:container {NS}{name}>{RIGHT}<m2m:maxNrOfInstances>{limits[0]}</m2m:maxNrOfInstances>'
            f'<m2m:maxByteSize>{limits[1]}</m2m:maxByteSize></m2m:container>')


def subscription(contact):
    return f'<m2m:subscription {NS}><m2m:contact>{contact}</m2m:contact></m2m:subscription>'


class Daemon:
    """nscl, gscl or dscl with a data directory that survives a restart."""

    def __init__(self, ctx, program, engine, label, count_syncs=False):
        self.ctx = ctx
        self.name = f"{label}-{engine}"
        self.engine = engine
        self.dir = os.path.join(ctx.workdir, self.name)
        os.makedirs(self.dir, exist_ok=True)
        self.syncs = ctx.tools.sync_counter(self.name) if count_syncs else None
        self.program = ctx.program(program)
        self.config = os.path.join(self.dir, "daemon.conf")
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(self.configuration(program))
        self.server = None
        self.start()

    def configuration(self, program, listeners=LISTENERS):
        """Text of its file."""
        return CONFIG.format(name=program, engine=self.engine, path=os.path.join(self.dir, "store"),
                             listeners=listeners)

    def start(self):
        env = self.syncs.env if self.syncs else None
        argv = [self.program, "-c", self.config]
        for option in self.ctx.daemon_options:
            argv += ["-o", option]
        self.server = Server(argv, os.path.join(self.dir, "log"), env)

    def stop(self):
        self.server.stop()

    def restart(self):
        self.stop()
        self.start()
        return self.server.start_seconds

    @property
    def url(self):
        return self.server.url

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def session(self, port=None):
        return http.client.HTTPConnection("127.0.0.1", port or self.server.port, timeout=60)

    def request(self, method, path, body=None, session=None):
        """Status, header list and body of one answer."""
        own = session or self.session()
        headers = {"From": self.ctx.tools.from_uri}
        if body is not None:
            headers["Content-Type"] = "application/xml"
        own.request(method, path, body=body, headers=headers)
        answer = own.getresponse()
        result = answer.status, answer.getheaders(), answer.read()
        if session is None:
            own.close()
        return result

    def create(self, path, body, session=None):
        """Path of the created resource."""
        status, headers, text = self.request("POST", path, body, session)
        if status != 201:
            raise BenchError(f"POST {path}: {status} {text[:200]!r}")
        location = dict((k.lower(), v) for k, v in headers).get("location", "")
        return "/" + location.split("/", 3)[-1] if "://" in location else location

    def application(self, app_id, tag=None, session=None):
        self.create("/m2m/applications", application(app_id, tag), session)
        return f"/m2m/applications/{app_id}"

    def container(self, parent, name, limits=UNLIMITED, session=None):
        """Path of the contentInstances of a new container."""
        self.create(parent + "/containers", container(name, limits), session)
        return f"{parent}/containers/{name}/contentInstances"

    def subscribe(self, target, contact):
        return self.create(target + "/subscriptions", subscription(contact))

    def fill(self, paths, body, count):
        done = self.ctx.tools.load(self.url, 256, method="POST", body=body, expect=201,
                                   requests=count, paths=paths)
        if done["errors"] > 0:
            raise BenchError(f"filling {self.name}: {done['errors']} errors,"
                             f" first status {done['first_error']}, see {self.dir}/log")
        return done
