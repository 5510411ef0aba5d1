# SPDX-License-Identifier: Apache-2.0
"""Black-box conformance runner for ETSI M2M service capability layers."""
