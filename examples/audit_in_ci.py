"""Fail a data pipeline when a dataset offers shortcuts: leaks between splits, or a cue that gives a class away."""

import sys

import harness

result = harness.audit("synthetic", scenarios="cve-disjoint", seeds=1)
print(result)

above = result.above("leaks=0,cue=0.9")
for sentence in above:
    print(f"too high: {sentence}", file=sys.stderr)
sys.exit(1 if above else 0)
