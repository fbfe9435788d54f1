"""Imported once by the fork server: loads what every cell needs, so that each worker starts with it in memory."""

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
# The coordinator handles Ctrl-C. Workers inherit this setting: a signal may reach one before its own code has run.
signal.signal(signal.SIGINT, signal.SIG_IGN)
gc.freeze()  # objects loaded here are permanent; collecting them in a worker would copy pages shared by the fork
