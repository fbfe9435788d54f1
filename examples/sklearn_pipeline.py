"""Hand a scikit-learn pipeline to the harness as a method, with a search space of its own."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import harness


def svm(penalty: float = 1.0, longest: int = 4):
    """Returns an unfitted pipeline; it is fitted on lists of bytes."""
    words = TfidfVectorizer(analyzer="char", ngram_range=(1, longest), encoding="latin-1")
    return make_pipeline(words, LinearSVC(C=penalty))


svm.space = {"penalty": harness.Float(0.1, 10.0, default=1.0, log=True), "longest": [3, 4]}

results = harness.run({"svm": svm, "tfidf-logreg": "tfidf-logreg"}, "synthetic", "cve-disjoint", seeds=1, trials=2)
print(results.table())
print(results.cells().to_csv())
