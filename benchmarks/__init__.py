"""Registered benchmarks, one module or package each."""
