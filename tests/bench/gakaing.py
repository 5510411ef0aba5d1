# SPDX-License-Identifier: Apache-2.0
"""Group authentication beside conventional: what n devices cost the home network, and how long they take (figure 9)."""

import http.client
import math
import os
import queue
import socket
import sys
import threading
import time
from statistics import median

from procs import BenchError

os.environ.setdefault("OPENSCL_BUILD", "")
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

SIZES, QUICK = (1, 10, 100, 1000), (1, 10)
RTTS = (0, 50)          # ms between the gateways and the home network
SINGLES = 60000         # single devices that may be asked for in a minute: what it costs is measured, not how it is bounded
AT_ONCE = 16            # devices at a time
GROUP, ALONE = "group", "conventional"
# Octets to and from the home network: a request, its answer, and what each member more adds to it.
FIRST, ANSWER, MEMBER, SINGLE = 68, 142, 56, 60 + 106


def expected(how, n):
    """Messages and octets at the home network for n devices."""
    return (2, FIRST + ANSWER + MEMBER * (n - 1)) if how == GROUP else (2 * n, SINGLE * n)


# ---- a line that takes time ----

class Slow:
    """A TCP relay; what passes it takes half a round trip."""

    def __init__(self, target):
        self.target, self.delay = target, 0.0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
                there = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            for source, sink in ((here, there), (there, here)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line = queue.SimpleQueue()
                threading.Thread(target=self._read, args=(source, line), daemon=True).start()
                threading.Thread(target=self._write, args=(line, sink), daemon=True).start()

    def _read(self, source, line):
        chunk = b"x"
        while chunk:
            try:
                chunk = source.recv(65536)
            except OSError:
                chunk = b""
            line.put((time.monotonic() + self.delay, chunk))

    @staticmethod
    def _write(line, sink):
        while True:
            due, chunk = line.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not chunk:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(chunk)
            except OSError:
                return

    def close(self):
        """Takes no more."""
        self.listener.close()


# ---- devices ----

def say(line, message, node=None):
    """One message of a device; the answer's octets."""
    from lib import gaka    # pylint: disable=C0415,E0401
    line.request("POST", "/m2m/gaka" + (f"?id={node.hex()}" if node else ""), message,
                 {"Content-Type": gaka.MEDIA, "Accept": gaka.MEDIA})
    answer = line.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise BenchError(f"a device is refused: {answer.status} {data[:16].hex()}")
    return data


def attach_all(gateway, devices):
    """AT_ONCE at a time; seconds of each, and of all."""
    line, took, failed = queue.SimpleQueue(), [], []
    for device in devices:
        line.put(device)

    def work():
        http_line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        try:
            while not failed:
                device = line.get_nowait()
                began = time.monotonic()
                challenge = say(http_line, device.begin())
                if not device.confirm(say(http_line, device.challenge(challenge), device.node)):
                    raise BenchError("the gateway does not prove itself")
                took.append(time.monotonic() - began)
        except queue.Empty:
            pass
        except (BenchError, http.client.HTTPException, OSError, ValueError) as error:
            failed.append(error)
        finally:
            http_line.close()
    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise BenchError(str(failed[0]))
    return took, time.monotonic() - began


class World:
    """A provider with its MAS, a gateway behind a slow line, devices that the benchmark plays."""

    def __init__(self, bed, most):
        from lib import gakasn, secure      # pylint: disable=C0415,E0401
        self.sn = gakasn
        limit = {"gaka": {"enabled": True, "conventional_max": SINGLES}}
        self.provider = secure.Provider(bed, msbf=False, settings=limit, tapped=Slow).start()
        self.gateway = gakasn.Gateway(bed, self.provider, conventional_max=SINGLES)
        if not self.gateway.reaches():
            raise BenchError("the gateway does not register")
        self.kmrs = [self.provider.issue(f"dev-{i}") for i in range(most)]
        self.spare = self.provider.issue("spare")
        self.sn.group(self.provider, [self.spare], [self.gateway.scl_id])
        self.warmed = 0

    def _device(self, kmr, gid, gaks=()):
        from lib import gaka    # pylint: disable=C0415,E0401
        return gaka.Device(kmr.node, gaka.aka_root(kmr.key, kmr.node), gid, gaks)

    def devices(self, how, n):
        """The first n devices, in a group that is new."""
        gid = self.sn.group(self.provider, self.kmrs[:n], [self.gateway.scl_id])
        gaks = self.sn.gaks(self.provider, self.kmrs[0], "dev-0", gid)
        return [self._device(kmr, self.sn.NONE if how == ALONE else gid, gaks) for kmr in self.kmrs[:n]]

    def warm(self):
        """The gateway's line to the home network is there, as it is when devices come and go."""
        device = self._device(self.spare, self.sn.NONE)
        device.sqn = self.warmed
        attach_all(self.gateway, [device])
        self.warmed = device.sqn

    def run(self, how, n, rtt):
        """Messages, octets at the home network by its own counters, seconds of each device, seconds of all."""
        self.provider.tap.delay = 0.0
        devices = self.devices(how, n)
        self.provider.tap.delay = rtt / 2000
        self.warm()
        before = self.sn.asked(self.provider)
        took, whole = attach_all(self.gateway, devices)
        spent = [now - then for now, then in zip(self.sn.asked(self.provider), before, strict=True)]
        return spent[0] + spent[1], spent[2] + spent[3], sorted(took), whole


# ---- the figure ----

COLOURS = {"messages": "#1f5fa8", "octets": "#b0541e"}


def _place(n, saved):
    return 70 + 560 * math.log10(n) / 3, 340 - 2.8 * saved


def _line(points, colour, dashed):
    at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{at}" fill="none" stroke="{colour}"{" stroke-dasharray=" + chr(34) + "5 4" + chr(34) if dashed else ""}/>'


def figure(rows, path):
    """What is saved at the home network by n: dashed as it is to be, dots as it was counted."""
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 480" font-family="sans-serif" font-size="13">',
             '<rect width="680" height="480" fill="white"/>',
             '<text x="340" y="24" text-anchor="middle">Saved at the home network by group authentication</text>',
             '<text x="340" y="470" text-anchor="middle">devices</text>']
    for n in (1, 10, 100, 1000):
        x, y = _place(n, -30)
        parts.append(f'<line x1="{x:.1f}" y1="40" x2="{x:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{n}</text>')
    for saved in range(-25, 101, 25):
        x, y = _place(1, saved)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="630" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{saved} %</text>')
    for index, what in enumerate(COLOURS):
        curve = []
        for step in range(121):
            n = 10 ** (step / 40)
            curve.append(_place(n, 100 * (1 - expected(GROUP, n)[index] / expected(ALONE, n)[index])))
        parts.append(_line(curve, COLOURS[what], True))
        for n, got in rows.items():
            x, y = _place(n, 100 * (1 - got[GROUP][index] / got[ALONE][index]))
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[what]}"/>')
        parts.append(f'<text x="480" y="{380 + 20 * index}" fill="{COLOURS[what]}">{what}: counted (dots)</text>')
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(parts) + "\n</svg>\n")


# ---- all of it ----

def one(ctx, world, n, rtt):
    """Both ways; {how: (messages, octets, ms: median, p99, all)}. Counters that are not as they have to be end it."""
    counted = {}
    for how in (GROUP, ALONE):
        messages, octets, took, whole = world.run(how, n, rtt)
        if (messages, octets) != expected(how, n):
            raise BenchError(f"gaka: n = {n}, {how}: {messages} messages, {octets} octets at the home network, not {expected(how, n)}")
        delays = (1000 * median(took), 1000 * took[min(len(took) - 1, int(0.99 * len(took)))], 1000 * whole)
        counted[how] = (messages, octets, *delays)
        name = f"gaka: n = {n}, {rtt} ms, {how}"
        detail = {"messages": messages, "octets": octets, "seconds": took, "whole": whole}
        ctx.report.add(f"{name}: messages", messages, "messages", reference=expected(how, n)[0], detail=detail)
        ctx.report.add(f"{name}: octets", octets, "octets", reference=expected(how, n)[1])
        ctx.report.add(f"{name}: delay, median", delays[0], "ms")
        ctx.report.add(f"{name}: delay, p99", delays[1], "ms")
        ctx.report.add(f"{name}: all devices", delays[2], "ms")
    return counted


def table(measured, path):
    """What was measured, group beside conventional, by distance and n."""
    lines = ["| ms away | n | Messages: group | conventional | Octets: group | conventional | Group: median, p99, all | "
             "Conventional: median, p99, all |", "|--|--|--|--|--|--|--|--|"]
    for rtt, rows in measured.items():
        for n, got in rows.items():
            pair = got[GROUP], got[ALONE]
            cells = [f"{rtt}", f"{n:,}", *(f"{side[i]:,}" for i in (0, 1) for side in pair),
                     *(", ".join(f"{ms:,.1f}" for ms in side[2:]) for side in pair)]
            lines.append("| " + " | ".join(cells) + " |")
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")
    print("\n".join(lines))


def bench(ctx):
    """Figure 9, and the delays, with a home network that is near and one that is not."""
    os.environ["OPENSCL_BUILD"] = ctx.builddir
    from lib import bed as beds     # pylint: disable=C0415,E0401
    beds.BUILD = ctx.builddir
    sizes = QUICK if ctx.rounds == 1 else SIZES
    bed = beds.Bed()
    try:
        world = World(bed, sizes[-1])
        measured = {rtt: {n: one(ctx, world, n, rtt) for n in sizes} for rtt in RTTS}
        into = os.path.dirname(ctx.workdir)
        table(measured, os.path.join(into, "figure9.md"))
        figure(measured[RTTS[-1]], os.path.join(into, "figure9.svg"))
        print(f"gaka: {os.path.join(into, 'figure9.svg')}")
    finally:
        bed.close()
