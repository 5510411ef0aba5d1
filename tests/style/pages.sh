#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The generated part of docs/api.md is what the daemons say.
# Environment: srcdir, builddir, PYTHON3.
set -eu

src=${srcdir:-.}
tables=$(mktemp)
trap 'rm -f "$tables"' EXIT

"${builddir:-.}/nscl/nscl" --types >"$tables"
"${PYTHON3:-python3}" -B "$src/docs/types.py" --check "$src/docs/api.md" <"$tables" || {
	echo "renew it: nscl --types | docs/types.py --update docs/api.md"
	exit 1
}
