# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests have in common."""

import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOT = os.path.dirname(TESTS)
sys.path.append(TESTS)      # conformance.lib
