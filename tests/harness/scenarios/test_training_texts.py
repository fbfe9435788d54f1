"""What texts training is handed: none of what a scenario keeps apart."""

import datetime
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from harness import (
    BenchmarkRef,
    Corpus,
    Environment,
    EnvironmentSpec,
    Scenario,
    ScenarioSpec,
    Sizes,
    StoredRows,
    registry,
)
from harness.scenarios import training_texts

SIZES = Sizes(330, 110, 165)


@pytest.fixture(scope="module")
def corpus(cache: object) -> Corpus:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("synthetic")).corpus()


def drawn(corpus: Corpus, name: str, seed: int = 0) -> Scenario:
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    return benchmark.build(corpus, next(s for s in benchmark.scenarios() if s.name == name), seed, SIZES)


def facts(corpus: Corpus, texts: tuple[str, ...], column: str) -> list[object]:
    table = corpus.descriptions
    return [
        value
        for text, value in zip(table.column("text").to_pylist(), table.column(column).to_pylist(), strict=True)
        if text in set(texts)
    ]


def values(corpus: Corpus, scenario: Scenario, column: str) -> set[object]:
    parts = [scenario.validation.rows, *(e.rows for e in scenario.environments.values())]
    return set(corpus.table.column(column).take(np.concatenate(parts)).to_pylist())


def without_payload(corpus: Corpus, scenario: Scenario) -> tuple[str, ...]:
    descriptions = training_texts.training_descriptions(corpus, scenario)
    return descriptions.texts[int(descriptions.of_row.max()) + 1 :]


def test_training_is_handed_the_texts_of_its_rows_and_those_without_a_payload(corpus: Corpus) -> None:
    scenario = drawn(corpus, "cve-disjoint")
    descriptions = training_texts.training_descriptions(corpus, scenario)
    texts = corpus.descriptions.column("text").to_pylist()
    for row, text in zip(scenario.train.rows[:50].tolist(), descriptions.of_row[:50].tolist(), strict=True):
        assert descriptions.texts[text] == texts[corpus.text_of_row[row]]
        assert descriptions.labels[text] == corpus.labels[row]
    assert len(without_payload(corpus, scenario)) == 1047
    assert (descriptions.labels >= 0).all()
    assert len(set(descriptions.texts)) == len(descriptions.texts)


@pytest.mark.parametrize("name", ["cve-disjoint", "product-disjoint", "time-disjoint", "zero-shot"])
@pytest.mark.parametrize("seed", [0, 4])
def test_texts_share_no_cve_with_validation_or_tests(corpus: Corpus, name: str, seed: int) -> None:
    scenario = drawn(corpus, name, seed)
    texts = training_texts.training_descriptions(corpus, scenario).texts
    trained_cves = set(corpus.table.column("cve").take(scenario.train.rows).to_pylist())
    assert not (set(facts(corpus, texts, "cve")) - trained_cves) & values(corpus, scenario, "cve")


def test_where_products_are_held_out_so_are_their_other_texts(corpus: Corpus) -> None:
    scenario = drawn(corpus, "product-disjoint")
    tested = {
        value
        for environment in ("test",)
        for value in corpus.table.column("product").take(scenario.environments[environment].rows).to_pylist()
    }
    extra = without_payload(corpus, scenario)
    assert not set(facts(corpus, extra, "product")) & tested
    assert len(extra) < len(without_payload(corpus, drawn(corpus, "cve-disjoint")))


def test_before_a_date_no_text_of_later_days_is_known(corpus: Corpus) -> None:
    scenario = drawn(corpus, "time-disjoint")
    begin = datetime.date(1970, 1, 1) + datetime.timedelta(days=scenario.test_start)
    extra = without_payload(corpus, scenario)
    assert extra
    assert max(facts(corpus, extra, "date")) < begin


def test_unseen_classes_have_neither_row_nor_text(corpus: Corpus) -> None:
    for seed in range(3):
        scenario = drawn(corpus, "zero-shot", seed)
        descriptions = training_texts.training_descriptions(corpus, scenario)
        assert set(scenario.unseen_classes) == set(range(seed, 11, 3))
        assert not np.isin(descriptions.labels, scenario.unseen_classes).any()
        for part in (scenario.train, scenario.validation, scenario.environments["seen"]):
            assert not np.isin(corpus.labels[part.rows], scenario.unseen_classes).any()
        assert np.isin(corpus.labels[scenario.environments["unseen"].rows], scenario.unseen_classes).all()


def by_hand(**changes: object) -> tuple[Corpus, Scenario]:
    """Rows of four CVEs, one in each part, and texts of them and of a fifth that no row refers to."""
    numbers = "12345"
    table = {"sample": list("1234"), "payload": [b"GET /%d" % n for n in range(4)], "label": ["a", "b"] * 2}
    texts = {"description_id": list(numbers), "text": [f"text {n}" for n in numbers], "label": ["a", "b"] * 2 + ["a"]}
    cves = [f"CVE-2020-000{n}" for n in numbers]
    texts |= {"cve": cves, "date": [datetime.date(2020, 1, n) for n in range(1, 5)] + [None]}
    data = Corpus.create("toy", pa.table(table | {"cve": cves[:4]}), pa.table(texts))
    train, validation, in_distribution, test = (Environment(StoredRows(np.array([row]))) for row in range(4))
    spec = ScenarioSpec("toy", "none", "a toy", {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)})
    environments = {"id": in_distribution, "test": test}
    return data, replace(Scenario(spec, train, validation, environments, np.arange(4)), **changes)


def test_texts_of_validation_and_of_every_test_are_withheld() -> None:
    data, scenario = by_hand()
    descriptions = training_texts.training_descriptions(data, scenario)
    assert descriptions.texts == ("text 1", "text 5")
    assert descriptions.labels.tolist() == [0, 0]
    assert training_texts.withheld_note(data, scenario) == (
        "2 of 5 texts without a payload are used in training; withheld: 3 with a validated or tested CVE"
    )


def test_from_the_first_day_of_the_tests_on_texts_are_withheld_and_so_are_undated_ones() -> None:
    first = (datetime.date(2020, 1, 1) - datetime.date(1970, 1, 1)).days
    for start, texts in ((first, ()), (first + 1, ("text 1",))):
        data, scenario = by_hand(test_start=start)
        assert training_texts.training_descriptions(data, scenario).texts == texts


def test_texts_of_unseen_classes_are_withheld() -> None:
    data, scenario = by_hand(unseen_classes=(0,))
    assert training_texts.training_descriptions(data, scenario).texts == ()
