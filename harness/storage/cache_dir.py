"""The folder of everything that is computed once and kept: corpora, shared steps, downloads."""

import os
from pathlib import Path


def cache_root() -> Path:
    """Returns the cache folder: ``$HARNESS_CACHE``, else the platform's place for user caches."""
    import platformdirs

    return Path(os.environ.get("HARNESS_CACHE") or platformdirs.user_cache_dir("shortcut-harness"))
