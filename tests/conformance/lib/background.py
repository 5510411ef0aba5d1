# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for their answer while the case goes on: start, pending, await."""

import threading
import time

from . import assertion, casefile
from .client import connect

TIMEOUT = 15.0
PENDING_TIME = 0.5


class Started:
    """A request under way on a connection of its own."""

    def __init__(self, run, request):
        self.method = request[0]
        self.client, self.answer, self.error = connect(run.target.url, run.target.context), None, None
        self.thread = threading.Thread(target=self._run, args=(run, request), daemon=True)
        self.thread.start()

    def _run(self, run, request):
        try:
            self.answer = run.send(*request, client=self.client)
        except OSError as error:
            self.error = error
        finally:
            self.client.close()

    def wait(self, timeout):
        """True when it is over."""
        self.thread.join(timeout)
        return not self.thread.is_alive()


def start(run, step):
    """Send a request in the background under a name."""
    name, _, args = step.args.partition(" ")
    run.started[run.expand(name)] = Started(run, run.prepare(step, args))


def _named(run, step):
    words, keys = step.options()
    name = run.expand(words[0])
    if name not in run.started:
        raise assertion.Failed(f"no request '{name}' is under way")
    return name, keys


def wait(run, step):
    """Wait for the answer and judge it."""
    name, keys = _named(run, step)
    timeout = float(keys.get("timeout", TIMEOUT))
    request = run.started[name]
    if not request.wait(timeout):
        raise assertion.Failed(f"no answer within {timeout} s")
    del run.started[name]
    if request.error:
        raise assertion.Failed(str(request.error))
    run.judge(step, request.answer, request.method)


def pending(run, step):
    """The answer is still out."""
    name, keys = _named(run, step)
    request = run.started[name]
    if request.wait(float(keys.get("for", PENDING_TIME))):
        raise assertion.Failed(f"already answered: {request.answer.summary() if request.answer else request.error}")


def drop(run):
    """End what is under way when the case does: what it may have created must be known."""
    deadline = time.monotonic() + 1.0
    for request in run.started.values():
        if not request.wait(max(0.0, deadline - time.monotonic())):
            request.client.abort()
            request.wait(1.0)
    run.started.clear()


STEPS = {casefile.START: start, casefile.AWAIT: wait, casefile.PENDING: pending}
