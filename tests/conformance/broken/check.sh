#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance suite fails when a daemon lacks a check: some of those that can be switched off,
# all of them with OPENSCL_LONG=1.
# Environment: srcdir, builddir, PYTHON3, OPENSCL_LONG; OPENSCL_BROKEN=no skips it, where another
# build of the same sources has run it: it builds daemons of its own.
set -u

[ "${OPENSCL_BROKEN:-}" != no ] || exit 77

src=${srcdir:-.}
only=access-union,presence-not-permitted,eviction-count,notify-initial,coap-if-match,coap-location
[ -z "${OPENSCL_LONG:-}" ] || only=
exec "${PYTHON3:-python3}" -B "$src/tests/conformance/broken/broken.py" \
	--source "$src" --build "${builddir:-.}" --only "$only"
