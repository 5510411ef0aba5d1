#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The threat tests fail when a daemon lacks the check: five rows, all of them with OPENSCL_LONG=1.
# Environment: srcdir, builddir, PYTHON3, OPENSCL_LONG; OPENSCL_BROKEN=no skips it, where another
# build of the same sources has run it: it builds daemons of its own.
set -u

[ "${OPENSCL_BROKEN:-}" != no ] || exit 77

src=${srcdir:-.}
only=1,18,65,81,test_coap_front
[ -z "${OPENSCL_LONG:-}" ] || only=
exec "${PYTHON3:-python3}" -B "$src/tests/e2e/broken/rows.py" \
	--source "$src" --build "${builddir:-.}" --only "$only"
