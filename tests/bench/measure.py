# SPDX-License-Identifier: Apache-2.0
"""Repeated, interleaved measurements: what is compared shares the noise of the machine."""

import statistics


def interleave(rounds, *measures):
    """Calls every measure once per round, in turn; a list of the results of each."""
    results = [[] for _ in measures]
    for _ in range(rounds):
        for measure, into in zip(measures, results):
            into.append(measure())
    return results


def median(results, key):
    return statistics.median(result[key] for result in results)


def errors(*series):
    return sum(result.get("errors", 0) for results in series for result in results)


def ratio(values, references, key="rps"):
    """Median of the ratios of the rounds."""
    return statistics.median(a[key] / b[key] if b[key] else 0.0
                             for a, b in zip(values, references))


def composed(mechanism, store):
    """Rate of two stages that share the same processors."""
    return 1 / (1 / mechanism + 1 / store) if mechanism and store else 0.0
