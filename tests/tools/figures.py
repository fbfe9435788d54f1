"""The figures of the synthetic benchmark that its tests bound and its card prints.

``python -m tests.tools.figures`` rewrites the generated part of docs/synthetic.md.
"""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.cues import CUES
from harness.benchmarks.synthetic.scenarios import RHO

from harness import Benchmark, BenchmarkRef, Corpus, Scenario, Sizes, TrainingData, registry, space
from harness.data import near_duplicates, payload_parts
from harness.evaluation.metrics import confusion, macro_f1
from tests.conftest import ROOT
from tests.tools import golden

LARGE = Sizes(1320, 330, 550)
PROBES = {
    "full": (0.60, 0.90),
    "carrier": (0.0, 0.30),
    "headers": (0.0, 0.22),
    "headers-without-content": (0.0, 0.15),
}
PROBES["length"] = (0.0, 0.25)
CARD = ROOT / "docs" / "synthetic.md"
BEGIN, END = "<!-- generated: python -m tests.tools.figures -->", "<!-- end of generated part -->"


def open_synthetic() -> tuple[Benchmark, Corpus]:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    return benchmark, benchmark.corpus()


def draw(benchmark: Benchmark, corpus: Corpus, name: str, seed: int, sizes: Sizes = LARGE) -> Scenario:
    spec = next(s for s in benchmark.scenarios() if s.name == name)
    return benchmark.build(corpus, spec, seed, sizes)


def f1(corpus: Corpus, rows: np.ndarray, predicted: np.ndarray) -> float:
    return macro_f1(confusion(corpus.labels[rows], predicted, len(corpus.classes)))


def probe_scores(benchmark: Benchmark, corpus: Corpus, probe: str, rounds: int) -> list[float]:
    """Macro-F1 per seed on `cve-disjoint`, without cues, of a learner that sees a part of the input."""
    from sklearn.ensemble import RandomForestClassifier

    spans = corpus.table.column("span").to_pylist()
    method = registry.method("tfidf-logreg").factory()
    figures = []
    for seed in range(rounds):
        scenario = draw(benchmark, corpus, "cve-disjoint", seed)
        parts = scenario.train.rows, scenario.environments["test"].rows
        train, test = parts
        if probe == "length":
            model = RandomForestClassifier(200, min_samples_leaf=5, random_state=0)
            model.fit(corpus.payloads(train).lengths[:, None], corpus.labels[train])
            predicted = model.predict(corpus.payloads(test).lengths[:, None])
        else:
            shown = [corpus.payloads(rows) for rows in parts]
            if probe != "full":
                shown = [
                    payload_parts.reduce(p, [spans[r] for r in rows], probe)
                    for p, rows in zip(shown, parts, strict=True)
                ]
            data = TrainingData(shown[0], corpus.labels[train])
            with tempfile.TemporaryDirectory() as root:
                context = golden.context(corpus.classes, Path(root))
                predictor = method.fit(data, data, space.defaults(method.space), context)
            predicted = predictor.predict_proba(shown[1]).argmax(1)
        figures.append(f1(corpus, test, predicted))
    return figures


def cue_scores(benchmark: Benchmark, corpus: Corpus, name: str, rounds: int) -> tuple[list[float], list[float]]:
    """Macro-F1 per seed on `id` and on `flip.all` of a learner that sees the cues alone."""
    from sklearn.linear_model import LogisticRegression

    def table(environment: object) -> np.ndarray:
        codes = environment.transform.assignment.codes
        return np.concatenate([np.eye(len(CUES[c].values) + 1)[codes[c]] for c in CUES], axis=1)

    aligned, flipped = [], []
    for seed in range(rounds):
        scenario = draw(benchmark, corpus, name, seed)
        model = LogisticRegression(C=1, max_iter=500).fit(table(scenario.train), corpus.labels[scenario.train.rows])
        test = scenario.environments["id"]
        aligned.append(f1(corpus, test.rows, model.predict(table(test))))
        if "flip.all" in scenario.environments:
            flip = scenario.environments["flip.all"]
            flipped.append(f1(corpus, flip.rows, model.predict(table(flip))))
    return aligned, flipped


def description_scores(benchmark: Benchmark, corpus: Corpus, rounds: int) -> list[float]:
    """Macro-F1 per seed on the descriptions of unseen CVEs, trained on those of the training CVEs."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    by_cve = {card.cve: card for card in cards.load()}
    cves = corpus.table.column("cve").to_pylist()
    figures = []
    for seed in range(rounds):
        scenario = draw(benchmark, corpus, "cve-disjoint", seed, Sizes())
        train, test = (
            [by_cve[c] for c in sorted({cves[r] for r in e.rows})]
            for e in (scenario.train, scenario.environments["test"])
        )
        assert not {c.cve for c in train} & {c.cve for c in test}
        model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=500))
        model.fit([c.description for c in train], [corpus.classes.index(c.threat_class) for c in train])
        truth = np.array([corpus.classes.index(c.threat_class) for c in test])
        predicted = model.predict([c.description for c in test])
        figures.append(macro_f1(confusion(truth, predicted, len(corpus.classes))))
    return figures


def cluster_of_row(corpus: Corpus) -> np.ndarray:
    """The cluster of near-duplicates of each base row, -1 where it has none."""
    return near_duplicates.clusters(corpus.payloads(np.arange(len(corpus))))


def across_cves(corpus: Corpus, cluster: np.ndarray) -> float:
    """Share of rows that have a near-duplicate of another CVE."""
    return float(near_duplicates.crossing(cluster, corpus.codes("cve")[0]).mean())


def generated() -> str:
    """The generated part of the card."""
    benchmark, corpus = open_synthetic()
    lines = [BEGIN, "", f"Content hash `{corpus.meta.hash}`.", ""]
    lines += ["| class | CVEs | before 2021 | techniques | cores | descriptions only |", "|---|---|---|---|---|---|"]
    texts = Counter(text.threat_class for text in cards.load_texts())
    for name in corpus.classes:
        own = [card for card in cards.load() if card.threat_class == name]
        cores = [core for card in own for core in card.cores]
        before = sum(card.year < 2021 for card in own)
        techniques = len({core.technique for core in cores})
        lines.append(f"| {name} | {len(own)} | {before} | {techniques} | {len(cores)} | {texts[name]} |")
    lengths = [int(np.median(corpus.payloads(np.arange(len(corpus))).lengths))]
    train = draw(benchmark, corpus, "iid", 0).train.render(corpus)
    lengths.append(int(np.median(train.lengths)))
    invented = np.mean([card.endpoint.invented for card in cards.load()])
    lines += [
        "",
        f"Median request: {lengths[0]} bytes without cue slots, {lengths[1]} with. Invented endpoints: {invented:.0%}.",
    ]
    lines += ["", "| what a learner sees (`cve-disjoint`, no cues, 6 folds) | macro-F1 | bound |", "|---|---|---|"]
    for probe, (low, high) in PROBES.items():
        mean = np.mean(probe_scores(benchmark, corpus, probe, 6))
        lines.append(f"| {probe} | {mean:.3f} | {low:.2f} to {high:.2f} |")
    lines.append(f"| description text alone | {np.mean(description_scores(benchmark, corpus, 6)):.3f} | 0.80 to 0.97 |")
    lines += ["", "| cues alone (6 folds) | `id` | by design | `flip.all` |", "|---|---|---|---|"]
    for name, rho in {"iid": 0.0, **RHO}.items():
        aligned, flipped = cue_scores(benchmark, corpus, name, 6)
        design = rho + (1 - rho) / len(corpus.classes)
        shown = f"{np.mean(flipped):.3f}" if flipped else "–"
        lines.append(f"| {name} | {np.mean(aligned):.3f} | {design:.3f} | {shown} |")
    share = across_cves(corpus, cluster_of_row(corpus))
    lines += ["", f"Rows with a near-duplicate of another CVE (similarity 0.9): {share:.2%}.", "", END]
    return "\n".join(lines)


def main() -> None:
    """Rewrites the generated part of the card."""
    text = CARD.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    CARD.write_text(before + generated() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
