"""Compute a metric that no record has from the kept predictions of a run, without running it again."""

from sklearn.metrics import f1_score, roc_auc_score

import harness

results = harness.run("tfidf-logreg,nearest-neighbor", scenarios="cve-disjoint", seeds=1, trials=1, progress=False)
for record in results.records:
    kept = results.predictions(record)
    for environment, part in kept.items():
        area = roc_auc_score(part.labels, part.probabilities, multi_class="ovr", labels=range(len(kept.classes)))
        macro_f1 = f1_score(part.labels, part.predicted, average="macro", labels=sorted(set(part.labels)))
        print(f"{record.cell.method} in {environment}: AUROC {area:.3f}, macro-F1 {macro_f1:.3f}")
        assert abs(macro_f1 - record.result.metrics[environment]["macro_f1"]) < 1e-9  # as in the record

# An ensemble: the mean of both methods' probabilities for the same payloads.
one, other = (results.predictions(record)["test"] for record in results.records)
assert (one.rows == other.rows).all()
mean = (one.probabilities + other.probabilities) / 2
print(f"both: macro-F1 {f1_score(one.labels, mean.argmax(axis=1), average='macro'):.3f}")
