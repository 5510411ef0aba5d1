# SPDX-License-Identifier: Apache-2.0
"""Packages of npm that tests use, with the programs that use them."""

import fcntl
import filecmp
import os
import shutil
import subprocess

from . import ROOT
from .bed import BUILD

INSTALL_SECONDS = 120


def _copy(source, target):
    """The file as it is at source. Whoever reads target at that moment finds one whole."""
    if os.path.exists(target) and filecmp.cmp(source, target, shallow=False):
        return
    shutil.copyfile(source, target + ".new")
    os.replace(target + ".new", target)


def installed(name, package):
    """(directory, '') of a copy of tests/e2e/name in which package is there, or (None, why not). It is fetched once
    per build directory, for all tests that run at the same time."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return None, f"no {tool} (package {tool.replace('node', 'nodejs')})"
    target = os.path.join(BUILD, "tests", "e2e", "npm-run", name)
    os.makedirs(target, exist_ok=True)
    with open(target + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed(os.path.join(ROOT, "tests", "e2e", name), target, package)


def _installed(source, target, package):
    for file in os.listdir(source):
        if os.path.isfile(os.path.join(source, file)):
            _copy(os.path.join(source, file), os.path.join(target, file))
    modules = os.path.join(target, "node_modules")
    if os.path.isdir(os.path.join(modules, package)):
        return target, ""
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], cwd=target,
                              capture_output=True, text=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        shutil.rmtree(modules, ignore_errors=True)
        return None, "npm ci does not end: no network?"
    if done.returncode != 0:
        shutil.rmtree(modules, ignore_errors=True)
        return None, f"npm ci: {done.stderr.strip()[-300:]}"
    return target, ""
