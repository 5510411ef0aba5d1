# SPDX-License-Identifier: Apache-2.0
"""What the tests of the schemas share: the samples, and the programs that read many documents.

Environment: builddir.
"""
import os
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = os.path.join(HERE, "..", "..", "xsd", "openscl.xsd")
SHOWN = 20      # differences that are printed


def samples(*folders):
    """(name, path) of the samples in these folders; without one, all of Release 2."""
    for folder in folders or ("", "invalid"):
        path = os.path.join(HERE, "samples", folder)
        for file in sorted(os.listdir(path)):
            if file.endswith(".xml"):
                yield os.path.join(folder, file[:-4]), os.path.join(path, file)


def report(test, what, diffs):
    """Exit status of a test, whose differences are printed."""
    for diff in diffs[:SHOWN]:
        print(diff)
    if len(diffs) > SHOWN:
        print(f"and {len(diffs) - SHOWN} more")
    print(f"{test}: {what}, {len(diffs)} differences")
    return 1 if diffs else 0


class Program:
    """A program of this folder. Documents are given to it while it works; what it says is read by
    a thread, so that neither waits for the other."""

    def __init__(self, name, argument, catalog=""):
        path = os.path.join(os.environ.get("builddir", "."), "tests", "xsd", name)
        env = dict(os.environ, XML_CATALOG_FILES=catalog)
        self.name = name
        self.process = subprocess.Popen([path, argument], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=env)
        self.thread = threading.Thread(target=self.read, args=(self.process.stdout,))
        self.thread.start()

    def give(self, data):
        try:
            self.process.stdin.write(b"%d\n" % len(data) + data)
        except BrokenPipeError:
            pass        # its exit status tells why

    def finish(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.thread.join()
        if self.process.wait() != 0:
            raise SystemExit(f"{self.name}: exit status {self.process.returncode}")


class Judge(Program):
    """Verdicts of a schema: lines, "valid" or something else for each document."""

    def __init__(self, schema, catalog=""):
        self.lines = []
        super().__init__("judge", schema, catalog)

    def read(self, stream):
        self.lines += (line.decode(errors="replace").rstrip("\n") for line in stream)

    def verdicts(self):
        self.finish()
        return self.lines


class Rewriter(Program):
    """Representations that the library writes for a release: (number of the document, bytes)."""

    def __init__(self, release):
        self.written = []
        super().__init__("rewrite", str(release))

    def read(self, stream):
        for line in stream:
            number, size = map(int, line.split())
            self.written.append((number, stream.read(size)))
