"""Loaded before Django's settings (see `addopts`): a test process shares no file with anything else."""

import gc
import os
import tempfile

_VAR = tempfile.TemporaryDirectory(prefix="arena-test-")  # kept referenced: removed when the process ends

# Thousands of tests are collected, none of which becomes garbage: looking for it took three seconds in ten.
gc.set_threshold(100_000)

os.environ["ARENA_VAR"] = _VAR.name
os.environ["DEBUG"] = "1"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
