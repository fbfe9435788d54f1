"""The pilot: what it trains on, that it resumes, and how it selects."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from harness import registry, space
from tests.tools import figures, pilot, pilot_table
from tests.tools.pilot_table import Line, Measured

SIZES = (66, 22)
LIGHT = ("tfidf-logreg", "nearest-neighbor")


@pytest.fixture(scope="module")
def results(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pilot") / "pilot.jsonl"
    pilot.run(pilot.plan(LIGHT, 2, (0, 1), SIZES), 1, file)
    return file


def test_a_line_holds_each_configuration_on_each_fold_and_scenario(results: Path) -> None:
    lines = list(pilot_table.read(results))
    assert len(lines) == 2 * 3 * 2 * 2
    assert len({(line.method, line.configuration, line.fold, line.scenario) for line in lines}) == len(lines)
    for line in lines:
        assert line.error == ""
        assert 0.1 < line.macro_f1 < 0.9
        assert line.seconds > 0
        if line.configuration == 0:
            assert line.params == space.defaults(registry.method(line.method).space)
    by_configuration: dict[tuple[str, int], set[str]] = {}
    for line in lines:
        by_configuration.setdefault((line.method, line.configuration), set()).add(json.dumps(line.params))
    assert all(len(params) == 1 for params in by_configuration.values())  # the same in all folds and scenarios
    assert len(set().union(*by_configuration.values())) == len(by_configuration)


def test_a_stopped_pilot_goes_on_where_it_was(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    stopped = tmp_path / "pilot.jsonl"
    whole = results.read_text(encoding="utf-8").splitlines(keepends=True)
    stopped.write_text("".join(whole[:-2]), encoding="utf-8")
    pilot.run(pilot.plan(LIGHT, 2, (0, 1), SIZES), 1, stopped)
    assert f"{len(whole) - 2} of {len(whole)} trainings" in capsys.readouterr().out
    first, second = ([replace(line, seconds=0) for line in pilot_table.read(file)] for file in (results, stopped))
    assert first == second


def test_a_raised_version_is_trained_again(results: Path) -> None:
    done = pilot.keys(results)
    trainings = pilot.plan(LIGHT, 2, (0, 1), SIZES)
    assert {training.key for training in trainings} == done
    assert replace(trainings[0], version=99).key not in done
    assert replace(trainings[0], scenario_version=99).key not in done


def test_it_scores_the_rows_of_pilot_cves_and_no_others(cache: Path) -> None:
    from harness.benchmarks.synthetic.pilot_cves import pilot_rows

    benchmark, corpus = figures.open_synthetic()
    for scenario in pilot.SCENARIOS:
        data = pilot.data_of(scenario, 1, SIZES, frozenset())
        sample = corpus.table.column("sample").to_pylist()
        assert len(data.labels) == len(data.payloads)
        drawn = figures.draw(benchmark, corpus, scenario, 1)
        tested = {e for environment in drawn.environments.values() for e in environment.rows.tolist()}
        rows = np.flatnonzero(pilot_rows(corpus))
        assert not tested & set(rows.tolist())
        assert len(data.train) == SIZES[0]
        assert len(data.labels) < len(rows) < len(sample)
        assert not set(data.train.payloads) & set(data.payloads)


def test_the_best_epoch_is_that_of_the_last_stage() -> None:
    assert pilot.best_epoch([]) == (0, 0)
    assert pilot.best_epoch([(0, -2.0), (1, -1.0), (2, -1.5)]) == (2, 3)
    assert pilot.best_epoch([(0, -0.1), (1, -0.2), (0, -2.0), (1, -1.0)]) == (2, 2)


def line(fold: int, configuration: int, macro_f1: float, **more: object) -> Line:
    plain = Line("m", 1, "s", 3, fold, configuration, {"c": configuration}, SIZES, macro_f1, 2, 4, 1.0, "")
    return replace(plain, **more)


def test_the_selected_configuration_is_never_scored_on_the_folds_that_selected_it() -> None:
    # Configuration 1 is lucky in fold 0, configuration 2 in fold 1: each is selected where it was not lucky.
    table = {0: (0.5, 0.5, 0.5), 1: (0.9, 0.4, 0.45), 2: (0.4, 0.8, 0.44)}
    lines = tuple(line(fold, number, score) for number, scores in table.items() for fold, score in enumerate(scores))
    method = Measured("m", lines)
    assert method.complete
    assert [method.best([f for f in method.folds if f != fold]) for fold in method.folds] == [2, 1, 1]
    assert method.selected == pytest.approx((0.4 + 0.4 + 0.45) / 3)
    assert method.best(method.folds) == 1


def test_configurations_that_failed_are_not_selected_and_half_measured_methods_are_not_shown() -> None:
    lines = [line(fold, number, 0.1 * number) for number in range(3) for fold in range(2)]
    failed = Measured("m", (*lines[:-1], replace(lines[-1], macro_f1=0.0, error="ValueError: no")))
    assert failed.best(failed.folds) == 1
    half = Measured("m", tuple(lines[:-1]))
    assert not half.complete
    shown = pilot_table.table([half], ["m", "n"])
    assert "| m |" not in shown
    assert "Not measured yet: `m`, `n`." in shown


def test_the_table_has_the_newest_version_and_the_share_of_last_epochs() -> None:
    old = [line(fold, number, 0.9) for number in range(2) for fold in range(2)]
    new = [line(f, n, 0.2 + 0.1 * n, version=2, best_epoch=4 if n else 1) for n in range(2) for f in range(2)]
    (method,) = pilot_table.measured(iter([*old, *new]))
    shown = pilot_table.table([method], ["m"])
    assert "| m | 2 | 2 | 0.200 | 0.300 | +0.100 | 0.300 |" in shown
    assert "| m | 4 | 50% | 0% | 1.0 |" in shown


def test_the_page_shows_the_committed_results() -> None:
    methods = pilot_table.measured(pilot_table.read(pilot_table.RESULTS))
    text = pilot_table.PAGE.read_text(encoding="utf-8")
    for method in methods:
        if method.complete:
            assert f"| {method.name} | {method.lines[0].version} | {len(method.scores)} |" in text
    assert asdict(next(pilot_table.read(pilot_table.RESULTS)))["sizes"] == (330, 110)
