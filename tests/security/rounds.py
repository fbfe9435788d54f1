"""The attempts that take long run in full rounds only (``make test-slow``), so that CI stays short."""

import os

import pytest

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
full_rounds = pytest.mark.skipif(not FULL, reason="only in full rounds (make test-slow)")
