"""`harness results budget`: what methods were asked and spent, and whether it was the same for all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Shell
from tests.harness.cli.test_light_start import loaded

TWO = ("--scenario", "random,group-disjoint", "--results", "r")


@pytest.fixture
def run(shell: Shell, mapped: tuple[str, ...]) -> Callable[..., None]:
    def run(*arguments: object) -> None:
        done = shell("run", *arguments, *mapped, *TWO)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def run_of_majority(tmp_path_factory: pytest.TempPathFactory, cache: Path, mapped: tuple[str, ...]) -> Path:
    """The results folder of a run of the cheapest method; tests copy it."""
    shell = Shell(tmp_path_factory.mktemp("majority"), cache)
    done = shell("run", "--method", "majority", "--seeds", 1, *mapped, *TWO)
    assert done.returncode == 0, done.stdout + done.stderr
    return shell.folder / "r"


def edit(folder: Path, pattern: str, change: Callable[[dict], None]) -> None:
    paths = list(folder.glob(pattern))
    assert paths
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        change(record)
        path.write_text(json.dumps(record), encoding="utf-8")


def rows(output: str, first: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines() if line.startswith(f" {first} ")]


def test_equal_budgets_are_said_with_figures_by_method_and_by_scenario(shell: Shell, run: Callable[..., None]) -> None:
    run("--method", "majority,nearest-neighbor,tfidf-logreg", "--trials", 2, "--seeds", 2)
    for seconds, pattern in ((1.0, "majority"), (2.0, "nearest-neighbor"), (3.0, "tfidf-logreg")):
        edit(shell.folder / "r", f"*/*/{pattern}-*.json", lambda r, s=seconds: r["provenance"].update(
            compute_seconds=s, shared_seconds=s / 2, predict_seconds=0.0))  # fmt: skip
    done = shell("results", "budget", "--results", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each cell 2 trials and 120 compute seconds · sampler random, pruner none" in done.stdout
    assert "All methods of a corpus had the same budget" in done.stdout
    assert "Core-hours: 0.01 of tuning, 0.00 of scoring, 0.00 of scoring trials that were not selected, 0.00 of " in (
        done.stdout
    )
    (line,) = rows(done.stdout, "tfidf-logreg")
    figures = ["3.0", "3.0", "1.5", "4.5", "1.50", "0.04"]
    assert line == ["tfidf-logreg", "4", "8,", "480", "s", "8", "complete", "trials", "4", *figures]
    (line,) = rows(done.stdout, "majority")
    assert line[5:9] == ["4", "complete", "space", "4"]
    by_scenario = shell("results", "budget", "--results", "r", "--by", "scenario")
    assert by_scenario.returncode == 0
    assert [line[1] for line in rows(by_scenario.stdout, "random")] == ["majority", "nearest-neighbor", "tfidf-logreg"]
    assert len(rows(by_scenario.stdout, "group-disjoint")) == 3


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--trials", 3, "different trials on group-disjoint, seed 0 and 1 more: 2 for majority; "
         "3 for nearest-neighbor."),
        ("--seconds", 60, "different compute seconds per cell on group-disjoint, seed 0 and 1 more: 120 for majority; "
         "60 for nearest-neighbor."),
        ("--sampler", "tpe", "different sampler on"),
        ("--pruner", "median", "different pruner on"),
        ("--preset", "standard", "different limits of training/validation/test rows on"),
    ],
)  # fmt: skip
def test_different_budgets_of_one_corpus_are_named(
    shell: Shell, run: Callable[..., None], run_of_majority: Path, option: str, value: object, sentence: str
) -> None:
    shutil.copytree(run_of_majority, shell.folder / "r")
    run("--method", "nearest-neighbor", "--seeds", 1, option, value)
    done = shell("results", "budget", "--results", "r")
    assert done.returncode == 1
    assert sentence in done.stdout
    assert "All methods of a corpus" not in done.stdout


def test_methods_that_both_ran_under_two_budgets_were_treated_alike(shell: Shell, run: Callable[..., None]) -> None:
    for trials in (1, 2):
        run("--method", "majority,nearest-neighbor", "--trials", trials)
    done = shell("results", "budget", "--results", "r")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("· preset quick ·") == 2


def test_a_cell_beyond_one_and_a_half_times_its_seconds_is_named(shell: Shell, run: Callable[..., None]) -> None:
    run("--method", "majority,nearest-neighbor")

    def overspend(record: dict) -> None:
        record["provenance"].update(compute_seconds=170.0, shared_seconds=20.0)

    edit(shell.folder / "r", "*/random/nearest-neighbor-*.json", overspend)
    done = shell("results", "budget", "--results", "r")
    assert done.returncode == 1
    assert (
        "nearest-neighbor used more than 1.5 times its compute seconds in 1 of its cells, at most 1.58 times (random, "
        "seed 0)." in done.stdout
    )


def test_failed_stale_and_probing_records_are_counted_not_hidden(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin = shell.folder / "bad.py"
    plugin.write_text(
        "from harness import Method, register_method\n"
        "@register_method('raises', version=2, summary='')\n"
        "class Raises(Method):\n"
        "    def fit(self, train, validation, params, context): raise RuntimeError('on purpose')\n",
        encoding="utf-8",
    )
    for methods, scenario in (("raises,majority", "random"), ("nearest-neighbor", "random@headers")):
        shell("run", "--plugin", plugin, "--method", methods, *mapped, "--scenario", scenario, "--results", "r")
    done = shell("results", "budget", "--results", "r", "--plugin", plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(done.stdout, "raises")[0][1:6] == ["1", "(1", "failed)", "2,", "120"]
    assert "note: 1 records of probes" in done.stdout
    assert "note: 1 cells failed" in done.stdout
    edit(shell.folder / "r", "*/random/raises-*.json", lambda record: record["cell"].update(method_version=1))
    stale = shell("results", "budget", "--results", "r", "--plugin", plugin)
    assert "note: 1 stale records are not counted" in stale.stdout
    assert not rows(stale.stdout, "raises")


def test_nothing_to_look_at_is_one_sentence(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    for arguments, complaint in (
        (("--results", "nosuch"), "there is no such folder"),
        (("--results", "empty"), "the folder has no records"),
        (("--by", "methd"), "--by methd: the value must be method or scenario"),
    ):
        done = shell("results", "budget", *arguments)
        assert done.returncode == 2
        assert complaint in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_looking_at_budgets_and_runs_is_light(shell: Shell, run_of_majority: Path) -> None:
    shutil.copytree(run_of_majority, shell.folder / "r")
    assert loaded(shell, "results", "budget", "--results", "r") == []
    assert loaded(shell, "results", "status", "--results", "r") == []
