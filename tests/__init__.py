"""The tests and their tools: every process of them has one thread, as workers of the harness have."""

import os

# Set before a library reads them. Small arrays gain nothing from threads, and threads that wait for each other while
# another process has the core take ten times the processor time.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
