# SPDX-License-Identifier: Apache-2.0
"""Rows of a table of threats as parts of a script, one by one or all."""

import argparse

from . import report as reports


class Row:
    """Results of one row: names begin with its number."""

    def __init__(self, number, report):
        self.prefix, self.report = f"row {number}: ", report

    def ok(self, condition, name, detail=""):
        """The attack failed, or what the attack is about works."""
        return self.report.ok(condition, self.prefix + name, detail)

    def equal(self, got, want, name, context=""):
        """got must be want."""
        return self.report.equal(got, want, self.prefix + name, context)

    def note(self, text):
        """Something that was measured."""
        self.report.note(text)

    def skip(self, name, why):
        """Says that something was not tested."""
        self.report.skip(self.prefix + name, why)


def _part(number, function):
    def part(report, bed):
        function(Row(number, report), bed)
    part.__doc__ = f"row {number}: {(function.__doc__ or '').splitlines()[0]}"
    return part


def run(table, description):
    """Runs the rows of {number: function of (row, bed)} that the command line asks for, and exits."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--row", type=int, action="append", choices=sorted(table), help="this row alone")
    chosen = parser.parse_args().row or sorted(table)
    reports.run(*(_part(number, table[number]) for number in chosen))
