# SPDX-License-Identifier: Apache-2.0
"""What was measured, against which reference, and whether the target is met."""

import json

HEAD = ("scenario", "value", "reference", "ratio", "target", "")
FORMAT = "{:<58} {:>16} {:>20} {:>7} {:>16}  {}"


def number(value):
    if value is None:
        return ""
    if isinstance(value, float) and abs(value) < 100:
        return f"{value:.2f}"
    return f"{value:,.0f}"


class Report:
    def __init__(self, environment):
        self.environment = environment
        self.rows = []
        print(FORMAT.format(*HEAD), flush=True)

    def add(self, scenario, value, unit, *, reference=None, ratio=None, at_least=None, at_most=None,
            errors=0, detail=None):
        """
        at_least and at_most judge the ratio when there is one, else the value. Without either the row
        is for information. Errors miss every target.
        """
        judged = value if ratio is None else ratio
        ok = None
        if at_least is not None:
            ok = judged >= at_least and errors == 0
        if at_most is not None:
            ok = judged <= at_most and errors == 0 and ok is not False
        row = {"scenario": scenario, "value": value, "unit": unit, "reference": reference,
               "ratio": ratio, "at_least": at_least, "at_most": at_most, "ok": ok,
               "errors": errors, "detail": detail}
        self.rows.append(row)
        print(self._line(row), flush=True)

    @staticmethod
    def _line(row):
        target = ""
        if row["at_least"] is not None:
            target = f">= {row['at_least']:g}"
        elif row["at_most"] is not None:
            target = f"<= {row['at_most']:g}"
        verdict = {None: "", True: "ok", False: "MISSED"}[row["ok"]]
        if row["errors"]:
            verdict += f" ({row['errors']} errors)"
        return FORMAT.format(row["scenario"], f"{number(row['value'])} {row['unit']}",
                             number(row["reference"]), number(row["ratio"]), target, verdict).rstrip()

    def missed(self):
        return [row for row in self.rows if row["ok"] is False]

    def finish(self, path):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"environment": self.environment, "rows": self.rows}, out, indent=1)
            out.write("\n")
        judged = [row for row in self.rows if row["ok"] is not None]
        print(f"{len(judged) - len(self.missed())} of {len(judged)} targets met, details in {path}")
        for row in self.missed():
            print("MISSED " + self._line(row))
