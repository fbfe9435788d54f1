"""Files on disk: the cache folder, steps computed once, and replacing a file as a whole."""
