"""Imported once by the fork server: loads what every cell needs, so that each worker starts with it in memory."""

import atexit
import gc
import os
import shutil
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
from harness.execution.worker import FORK_SERVER_FOLDER
from harness.scenarios import generic  # noqa: F401

registry.discover()
# The coordinator handles Ctrl-C and a closed terminal. Workers inherit this setting: a signal may reach one before its
# own code has run.
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if FORK_SERVER_FOLDER in os.environ:
    # The coordinator deletes the folder of the server's socket when it ends, unless it is killed; then the server does.
    atexit.register(shutil.rmtree, os.environ[FORK_SERVER_FOLDER], ignore_errors=True)
gc.freeze()  # objects loaded here are permanent; collecting them in a worker would copy pages shared by the fork
