"""Imported once by the server that forks workers: what every cell needs, so that none of them pays for it again."""

import gc
import signal

import filelock  # noqa: F401
import optuna  # noqa: F401
import platformdirs  # noqa: F401
import psutil  # noqa: F401
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet  # noqa: F401
import scipy.sparse.csgraph  # noqa: F401

from harness import registry
from harness.execution import worker  # noqa: F401
from harness.scenarios import generic  # noqa: F401

registry.discover()
# Ctrl-C is the coordinator's to handle, and a worker may be asked before it says so itself.
signal.signal(signal.SIGINT, signal.SIG_IGN)
gc.freeze()  # what is here stays: a collection in a worker would only copy its pages
