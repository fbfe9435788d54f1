"""Times of each part at two sizes, by pytest-benchmark: ``make bench``."""
