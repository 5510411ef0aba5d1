# SPDX-License-Identifier: Apache-2.0
"""What a case lets the SCL talk to: sinks, peers with rules for their answers, an NSCL to register with."""

import dataclasses
import os

from . import casefile, peer, release
from .body import build_body, media_type
from .expand import expand
from .sink import Answer, Rule, Sink

_NS = 'xmlns:m2m="http://uri.etsi.org/m2m"'


@dataclasses.dataclass
class Opened:
    """Sinks that exist before the daemon does."""
    variables: dict = dataclasses.field(default_factory=dict)
    sinks: dict = dataclasses.field(default_factory=dict)


def open_upstream(case, server):
    """The NSCL of an upstream line, for the options of the daemon."""
    opened = Opened()
    for step in case.steps:
        if step.kind == casefile.UPSTREAM:
            name, nscl = step.args.split()[0], peer.Peer()
            url = server.open(f"/{case.name}-{os.urandom(4).hex()}/{name}", nscl)
            nscl.opened(url)
            opened.sinks[name] = nscl
            opened.variables |= {name: url, "upstream": url}
    return opened


def _open(run, name, sink):
    run.sinks[name] = sink
    run.variables[name] = run.options.sinks.open(f"/{run.variables['id']}/{name}", sink)


def sink_step(run, step):
    """A receiver that answers as it is told."""
    words, keys = step.options()
    answers = [int(x) for x in keys.get("answer", "200").split(",")]
    _open(run, run.expand(words[0]), Sink(answers, keys.get("type", "text/plain"), keys.get("body", "").encode(),
                                          float(keys.get("delay", 0))))


def peer_step(run, step):
    """An SCL played by the runner, registered with the SCL under test."""
    words, keys = step.options()
    name, kind, number = run.expand(words[0]), keys.get("type", "GSCL"), int(keys.get("release", 2))
    played = peer.Peer()
    _open(run, name, played)
    url = run.variables[name]
    played.opened(url)
    ident = f"{run.variables['id']}.{name}"
    run.variables |= {f"{name}id": ident, f"{name}scl": f"{run.variables['base']}/scls/{ident}",
                      f"{name}basic": release.basic(url)}
    run.create("$base/scls", url,
               f'<m2m:scl {_NS} sclId="{ident}"><m2m:link>{url}</m2m:link><m2m:accessRightID>$ar</m2m:accessRightID>'
               f"<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>{kind}</m2m:sclType></m2m:scl>", number)
    if keys.get("poc") != "no":
        run.create(f"${{{name}scl}}/m2mPocs", url,
                   f'<m2m:m2mPoc {_NS} m2m:id="poc"><m2m:contactInfo><m2m:contactURI>{url}</m2m:contactURI>'
                   "</m2m:contactInfo></m2m:m2mPoc>", number)


def upstream_step(run, step):
    """The NSCL the daemon registers with is open since before it started."""
    run.variables["upstream"] = run.variables[step.args.split()[0]]


def answer_step(run, step):
    """A rule: what a sink or peer answers to some requests."""
    words, keys = step.options()
    name, method, path, status = (run.expand(w) for w in words)
    headers, lines = step.headers_and_body()

    def make(message):
        path, _, query = message.path.partition("?")
        known = {**run.variables, "in_method": message.method, "in_path": path, "in_query": query,
                 "in_id": peer.root_of(message.body)[1], "in_from": run.target.received(message).header("From") or ""}
        body = build_body(lines, known)
        out = [(k, expand(v, known)) for k, v in headers]
        if body and not any(k.lower() == "content-type" for k, _ in out):
            out.append(("Content-Type", media_type(body)))
        return Answer(int(status), out, body, float(keys.get("delay", 0)))

    run.sinks[name].rule(Rule(method, path.removeprefix(run.variables[name]), make, int(keys.get("times", 0))))


STEPS = {casefile.SINK: sink_step, casefile.PEER: peer_step, casefile.UPSTREAM: upstream_step,
         casefile.ANSWER: answer_step}
