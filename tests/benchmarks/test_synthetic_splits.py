"""The splits of the synthetic benchmark at the official sizes: what is new in the tests, and what is not."""

import hashlib

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.pilot_cves import pilot_cves, pilot_rows
from harness.benchmarks.synthetic.scenarios import build_pilot

from harness import Benchmark, Corpus, Scenario, Sizes
from harness.protocol import FEWEST_RARE, FOLDS
from harness.scenarios import splits
from tests.tools import figures

STANDARD = Sizes(330, 110, 220)
CROSSED = ("technique-disjoint", "cluster-disjoint", "embedding-disjoint")
NEW_CVES = ("cve-disjoint", "product-disjoint", *CROSSED, "time-disjoint")
SEEDS = (0, 1, 2, 3, 4, 5, 6, 13)


@pytest.fixture(scope="module")
def opened(cache: object) -> tuple[Benchmark, Corpus]:
    return figures.open_synthetic()


def draw(opened: tuple[Benchmark, Corpus], name: str, seed: int, sizes: Sizes = STANDARD) -> Scenario:
    return figures.draw(*opened, name, seed, sizes)


def parts(scenario: Scenario) -> dict[str, np.ndarray]:
    rows = {name: environment.rows for name, environment in scenario.environments.items()}
    return {"train": scenario.train.rows, "validation": scenario.validation.rows, **rows}


@pytest.mark.parametrize("name", NEW_CVES)
def test_no_tested_cve_and_no_endpoint_of_one_is_trained_on(opened: tuple[Benchmark, Corpus], name: str) -> None:
    cves = splits.new_cves(opened[1])
    assert cves is not None
    for seed in SEEDS:
        rows = parts(draw(opened, name, seed))
        seen = np.concatenate([rows["train"], rows["validation"], rows["id"]])
        tested = np.isin(cves.cve, cves.cve[rows["test"]])
        assert len(rows["test"]) == 220
        assert not tested[seen].any()
        endpoints = set(cves.endpoint[tested].tolist()) - {-1}
        assert not endpoints & set(cves.endpoint[seen].tolist())


@pytest.mark.parametrize("name", NEW_CVES)
@pytest.mark.parametrize("sizes", [STANDARD, Sizes(165, 55, 88), Sizes()], ids=["standard", "quick", "full"])
def test_id_rows_are_unseen_attacks_on_trained_units(opened: tuple[Benchmark, Corpus], name: str, sizes: Sizes) -> None:
    cve, core = (opened[1].codes(column)[0] for column in ("cve", "core"))
    for seed in (0, 5, 8):
        scenario = draw(opened, name, seed, sizes)
        rows = parts(scenario)
        assert len(rows["id"]) >= min(sizes.test or 400, 400)
        assert set(scenario.unit[rows["id"]]) <= set(scenario.unit[rows["train"]])
        if name != "product-disjoint":  # whose units are products with several CVEs
            assert set(cve[rows["id"]]) <= set(cve[rows["train"]])
        assert not set(core[rows["id"]]) & set(core[np.concatenate([rows["train"], rows["validation"]])])


def test_training_has_every_class_where_techniques_or_clusters_are_new(opened: tuple[Benchmark, Corpus]) -> None:
    labels = opened[1].labels
    for name in CROSSED:
        for seed in SEEDS:
            rows = parts(draw(opened, name, seed))
            assert np.bincount(labels[rows["train"]], minlength=11).min() >= 10
            assert np.bincount(labels[rows["test"]], minlength=11).min() >= 8


@pytest.mark.parametrize("seed", [0, 3])
def test_repeats_of_a_fold_test_the_same_rows_after_other_training(opened: tuple[Benchmark, Corpus], seed: int) -> None:
    for spec in opened[0].scenarios():
        first, second = (parts(draw(opened, spec.name, s)) for s in (seed, seed + FOLDS))
        assert not np.array_equal(first["train"], second["train"]), spec.name
        redrawn = {"train", "validation", "id"} if spec.scored and spec.shift == "attribute-generalization" else set()
        for environment in set(first) - redrawn - {"train", "validation"}:
            assert np.array_equal(first[environment], second[environment]), (spec.name, environment)


def test_every_rare_class_has_rows_enough_to_be_predicted(opened: tuple[Benchmark, Corpus]) -> None:
    labels, orders = opened[1].labels, set()
    law = np.floor(FEWEST_RARE * splits.tail_ratio(11, 330, 100.0) ** (np.arange(11) / 10) + 1e-6)
    assert 320 < law.sum() <= 330
    for seed in SEEDS:
        scenario = draw(opened, "rare-class", seed)
        counts = np.bincount(labels[scenario.train.rows], minlength=11)
        assert sorted(counts.tolist()) == law.tolist()
        assert list(scenario.environments) == ["test"]
        orders.add(tuple(np.argsort(counts).tolist()))
    assert len(orders) == len(SEEDS)


def test_one_collector_shows_the_carrier_of_one_class_in_every_row(opened: tuple[Benchmark, Corpus]) -> None:
    shown = set()
    for seed in range(4):
        scenario = draw(opened, "planted-100", seed)
        train, environment = scenario.train, scenario.environments["one-collector"]
        neutral = scenario.environments["neutral"].rendered(opened[1])
        rendered, trained = environment.rendered(opened[1]), train.rendered(opened[1])
        labels = np.array(opened[1].labels[train.rows])
        assert np.array_equal(environment.rows, scenario.environments["neutral"].rows)
        assert rendered.cues["proof"] == neutral.cues["proof"]
        classes = set()
        for cue in set(rendered.cues) - {"proof"}:
            (value,) = set(rendered.cues[cue])
            with_value = labels[[other == value for other in trained.cues[cue]]]
            classes.add(int(np.bincount(with_value, minlength=11).argmax()))
        assert len(classes) == 1  # all cues point to the same class
        shown |= classes
        assert not scenario.spec.environments["one-collector"].shifted
    assert len(shown) > 1


def test_units_are_what_a_scenario_holds_out(opened: tuple[Benchmark, Corpus]) -> None:
    columns = {spec.name: draw(opened, spec.name, 0).unit_column for spec in opened[0].scenarios()}
    assert {name: column for name, column in columns.items() if column} == {
        "product-disjoint": "product",
        "technique-disjoint": "group.technique",
        "cluster-disjoint": "attack cluster",
        "embedding-disjoint": "embedding cluster",
    }


def test_a_seventh_of_the_cves_of_each_class_is_for_the_pilot() -> None:
    by_class: dict[str, list[str]] = {}
    for card in cards.load():
        by_class.setdefault(card.threat_class, []).append(card.cve)
    for cves in by_class.values():
        pilot = pilot_cves() & set(cves)
        assert len(pilot) == round(len(cves) / 7) >= 3
        others = {hashlib.sha256(cve.encode()).hexdigest() for cve in set(cves) - pilot}
        assert max(hashlib.sha256(cve.encode()).hexdigest() for cve in pilot) < min(others)


@pytest.mark.parametrize("sizes", [STANDARD, Sizes()], ids=["standard", "full"])
def test_no_environment_has_a_row_of_a_pilot_cve(opened: tuple[Benchmark, Corpus], sizes: Sizes) -> None:
    pilot = pilot_rows(opened[1])
    trained = np.zeros(len(pilot), dtype=bool)
    for spec in opened[0].scenarios():
        for seed in range(12):
            rows = parts(draw(opened, spec.name, seed, sizes))
            for name in set(rows) - {"train", "validation"}:
                assert not pilot[rows[name]].any(), (spec.name, seed, name)
            trained[rows["train"]] = True
    assert trained[pilot].any()


@pytest.mark.parametrize("name", ["cve-disjoint", "planted-80"])
def test_the_pilot_tests_the_pilot_cves_alone(opened: tuple[Benchmark, Corpus], name: str) -> None:
    corpus = opened[1]
    spec = next(spec for spec in opened[0].scenarios() if spec.name == name)
    pilot, tests = pilot_rows(corpus), []
    for seed in range(12):
        scenario = build_pilot(corpus, spec, seed, Sizes(330, 110, None))
        (environment,) = scenario.environments.values()
        rows, seen = environment.rows, np.concatenate([scenario.train.rows, scenario.validation.rows])
        assert pilot[rows].all()
        assert set(corpus.codes("cve")[0][rows]) == set(corpus.codes("cve")[0][pilot])
        assert (len(scenario.train.rows), len(scenario.validation.rows)) == (330, 110)
        assert not set(corpus.codes("core")[0][rows]) & set(corpus.codes("core")[0][seen])
        assert pilot[seen].any() == (name == "planted-80")
        tests.append(rows)
    assert all(np.array_equal(rows, tests[0]) for rows in tests)
