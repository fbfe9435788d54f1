"""The cache folder: built corpora, shared steps and downloads."""

import os
from pathlib import Path


def cache_root() -> Path:
    """Returns the cache folder: ``$HARNESS_CACHE``, otherwise the platform's user cache folder."""
    import platformdirs

    chosen = os.environ.get("HARNESS_CACHE")
    return Path(os.path.expanduser(chosen) if chosen else platformdirs.user_cache_dir("shortcut-harness"))
