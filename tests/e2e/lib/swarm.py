# SPDX-License-Identifier: Apache-2.0
"""Datagrams from any address of 127.0.0.0/8, and what comes back to each."""

import collections
import ipaddress
import socket
import struct
import threading
import time

DATAGRAM = 65535
FIRST = int(ipaddress.IPv4Address("127.1.0.1"))
IP_PKTINFO = 8      # of Linux; the module has it from Python 3.14 on
ROOM = 8 << 20      # of the socket's queue: an answer that the test itself loses is none that it counts


def source(number):
    """The address of a source."""
    return str(ipaddress.IPv4Address(FIRST + number))


class Swarm:
    """Sources that have a port in common; what is sent and what comes is counted by source."""

    def __init__(self, target, react=None):
        self.target, self.react = ("127.0.0.1", target), react
        self.sent, self.got = collections.Counter(), collections.Counter()
        self.packets, self.last, self.ended = collections.defaultdict(list), time.monotonic(), False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        self.sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.sock.bind(("0.0.0.0", 0))
        self.sock.settimeout(0.2)
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def send(self, address, data):
        """A datagram in the name of an address."""
        info = struct.pack("=I4s4s", 0, socket.inet_aton(address), bytes(4))
        self.sent[address] += len(data)
        self.sock.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, self.target)

    def _receive(self):
        while not self.ended:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(DATAGRAM, 64)
            except socket.timeout:
                continue
            except OSError:
                return
            _, _, info = ancillary[0]
            address = socket.inet_ntoa(info[8:12])
            self.got[address] += len(data)
            self.last = time.monotonic()
            if len(self.packets[address]) < 4:
                self.packets[address].append(data)
            if self.react:
                self.react(self, address, data)

    def amplified(self):
        """[(times, address)] of what came back, the worst first."""
        return sorted(((self.got[a] / n, a) for a, n in self.sent.items()), reverse=True)

    def close(self):
        """Ends it."""
        self.ended = True
        self.thread.join(5)
        self.sock.close()
