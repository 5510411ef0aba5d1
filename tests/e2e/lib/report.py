# SPDX-License-Identifier: Apache-2.0
"""Results of a script: one `ok` or `not ok` line each, `N passed, N failed` at the end."""

import os
import signal
import sys
import threading
import traceback

from .bed import Bed

SKIPPED = 77        # exit status: nothing could be tested
LONG = os.environ.get("OPENSCL_LONG") == "1"
_DETAIL_LINES = 40


class Report:
    """Counts results. Any thread."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def ok(self, condition, name, detail=""):
        """One result; detail (text, or a function that gives it) is shown on failure. True when it holds."""
        with self.lock:
            if condition:
                self.passed += 1
                print(f"ok {self.passed + self.failed} - {name}", flush=True)
                return True
            self.failed += 1
            print(f"not ok {self.passed + self.failed} - {name}")
            self.note(detail() if callable(detail) else detail)
            return False

    def equal(self, got, want, name, context=""):
        """got must be want."""
        return self.ok(got == want, name, lambda: f"got {_short(got)}, expected {_short(want)} {_short(context, '')}")

    def skip(self, name, why):
        """Says that something was not tested."""
        with self.lock:
            self.skipped += 1
            print(f"# skipped: {name}: {why}", flush=True)

    @staticmethod
    def note(text):
        """Comment lines."""
        lines = str(text).splitlines()
        for line in lines[:_DETAIL_LINES]:
            print(f"#   {line[:600]}")
        if len(lines) > _DETAIL_LINES:
            print(f"#   ... {len(lines) - _DETAIL_LINES} lines more")
        sys.stdout.flush()


def _short(value, empty=None):
    if value == "" and empty is not None:
        return empty
    text = repr(value)
    return text if len(text) <= 1500 else text[:1500] + "..."


class _Terminated(BaseException):
    """SIGTERM or SIGINT: leave through the clean-up."""


def _terminate(number, _frame):
    raise _Terminated(signal.Signals(number).name)


def run(*parts):
    """Runs the parts of a script, each a function of (report, bed) with a docstring, and exits."""
    report = Report()
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, _terminate)
    for part in parts:
        title = (part.__doc__ or part.__name__).splitlines()[0].rstrip(".")
        print(f"# {title}", flush=True)
        bed = Bed()
        try:
            part(report, bed)
        except _Terminated as why:
            report.ok(False, f"{title}: interrupted", str(why))
            break
        except Exception as error:      # a broken part must not hide the ones after it
            report.ok(False, f"{title}: {type(error).__name__}", "".join(traceback.format_exc()) + bed.logs())
        finally:
            for complaint in bed.close():
                report.ok(False, f"{title}: clean end", complaint)
    if report.skipped and not report.passed and not report.failed:
        sys.exit(SKIPPED)
    tail = f", {report.skipped} skipped" if report.skipped else ""
    print(f"{report.passed} passed, {report.failed} failed{tail}", flush=True)
    sys.exit(1 if report.failed else 0)
