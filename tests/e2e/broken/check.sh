#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The threat tests fail when a daemon lacks the check: three rows, all of them with OPENSCL_LONG=1.
# Environment: srcdir, builddir, PYTHON3, OPENSCL_LONG.
set -u

src=${srcdir:-.}
only=1,18,52
[ -z "${OPENSCL_LONG:-}" ] || only=
exec "${PYTHON3:-python3}" -B "$src/tests/e2e/broken/rows.py" \
	--source "$src" --build "${builddir:-.}" --only "$only"
