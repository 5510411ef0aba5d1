# SPDX-License-Identifier: Apache-2.0
"""Observations (RFC 7641): what is told of a resource arrives as at a sink, under the name of the observation."""

import threading
import time

from . import assertion, casefile, coapclient, coapmap
from .sink import Sink

POLL = 0.1


class Observation(Sink):
    """One observer on an endpoint of its own."""

    def __init__(self, client, target, headers):
        super().__init__([200], "", b"", 0.0)
        self.client = client
        self.options = coapmap.request_options("GET", target, headers)
        self.client.prove()
        self.caller = client.caller
        self.token, first, body = self.caller.observe(self.options)
        self.number = first.uint(coapclient.coap.OBSERVE)
        self.answer = coapmap.response_message(first, body, client.origin, "GET")
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopped:
                packet = self.caller.notification(POLL)
                if packet:
                    self._take(packet)
        except coapclient.Reset:
            pass    # the daemon is gone, or the case is over

    def _take(self, packet):
        body = self.caller.notification_body(packet, self.options)
        message = coapmap.response_message(packet, body, self.client.origin, "GET")
        message.arrived = time.monotonic()
        number = packet.uint(coapclient.coap.OBSERVE)
        if number is not None:      # RFC 7641 section 3.4, within 128 seconds
            if not 0 < (number - self.number) % (1 << 24) < 1 << 23:
                message.status, message.may = f"not newer: {number} after {self.number}", ()
            self.number = number
        with self.changed:
            self.received.append(message)
            self.changed.notify_all()

    def reject(self):
        """From now on notifications are reset."""
        self.caller.observed.discard(self.token)

    def close(self):
        """End it without a word."""
        self.stopped = True
        self.thread.join()
        self.client.close()

    def cancel(self):
        """Deregister; the answer."""
        self.stopped = True
        self.thread.join()
        answer, body = self.caller.unobserve(self.token, self.options)
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return coapmap.response_message(answer, body, self.client.origin, "GET")


def observe(run, step):
    """Register; the answer is judged, what comes later is taken by notify."""
    name, _, args = step.args.partition(" ")
    _, target, headers, _ = run.prepare(step, "GET " + args.strip())
    observation = Observation(coapclient.Client(run.target.url), run.local(target), headers)
    run.sinks[run.expand(name)] = observation
    run.judge(step, observation.answer, "GET")


def _named(run, step):
    found = run.sinks.get(run.expand(step.args.split()[0]))
    if not isinstance(found, Observation):
        raise assertion.Failed("no observation of this name")
    return found


def unobserve(run, step):
    """Deregister; the answer is judged."""
    run.judge(step, _named(run, step).cancel(), "GET")


def reject(run, step):
    """The next notification gets an RST."""
    _named(run, step).reject()


def drop(run):
    """End all of a case."""
    for sink in run.sinks.values():
        if isinstance(sink, Observation):
            sink.close()


STEPS = {casefile.OBSERVE: observe, casefile.UNOBSERVE: unobserve, casefile.REJECT: reject}
