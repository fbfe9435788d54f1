"""Statistics of a leaderboard: intervals over folds, bootstrap, contrasts, groups. Uses NumPy and SciPy, no records."""
