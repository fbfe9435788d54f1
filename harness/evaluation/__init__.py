"""Metrics, and the counts in records from which metrics can be recomputed."""
