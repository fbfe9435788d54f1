"""Files on disk: the cache folder, cached shared steps, and atomic file writes."""
