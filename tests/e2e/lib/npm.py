# SPDX-License-Identifier: Apache-2.0
"""Packages of npm that tests use, with the programs that use them."""

import os
import shutil
import subprocess

from . import ROOT
from .bed import BUILD

INSTALL_SECONDS = 120


def installed(name, package):
    """(directory, '') of a copy of tests/e2e/name in which package is there, or (None, why not). It is fetched once
    per build directory."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return None, f"no {tool} (package {tool.replace('node', 'nodejs')})"
    target = os.path.join(BUILD, "tests", "e2e", "npm-run", name)
    source = os.path.join(ROOT, "tests", "e2e", name)
    os.makedirs(target, exist_ok=True)
    for file in os.listdir(source):
        if os.path.isfile(os.path.join(source, file)):
            shutil.copyfile(os.path.join(source, file), os.path.join(target, file))
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
