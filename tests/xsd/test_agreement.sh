#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The type tables of the daemons and the schemas say the same, and the comparison would notice if
# not. With ETSI_XSD_DIR also: the project's schemas say what the official ones say.
# Environment: srcdir, builddir, PYTHON3, ETSI_XSD_DIR.
set -u

src=${srcdir:-.}
agreement="${PYTHON3:-python3} -B $src/tests/xsd/agreement.py"
tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
status=0

$agreement --self-test || status=1
"${builddir:-.}/nscl/nscl" --types >"$tables" || status=1
$agreement --types "$tables" --xsd "$src/xsd" || status=1
for daemon in gscl dscl; do
	"${builddir:-.}/$daemon/$daemon" --types | cmp - "$tables" || status=1
done
if [ -n "${ETSI_XSD_DIR:-}" ]; then
	official=$(mktemp -d)
	trap 'rm -rf "$tables" "$official"' EXIT
	for release in 1 2; do
		mkdir "$official/$release"
		${PYTHON3:-python3} -B "$src/tests/xsd/official.py" "$ETSI_XSD_DIR" "$official/$release" \
			--release $release >/dev/null || status=1
		$agreement --types "$tables" --xsd "$official/$release/all.xsd" --release $release || status=1
	done
	$agreement --self-test --xsd "$official/2/all.xsd" || status=1
	$agreement --equivalent "$src/xsd" "$official/2/all.xsd" || status=1
fi
exit $status
