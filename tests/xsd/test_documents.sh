#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the type tables render is valid: every type and document, with everything and with the least,
# against the project's schema and, with ETSI_XSD_DIR, against the official ones of both releases.
# Environment: srcdir, builddir, ETSI_XSD_DIR.
set -u

xsd=${srcdir:-.}/tests/xsd
documents=${builddir:-.}/tests/xsd/documents
etsi=${ETSI_XSD_DIR:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

mkdir "$dir/2" "$dir/1"
"$documents" "$dir/2" 2 && "$documents" "$dir/1" 1 || exit 1
# Resources that Release 1 did not have.
rm "$dir"/1/subcontainers-*.xml "$dir"/1/sclAnnc*.xml "$dir"/1/communicationChannel*.xml
ETSI_XSD_DIR= "$xsd/validate.sh" "$dir"/2/*.xml || status=1
if [ -n "$etsi" ]; then
	ETSI_XSD_DIR=$etsi "$xsd/validate.sh" "$dir"/2/*.xml || status=1
	ETSI_XSD_DIR=$etsi "$xsd/validate.sh" --release 1 "$dir"/1/*.xml || status=1
fi
[ $status -eq 0 ] && echo "test_documents: ok"
exit $status
