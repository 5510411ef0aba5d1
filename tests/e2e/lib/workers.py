# SPDX-License-Identifier: Apache-2.0
"""Clients that change resources and know exactly what must be there afterwards.

Every worker owns what it changes. Its state is what was acknowledged; `pending` is the one change whose
answer it never saw. `settle` compares the SCL with both possibilities.
"""

import copy
import random
import threading
import time

from . import xml
from .client import NotSent, Unknown
from .notices import instance_ids

REFUSALS = (503, 507)
ROOMY = 10**9
GONE_REMEMBERED = 5


class Ended(Exception):
    """The daemon does not answer any more."""


class Worker:
    """One client; `step` makes one change."""

    def __init__(self, daemon, name, seed):
        self.daemon, self.name, self.random = daemon, name, random.Random(seed)
        self.client, self.state, self.pending = None, None, None
        self.done, self.refused, self.complaints = 0, {}, []

    def prepare(self):
        """Creates what the worker works on."""
        raise NotImplementedError

    def step(self):
        """One change."""
        raise NotImplementedError

    def observe(self, client):
        """What is there, in the form of `expected`."""
        raise NotImplementedError

    def expected(self, state):
        """What `observe` gives for a state."""
        return state

    def change(self, apply, method, target, body=None, good=(201,)):
        """Sends one change; apply(state) is carried out when it is acknowledged."""
        self.pending = apply
        try:
            answer = self.client.request(method, target, body)
        except NotSent as error:
            self.pending = None
            raise Ended from error
        except Unknown as error:
            raise Ended from error
        self.pending = None
        if answer.status in good:
            apply(self.state)
            self.done += 1
        elif answer.status in REFUSALS:
            self.refused[answer.status] = self.refused.get(answer.status, 0) + 1
            time.sleep(0.01)        # not a busy loop against a full disk
        else:
            self.complaints.append(f"{self.name}: {method} {target}: {answer!r}")
        return answer

    def work(self, stop):
        """Steps until the daemon is gone or stop (an Event) is set."""
        self.client = self.daemon.client()
        try:
            while not stop.is_set() and len(self.complaints) < 5:
                self.step()
        except Ended:
            pass
        finally:
            self.client.close()

    def settle(self, client):
        """Finds out whether the pending change happened; complaints when neither is what is there."""
        found, complaints = self.observe(client), self.complaints
        self.complaints = []
        if found == self.expected(self.state):
            self.pending = None
            return complaints
        wanted = [self.expected(self.state)]
        if self.pending:
            other = copy.deepcopy(self.state)
            self.pending(other)
            wanted.append(self.expected(other))
            self.pending = None
            if found == wanted[1]:
                self.state = other
                return complaints
        lines = [f"{self.name}: found    {_end(found)}"] + [f"{self.name}: expected {_end(w)}" for w in wanted]
        return complaints + lines

    def undelivered(self):
        """Complaints about notifications so far; empty when nothing is missing."""
        return []


def _end(value):
    text = repr(value)
    return text if len(text) < 700 else text[:300] + " ... " + text[-400:]


def listing(client, path, query="?metaDataOnly=true"):
    """(ids with sizes, count, bytes, latest, oldest) of a contentInstances, as the SCL tells them."""
    answer = client.get(path + query)
    if answer.status != 200:
        return f"GET {path}: {answer!r}"
    root = answer.xml()
    ends = []
    for which in ("latest", "oldest"):
        one = client.get(f"{path}/{which}")
        ends.append(one.xml().get(xml.q("id")) if one.status == 200 else one.status)
        referred = next((e.get("id") for e in root if e.tag == xml.q(which)), 404)
        if referred != ends[-1]:
            ends[-1] = f"{which} is {ends[-1]} but the collection names {referred}"
    return (xml.instances(root), int(xml.text(root, "currentNrOfInstances")), int(xml.text(root, "currentByteSize")),
            *ends)


def described(items):
    """The same as `listing` for the instances that must be there."""
    ends = (items[-1][0], items[0][0]) if items else (404, 404)
    return (list(items), len(items), sum(size for _, size in items), *ends)


class Sequence(Worker):
    """contentInstances of an own container; with a limit (evicting) or without (with deletions)."""

    ROLL = 1500     # instances after which an unlimited container is left alone

    def __init__(self, daemon, name, seed, limit=None, notices=None):
        super().__init__(daemon, name, seed)
        self.limit, self.notices, self.number, self.generation = limit, notices, 0, 0
        self.state = {"items": [], "created": [], "deleted": set()}
        self.path, self.left = "", []

    def prepare(self):
        client = self.daemon.client()
        client.create("/m2m/applications", xml.application(self.name))
        self._container(client)
        client.close()

    def _container(self, client):
        self.generation += 1
        place = client.create(f"/m2m/applications/{self.name}/containers",
                              xml.container(f"c{self.generation}", self.limit or ROOMY, ROOMY))
        self.path = f"{place}/contentInstances"
        if self.notices:
            client.create(f"{self.path}/subscriptions", xml.subscription(self.notices.url, "s"))

    def roll(self, client):
        """Leaves a container that became long, to be checked at the very end."""
        if self.limit or len(self.state["items"]) < self.ROLL:
            return
        self.left.append((self.path, described(self.state["items"])))
        self.state["items"] = []
        self._container(client)

    def step(self):
        items = self.state["items"]
        if not self.limit and items and self.random.random() < 0.2:
            self._delete(self.random.choice(items[-40:])[0])
        else:
            self._create()

    def _create(self):
        self.number += 1
        name, content = f"i{self.number}", "v" * self.random.randrange(1, 300)
        limit = self.limit

        def apply(state):
            state["items"].append((name, len(content)))
            state["created"].append(name)
            if limit:
                del state["items"][:-limit]
        self.change(apply, "POST", self.path, xml.instance(content, name))

    def _delete(self, name):
        def apply(state):
            state["items"] = [item for item in state["items"] if item[0] != name]
            state["deleted"].add(name)
        self.change(apply, "DELETE", f"{self.path}/{name}", good=(204,))

    def observe(self, client):
        return listing(client, self.path)

    def expected(self, state):
        return described(state["items"])

    def settle_left(self, client):
        """The containers that were left."""
        return [f"{path}: {_end(found)}" for path, wanted in self.left
                if (found := listing(client, path)) != wanted]

    def undelivered(self):
        if not self.notices:
            return []
        state, first = self.state, _first_arrivals(self.notices)
        return _compare_arrivals(self.name, first, state["created"], state["deleted"])


def _first_arrivals(notices):
    """Ids in the order in which they arrived for the first time."""
    return list(dict.fromkeys(i for m in notices.messages() for i in instance_ids(m)))


def _compare_arrivals(name, first, created, may_miss):
    place = {item: n for n, item in enumerate(created)}
    strangers = [i for i in first if i not in place]
    missing = [i for i in created if i not in set(first) and i not in may_miss]
    known = [place[i] for i in first if i in place]
    wrong = [first[n] for n in range(1, len(known)) if known[n] < known[n - 1]] if not strangers else []
    result = []
    if strangers:
        result.append(f"{name}: notified but not there: {_end(strangers)}")
    if missing:
        result.append(f"{name}: {len(missing)} of {len(created)} not notified: {_end(missing)}")
    if wrong:
        result.append(f"{name}: notified out of order: {_end(wrong)}")
    return result


class Shared(Worker):
    """One of several clients that create contentInstances with generated ids in the same container."""

    def __init__(self, daemon, name, seed, place):
        super().__init__(daemon, name, seed)
        self.place, self.number = place, 0
        self.state = []

    def prepare(self):
        self.place.prepare()

    def step(self):
        self.number += 1
        content = f"{self.name}.{self.number}"
        self.change(lambda state: state.append(content), "POST", self.place.path, xml.instance(content))

    def settle(self, client):
        complaints, self.complaints = self.complaints, []
        return complaints + self.place.settle_one(client, self)

    def undelivered(self):
        return self.place.undelivered()


class SharedPlace:
    """The container of Shared workers; limit 0: all instances stay."""

    def __init__(self, daemon, name, limit=0, notices=None):
        self.daemon, self.name, self.limit, self.notices = daemon, name, limit, notices
        self.path, self.workers = "", []
        self.lock, self.seen = threading.Lock(), None

    def worker(self, number, seed):
        """A new worker of this place."""
        worker = Shared(self.daemon, f"{self.name}-w{number}", seed, self)
        self.workers.append(worker)
        return worker

    def prepare(self):
        """Creates the container, once."""
        if self.path:
            return
        client = self.daemon.client()
        client.create("/m2m/applications", xml.application(self.name))
        self.path = client.create(f"/m2m/applications/{self.name}/containers",
                                  xml.container("c", self.limit or ROOMY, ROOMY)) + "/contentInstances"
        if self.notices:
            client.create(f"{self.path}/subscriptions", xml.subscription(self.notices.url, "s"))
        client.close()

    def settle_one(self, client, worker):
        """Complaints about one worker's instances; the first worker also looks at the whole."""
        answer = client.get(self.path)
        if answer.status != 200:
            return [f"GET {self.path}: {answer!r}"]
        contents = xml.texts(answer.xml(), "textContent")
        mine = [c for c in contents if c.startswith(worker.name + ".")]
        with_pending = list(worker.state)
        if worker.pending:
            worker.pending(with_pending)
        worker.pending = None
        complaints = self._whole(client, len(contents)) if worker is self.workers[0] else []
        if self.limit:
            tail = len(mine)
            fits = [s for s in (worker.state, with_pending) if s[len(s) - tail:] == mine and tail <= len(s)]
            fits = fits[:1] if not (len(fits) == 2 and tail == 0) else [worker.state]
        else:
            fits = [s for s in (worker.state, with_pending) if s == mine]
        if not fits:
            return complaints + [f"{worker.name}: found {_end(mine)}, expected {_end(with_pending)}"]
        worker.state = fits[0]
        return complaints

    def _whole(self, client, listed):
        found = listing(client, self.path)
        if isinstance(found, str):
            return [found]
        complaints = [] if found == described(found[0]) and listed == len(found[0]) else [f"{self.path}: {_end(found)}"]
        made = sum(len(w.state) for w in self.workers)
        if self.limit and len(found[0]) != min(self.limit, made) and not any(w.pending for w in self.workers):
            complaints.append(f"{self.path}: {len(found[0])} instances of {made} made, limit {self.limit}")
        self.seen = [name for name, _ in found[0]]
        return complaints

    def undelivered(self):
        """Everything that is listed was notified in the order of the list (only without a limit)."""
        if not self.notices or self.limit or self.seen is None:
            return []
        return _compare_arrivals(self.name, _first_arrivals(self.notices), self.seen, ())


class Tree(Worker):
    """Applications with containers: creations, updates and deletions of whole subtrees."""

    CHILDREN = ("containers", "groups", "accessRights", "subscriptions", "notificationChannels")
    MOST_APPLICATIONS, MOST_CONTAINERS = 8, 4

    def __init__(self, daemon, name, seed):
        super().__init__(daemon, name, seed)
        self.state, self.number, self.gone = {}, 0, []

    def prepare(self):
        pass

    def step(self):
        self.number += 1
        applications = list(self.state)
        choice = self.random.random()
        if not applications or (choice < 0.25 and len(applications) < self.MOST_APPLICATIONS):
            self._create_application()
        elif choice < 0.35:
            self._delete_application(self.random.choice(applications))
        elif choice < 0.55:
            self._update_application(self.random.choice(applications))
        else:
            self._container(self.random.choice(applications))

    def _create_application(self):
        name, version = f"{self.name}-a{self.number}", f"v{self.number}"

        def apply(state):
            state[name] = [version, {}]
        self.change(apply, "POST", "/m2m/applications", xml.application(name, [version]))

    def _update_application(self, name):
        version = f"v{self.number}"

        def apply(state):
            state[name][0] = version
        self.change(apply, "PUT", f"/m2m/applications/{name}", xml.application(None, [version]), good=(200, 204))

    def _delete_application(self, name):
        self.gone = self.gone[-GONE_REMEMBERED:] + [name]
        self.change(lambda state: state.pop(name), "DELETE", f"/m2m/applications/{name}", good=(204,))

    def _container(self, name):
        containers = self.state[name][1]
        choice = self.random.random()
        path, version = f"/m2m/applications/{name}/containers", f"v{self.number}"
        if not containers or (choice < 0.4 and len(containers) < self.MOST_CONTAINERS):
            child = f"c{self.number}"
            method, target, body, good = "POST", path, xml.container(child, tags=[version]), (201,)
        else:
            child = self.random.choice(list(containers))
            method, target, body, good = "PUT", f"{path}/{child}", xml.container(None, tags=[version]), (200, 204)
            if choice > 0.8:
                self.change(lambda state: state[name][1].pop(child), "DELETE", target, good=(204,))
                return

        def apply(state):
            state[name][1][child] = version
        self.change(apply, method, target, body, good)

    def observe(self, client):
        answer = client.get("/m2m/applications")
        if answer.status != 200:
            return f"applications: {answer!r}"
        names = [n for n in xml.names(answer.xml(), "applicationCollection") if n.startswith(self.name + "-")]
        found = {name: self._observe_application(client, f"/m2m/applications/{name}") for name in names}
        for name in self.gone:
            if name in found:
                continue
            for path in ("", "/containers", "/groups"):
                left = client.get(f"/m2m/applications/{name}{path}")
                if left.status != 404:
                    found[f"{name}{path} is deleted and answers"] = left.status
        return found

    def _observe_application(self, client, path):
        answer = client.get(path)
        if answer.status != 200:
            return f"listed, but {answer!r}"
        own = {"From": f"http://{client.host}:{client.port}{path}"}      # notificationChannels are the application's alone
        missing = [c for c in self.CHILDREN if client.get(f"{path}/{c}", **own).status != 200]
        if missing:
            return f"half an application, without {missing}"
        listed = client.get(f"{path}/containers").xml()
        containers = {name: self._observe_container(client, f"{path}/containers/{name}")
                      for name in xml.names(listed, "containerCollection")}
        return [xml.text(answer.xml(), "searchString"), containers]

    @staticmethod
    def _observe_container(client, path):
        answer = client.get(path)
        if answer.status != 200:
            return f"listed, but {answer!r}"
        missing = [c for c in ("contentInstances", "subscriptions", "subcontainers")
                   if client.get(f"{path}/{c}").status != 200]
        return f"half a container, without {missing}" if missing else xml.text(answer.xml(), "searchString")


class Crew:
    """The workers of one daemon."""

    def __init__(self, daemon, receiver=None, tag=""):
        opened = receiver.open if receiver else lambda: None
        many = SharedPlace(daemon, f"{tag}many", notices=opened())
        few = SharedPlace(daemon, f"{tag}few", limit=7)
        self.daemon = daemon
        self.workers = [
            Sequence(daemon, f"{tag}small", 1, limit=5, notices=opened()),
            Sequence(daemon, f"{tag}medium", 2, limit=60),
            Sequence(daemon, f"{tag}large", 3, notices=opened()),
            many.worker(1, 4), many.worker(2, 5), few.worker(1, 6), few.worker(2, 7),
            Tree(daemon, f"{tag}tree", 8), Tree(daemon, f"{tag}bush", 9),
        ]
        self.threads, self.halt = [], threading.Event()

    def prepare(self):
        """Creates what the workers need."""
        for worker in self.workers:
            worker.prepare()

    def total(self):
        """Acknowledged changes so far."""
        return sum(w.done for w in self.workers)

    def start(self):
        """Sets all to work."""
        self.halt.clear()
        self.threads = [threading.Thread(target=w.work, args=(self.halt,), daemon=True) for w in self.workers]
        for thread in self.threads:
            thread.start()

    def join(self, timeout=180):
        """Waits for the ends of the threads; complaints about those that hang."""
        end = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        return [f"{w.name}: no answer for {timeout} s" for w, t in zip(self.workers, self.threads) if t.is_alive()]

    def finish(self):
        """Lets every worker end after its current change."""
        self.halt.set()
        return self.join()

    def settle(self, at_end=False):
        """Complaints of all workers about what is there now."""
        client, complaints = self.daemon.client(), []
        for worker in self.workers:
            complaints += worker.settle(client)
            if isinstance(worker, Sequence):
                if at_end:
                    complaints += worker.settle_left(client)
                worker.roll(client)
        client.close()
        return complaints

    def await_notices(self, timeout=120):
        """Waits until all notifications are there; complaints when not."""
        end, pause = time.monotonic() + timeout, 0.05
        while True:
            complaints = [c for w in self.workers for c in w.undelivered()]
            if not complaints or time.monotonic() > end:
                return complaints
            time.sleep(pause)
            pause = min(2 * pause, 2)
