"""Statistics of a board: intervals over folds, resampling, contrasts, groups. On NumPy and SciPy; knows no record."""
