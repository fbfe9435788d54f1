"""The registered benchmarks, one module or folder each."""
