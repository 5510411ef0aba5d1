# SPDX-License-Identifier: Apache-2.0
"""Scenarios over CoAP: reads beside a trivial libcoap server, durable creates beside those over HTTP."""

import socket

from daemon import INSTANCE, Daemon
from measure import errors, interleave, median, ratio
from serving import SYNCS_PER_COMMIT, counted_create

LISTENERS = """listeners = (
  {{ address = "127.0.0.1"; port = 0; security = "none"; serve = [ "mia", "mid" ]; }},
  {{ address = "127.0.0.1"; port = {port}; protocol = "coap"; security = "none"; serve = [ "mia", "mid" ]; }} );
mid = {{ open_on_loopback = true; }};
coap = {{ max_requests_per_session = 64; max_sessions_per_address = 4096; }};"""
# (clients, requests of each that are under way at a time)
LOADS = ((1, 1), (1, 32), (50, 1))
KIB = INSTANCE.replace("21.5", "v" * 1024)
SMALL = INSTANCE.replace("21.5", "v" * 64)


def free_port():
    """A port for datagrams that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class CoapDaemon(Daemon):
    """One that serves CoAP too, at coap_url."""

    def configuration(self, program, listeners=None):
        self.coap_url = f"coap://127.0.0.1:{free_port()}"
        return super().configuration(program, LISTENERS.format(port=self.coap_url.rpartition(":")[2]))


def title(label, clients, window):
    """Name of a row."""
    return f"{label}, {clients} clients x {window}"


def retrieve(ctx, daemon, label, path):
    """One resource against a constant of the same size."""
    size = len(daemon.request("GET", path)[2])
    with ctx.tools.coap_bare(free_port(), size) as bare:
        for clients, window in LOADS:
            def run(server, url, clients=clients, window=window):
                before = server.cpu_seconds()
                result = ctx.tools.coap_load(url + path, clients, window, seconds=ctx.seconds)
                result["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / max(1, result["requests"])
                return result

            mine, reference = interleave(ctx.rounds, lambda: run(daemon.server, daemon.coap_url),
                                         lambda: run(bare, bare.url))
            ctx.report.add(title(f"{label} ({size} octets)", clients, window), median(mine, "rps"), "req/s",
                           reference=median(reference, "rps"), ratio=ratio(mine, reference),
                           at_least=0.7 if clients * window > 1 else None, errors=errors(mine),
                           detail={"daemon": mine, "bare": reference})
            if clients * window > 1:
                ctx.report.add(title(f"{label}: processor time of the server", clients, window), median(mine, "cpu_us"), "us",
                               reference=median(reference, "cpu_us"), ratio=ratio(mine, reference, "cpu_us"))


def create(ctx, daemon, path):
    """Durable creates, beside HTTP with as many under way."""
    def run(clients, window):
        before = daemon.syncs.total()
        result = ctx.tools.coap_load(daemon.coap_url + path, clients, window, method="POST", body=SMALL, expect="2.01",
                                     seconds=ctx.seconds)
        syncs = daemon.syncs.total() - before
        result["batch"] = result["requests"] * SYNCS_PER_COMMIT[daemon.engine] / syncs if syncs else 0
        return result

    for clients, window in LOADS:
        mine, http = interleave(ctx.rounds, lambda c=clients, w=window: run(c, w),
                                lambda n=clients * window: counted_create(ctx, daemon, n, path))
        batches = f"batch {median(mine, 'batch'):.1f}, HTTP {median(http, 'batch'):.1f}"
        ctx.report.add(title(f"{daemon.engine}: CoAP create ({batches})", clients, window), median(mine, "rps"), "req/s",
                       reference=median(http, "rps"), ratio=ratio(mine, http), errors=errors(mine, http),
                       detail={"daemon": mine, "http": http})


def bench(ctx, engine):
    """All of it at one daemon."""
    with CoapDaemon(ctx, "nscl", engine, "coap", count_syncs=True) as daemon:
        app = daemon.application("bench")
        for name, body in (("64 B", SMALL), ("1 KiB", KIB)):
            path = daemon.container(app, f"c{len(body)}")
            daemon.create(path, body)
            retrieve(ctx, daemon, f"{engine}: CoAP latest of {name}", path + "/latest")
        retrieve(ctx, daemon, f"{engine}: CoAP application", app)
        create(ctx, daemon, daemon.container(app, "c"))
