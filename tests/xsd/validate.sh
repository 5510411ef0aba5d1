#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# validate.sh DOC...: are the XML documents valid?
# Against the official ETSI V2.1.1 set in $ETSI_XSD_DIR when that is set, else against the project's
# own. One line per document that is not; exit status 0 all valid, 1 not all, 2 no usable schema.
set -u

schema=$(dirname "$0")/../../xsd/openscl.xsd
subcontainers=$schema
if [ -n "${ETSI_XSD_DIR:-}" ]; then
	schema=$ETSI_XSD_DIR/driver-v2.1.1.xsd
	# the official subcontainers.xsd cannot be combined with the other files
	subcontainers=$ETSI_XSD_DIR/driver-v2.1.1-extra.xsd
	XML_CATALOG_FILES=$ETSI_XSD_DIR/catalog.xml
	export XML_CATALOG_FILES
fi
[ $# -gt 0 ] || { echo "usage: $0 DOC..." >&2; exit 2; }

# validate SCHEMA DOC...: status of xmllint, its messages on stdout
validate() {
	xmllint --nonet --noout --schema "$@" 2>&1
}

validate "$schema" "$@" >/dev/null && exit 0

failed=0
for doc; do
	use=$schema
	root=$(xmllint --nonet --xpath 'local-name(/*)' "$doc" 2>/dev/null)
	[ "$root" != subcontainers ] || use=$subcontainers
	message=$(validate "$use" "$doc")
	case $? in
	0) continue ;;
	1 | 3 | 4) failed=1 ;;	# not well-formed, not valid
	*) printf '%s\n' "$message" >&2; exit 2 ;;
	esac
	printf '%s: %s\n' "$doc" "$(printf '%s\n' "${message#"$doc":}" | head -n 1)"
done
exit $failed
