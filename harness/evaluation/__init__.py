"""Metrics, and the counts that records keep so that metrics can be recomputed."""
