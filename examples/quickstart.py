"""Compare two methods on the built-in benchmark, and look at the result as tables."""

import harness

results = harness.run(
    methods="tfidf-logreg,majority",
    benchmark="synthetic",
    scenarios="cve-disjoint",
    seeds=2,
    trials=1,
)

print(results.table())
print(results.contrast("tfidf-logreg", "majority"))
results.table().to_csv("board.csv")
