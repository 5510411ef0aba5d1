#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Receivers of notifications: `healthy`, one that is well, or `hostile`, the dead, slow and evil ones.

Prints one JSON line with the URL of each kind, then serves until its standard input ends. The text
of every contentInstance is the time (CLOCK_MONOTONIC, ns) at which its creation was begun;
GET /stats on the healthy one tells how long after that the notifies came, and forgets them.
"""

import asyncio
import base64
import json
import os
import re
import socket
import struct
import sys
import time

REPRESENTATION = re.compile(rb"<representation[^>]*>([^<]*)<")
TEXT = re.compile(rb"textContent>(\d+)<")


class Healthy:
    """Answers every notify with 204 and keeps its delay."""

    def __init__(self):
        self.delays = []

    def take(self, body):
        now = time.monotonic_ns()
        for document in REPRESENTATION.findall(body):
            for sent in TEXT.findall(base64.b64decode(document)):
                self.delays.append((now - int(sent)) / 1e6)

    def stats(self):
        delays, self.delays = sorted(self.delays), []
        return json.dumps({"count": len(delays), "p99": delays[int(len(delays) * 0.99)] if delays else 0,
                           "max": delays[-1] if delays else 0}).encode()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                if head.startswith(b"GET"):
                    text = self.stats()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
                else:
                    self.take(body)
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def hang(_reader, _writer):
    """Takes the request and never answers."""
    await asyncio.sleep(3600)


async def drip(_reader, writer):
    """One octet of a header per second."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(1)


async def late(reader, writer):
    """Answers well, but after four seconds."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        await reader.readexactly(int(length.group(1)) if length else 0)
        await asyncio.sleep(4)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()


async def garbage(_reader, writer):
    """No HTTP at all."""
    writer.write(bytes(range(256)) * 64)
    await writer.drain()
    writer.close()


async def endless(_reader, writer):
    """A body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def headers(_reader, writer):
    """A header without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def reset(_reader, writer):
    """Resets the connection."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def failing(_reader, writer):
    """500 to everything."""
    writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def redirect(_reader, writer):
    """Sends everybody to itself."""
    port = writer.get_extra_info("sockname")[1]
    writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/\r\n"
                 b"Content-Length: 0\r\nConnection: close\r\n\r\n" % port)
    await writer.drain()
    writer.close()


HOSTILE = (hang, drip, late, garbage, endless, headers, reset, failing, redirect)


def guarded(serve):
    async def run(reader, writer):
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
    return run


async def listen(serve):
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def unanswered():
    """A port whose queue of connections is full: what comes gets no answer at all."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(sock.getsockname())
        fillers.append(filler)
    return (sock, fillers), f"http://127.0.0.1:{sock.getsockname()[1]}"


def refused():
    """A port that nobody listens on; bound, so that nobody else will."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, f"http://127.0.0.1:{sock.getsockname()[1]}"


async def main():
    kept, urls = [], {}
    if sys.argv[1] == "healthy":
        urls["healthy"] = await listen(Healthy().serve)
    else:
        for serve in HOSTILE:
            urls[serve.__name__] = await listen(guarded(serve))
        for make in (unanswered, refused):
            held, urls[make.__name__] = make()
            kept.append(held)
    print(json.dumps(urls), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)     # what still hangs or drips is not waited for


if __name__ == "__main__":
    asyncio.run(main())
