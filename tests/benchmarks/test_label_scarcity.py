"""Scenarios with scarce labels: which rows have which label, what stays hidden, and that tests are those of others."""

import numpy as np
import pytest

from harness import Benchmark, BenchmarkRef, Corpus, Scenario, Sizes, registry, splits
from harness.scenarios.splits.label_noise import CONFUSIONS, noisy_labels, transitions
from harness.scenarios.training_data import training_and_validation

SIZES = Sizes(330, 110, 220)
TEXT = frozenset({"text"})
SCARCE = ("few-5", "few-20", "few-80", "described-only", "noisy-20", "noisy-40")


@pytest.fixture(scope="module")
def opened(cache: object) -> tuple[Benchmark, Corpus]:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    return benchmark, benchmark.corpus()


def draw(opened: tuple[Benchmark, Corpus], name: str, seed: int = 0) -> Scenario:
    benchmark, corpus = opened
    spec = next(spec for spec in benchmark.scenarios() if spec.name == name)
    return benchmark.build(corpus, spec, seed, SIZES)


def cves(corpus: Corpus, rows: np.ndarray) -> set[str]:
    return set(corpus.table.column("cve").take(rows).to_pylist())


@pytest.mark.parametrize("name", SCARCE)
@pytest.mark.parametrize("seed", [0, 7])
def test_the_tests_are_those_of_cve_disjoint(opened: tuple[Benchmark, Corpus], name: str, seed: int) -> None:
    tested = draw(opened, name, seed).environments["test"].rows
    assert np.array_equal(tested, draw(opened, "cve-disjoint", seed).environments["test"].rows)


@pytest.mark.parametrize("rows", splits.FEW)
def test_few_rows_of_every_class_have_a_label(opened: tuple[Benchmark, Corpus], rows: int) -> None:
    scenario, labels = draw(opened, f"few-{rows}"), opened[1].labels
    assert np.bincount(labels[scenario.train.rows]).tolist() == [rows] * 11
    validated = np.bincount(labels[scenario.validation.rows], minlength=11)
    assert validated.max() == -(-rows // 3)
    assert validated.min() >= min(-(-rows // 3), 20)


def test_fewer_rows_are_among_more_rows(opened: tuple[Benchmark, Corpus]) -> None:
    few, more, most = (set(draw(opened, f"few-{rows}").train.rows.tolist()) for rows in splits.FEW)
    assert few < more < most


def test_all_descriptions_of_the_training_side_stay(opened: tuple[Benchmark, Corpus]) -> None:
    corpus = opened[1]
    texts = {}
    for rows in splits.FEW:
        scenario = draw(opened, f"few-{rows}")
        train = training_and_validation(corpus, scenario, TEXT)[0]
        assert train.descriptions is not None
        texts[rows] = set(train.descriptions.texts)
        assert (train.descriptions.labels >= 0).all()
        given = corpus.descriptions.column("text").to_pylist()
        of_rows = [given[text] for text in corpus.text_of_row[scenario.train.rows].tolist()]
        assert [train.descriptions.texts[i] for i in train.descriptions.of_row.tolist()] == of_rows
    assert len(texts[5]) > 1300
    # They differ only in those of validated CVEs, of which there are more with more labels.
    assert len(texts[5] ^ texts[80]) < 0.3 * len(texts[80])


@pytest.mark.parametrize("name", SCARCE)
@pytest.mark.parametrize("seed", range(6))
def test_no_text_of_a_tested_cve_reaches_training(opened: tuple[Benchmark, Corpus], name: str, seed: int) -> None:
    corpus = opened[1]
    scenario = draw(opened, name, seed)
    train = training_and_validation(corpus, scenario, TEXT)[0]
    assert train.descriptions is not None
    table = corpus.descriptions
    cve_of = dict(zip(table.column("text").to_pylist(), table.column("cve").to_pylist(), strict=True))
    tested = cves(corpus, scenario.environments["test"].rows)
    assert tested.isdisjoint(cve_of[text] for text in train.descriptions.texts)
    parts = [scenario.train, *([scenario.unlabelled] if scenario.unlabelled else [])]
    assert all(tested.isdisjoint(cves(corpus, part.rows)) for part in parts)


def test_a_tenth_of_the_rows_have_a_label_and_the_others_a_text(opened: tuple[Benchmark, Corpus]) -> None:
    corpus, scenario = opened[1], draw(opened, "described-only")
    train, validation = training_and_validation(corpus, scenario, TEXT)
    assert scenario.unlabelled is not None
    assert train.unlabelled is not None
    assert train.descriptions is not None
    assert train.unlabelled.of_row is not None
    full = draw(opened, "cve-disjoint")
    both = np.sort(np.concatenate([scenario.train.rows, scenario.unlabelled.rows]))
    assert np.array_equal(both, full.train.rows)
    assert (len(train), len(validation), len(train.unlabelled.payloads)) == (33, 11, 297)
    assert len(set(train.labels.tolist())) == 11
    texts = corpus.descriptions.column("text").to_pylist()
    for row, text in zip(scenario.unlabelled.rows.tolist(), train.unlabelled.of_row.tolist(), strict=True):
        assert train.descriptions.texts[text] == texts[corpus.text_of_row[row]]
    # A text has a class only if a labelled row has the same CVE.
    labelled = set(train.descriptions.of_row.tolist())
    unknown = [text for text in train.unlabelled.of_row.tolist() if text not in labelled]
    assert len(unknown) > 200
    assert set(train.descriptions.labels[unknown].tolist()) == {-1}
    plain = training_and_validation(corpus, scenario, frozenset())[0]
    assert plain.unlabelled is not None
    assert plain.unlabelled.of_row is None
    assert plain.unlabelled.payloads[5] == train.unlabelled.payloads[5]
    assert train.take(np.array([3, 1])).unlabelled is train.unlabelled


@pytest.mark.parametrize("percent", splits.NOISE)
def test_labels_are_wrong_in_training_and_validation_alike(opened: tuple[Benchmark, Corpus], percent: int) -> None:
    corpus, scenario = opened[1], draw(opened, f"noisy-{percent}")
    for part, data in zip(
        (scenario.train, scenario.validation), training_and_validation(corpus, scenario, TEXT), strict=True
    ):
        wrong = data.labels != corpus.labels[part.rows]
        assert wrong.mean() == pytest.approx(percent / 100, abs=0.01)
    train = training_and_validation(corpus, scenario, TEXT)[0]
    assert train.descriptions is not None
    # The class of a row's description is that of its label, right or wrong: the text does not give it away.
    alone = [i for i, text in enumerate(train.descriptions.of_row) if (train.descriptions.of_row == text).sum() == 1]
    assert len(alone) > 50
    assert (train.descriptions.labels[train.descriptions.of_row[alone]] == train.labels[alone]).all()
    grouped = training_and_validation(corpus, scenario, frozenset({"groups"}))[0]
    assert np.array_equal(grouped.groups, grouped.labels)


def test_wrong_labels_follow_the_measured_confusions() -> None:
    classes = ("path-traversal", "code-injection", "file-upload", "no-such-class")
    shares = transitions(classes)
    counts = [
        CONFUSIONS["path-traversal", "code-injection"] + 0.5,
        CONFUSIONS["path-traversal", "file-upload"] + 0.5,
        0.5,
    ]
    assert shares[0].tolist() == pytest.approx([0, *(count / sum(counts) for count in counts)])
    assert shares[3].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    labels = np.zeros(60_000, dtype=np.int64)
    noisy = noisy_labels(labels, 0.4, classes, seed=3, part=0)
    drawn = np.bincount(noisy[noisy != labels], minlength=4) / 24_000
    assert (noisy != labels).sum() == 24_000
    assert drawn == pytest.approx(shares[0], abs=0.01)
    fewer = noisy_labels(labels, 0.2, classes, seed=3, part=0)
    assert np.array_equal(fewer[fewer != labels], noisy[fewer != labels])
    assert not np.array_equal(noisy, noisy_labels(labels, 0.4, classes, seed=3, part=1))


@pytest.mark.parametrize("rows", splits.SHOTS)
def test_a_third_of_the_classes_have_a_few_rows(opened: tuple[Benchmark, Corpus], rows: int) -> None:
    corpus, scenario = opened[1], draw(opened, f"few-shot-{rows}")
    none = draw(opened, "zero-shot")
    counts = np.bincount(corpus.labels[scenario.train.rows], minlength=11)
    assert [counts[c] for c in none.unseen_classes] == [rows] * len(none.unseen_classes)
    assert set(none.train.rows.tolist()) < set(scenario.train.rows.tolist())
    for name in ("seen", "unseen"):
        assert np.array_equal(scenario.environments[name].rows, none.environments[name].rows)
        assert cves(corpus, scenario.train.rows).isdisjoint(cves(corpus, scenario.environments[name].rows))
    train = training_and_validation(corpus, scenario, TEXT)[0]
    assert train.descriptions is not None
    assert set(none.unseen_classes) <= set(train.descriptions.labels.tolist()), "their texts may be used"
