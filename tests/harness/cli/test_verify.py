"""`harness results verify`: today's code against stored records."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Shell
from tests.harness.cli.test_budget import edit, rows

PLUGIN = """
import numpy as np
from harness import Float, Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads):
        table = np.full((len(payloads), self.classes), 1.0)
        table[:, 1] += 0.0
        return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)

@register_method("constant", version=1, summary="")
class Constant(Method):
    space = {"x": Float(0.0, 1.0, default=0.5)}
    def fit(self, train, validation, params, context): return Even(len(context.classes))
"""


@pytest.fixture
def plugin(shell: Shell) -> Path:
    path = shell.folder / "constant.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


@pytest.fixture
def stored(shell: Shell, mapped: tuple[str, ...]) -> Callable[..., Path]:
    def stored(*arguments: object) -> Path:
        done = shell("run", *arguments, *mapped, "--results", "r")
        assert done.returncode == 0, done.stdout + done.stderr
        return shell.folder / "r"

    return stored


@pytest.fixture(scope="module")
def run_of_majority(tmp_path_factory: pytest.TempPathFactory, cache: Path, mapped: tuple[str, ...]) -> Path:
    """The results folder of one cell of the cheapest method; tests copy it."""
    shell = Shell(tmp_path_factory.mktemp("majority"), cache)
    done = shell("run", "--method", "majority", "--scenario", "random", *mapped, "--results", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    return shell.folder / "r"


def test_unchanged_code_gives_identical_cells_with_views_and_derived_environments(
    shell: Shell, stored: Callable[..., Path], mapped: tuple[str, ...]
) -> None:
    methods = ("--method", "majority,tfidf-logreg", "--trials", 2)
    folder = stored(*methods, "--scenario", "random,random@headers", "--perturb", "encoding", "--depth", 2,
                    "--draws", 2, "--diagnostics", "--seeds", 1)  # fmt: skip
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = shell("results", "verify", "--results", "r", "--cells", 30, *mapped)
    assert done.returncode == 0, done.stdout + done.stderr
    records = len(list(folder.glob("*/*/*.json")))
    assert f"reproduces the stored results of all {records} cells, to the last digit." in done.stdout
    lines = [*rows(done.stdout, "majority"), *rows(done.stdout, "tfidf-logreg")]
    assert [line[-1] for line in lines] == ["identical"] * records
    assert any("random@headers," in line for line in lines)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_other_results_of_the_same_code_and_an_edited_figure_are_named(
    shell: Shell, stored: Callable[..., Path], plugin: Path, mapped: tuple[str, ...]
) -> None:
    offset = shell.folder / "offset.txt"
    offset.write_text("0.0", encoding="utf-8")
    plugin.write_text(PLUGIN.replace("+= 0.0", f"+= float(open({str(offset)!r}).read())"), encoding="utf-8")
    stored("--plugin", plugin, "--method", "constant,majority", "--scenario", "random")
    offset.write_text("0.1", encoding="utf-8")
    arguments = ("results", "verify", "--results", "r", "--plugin", plugin, *mapped)
    changed = shell(*arguments)
    assert changed.returncode == 1
    (line,) = rows(changed.stdout, "constant")
    assert "differs: metrics/" in " ".join(line)
    assert rows(changed.stdout, "majority")[0][-1] == "identical"
    assert "does not reproduce the stored results of 1 of 2 cells" in changed.stdout
    edit(shell.folder / "r", "*/*/majority-*.json", lambda r: r["result"]["metrics"]["id"].update(macro_f1=0.77))
    edited = shell(*arguments, "--method", "majority")
    assert edited.returncode == 1
    assert "differs: metrics/id/macro_f1 0.77 → " in edited.stdout


def test_on_other_pins_or_processors_macro_f1_may_differ_by_two_hundredths(
    shell: Shell, stored: Callable[..., Path], mapped: tuple[str, ...]
) -> None:
    folder = stored("--method", "nearest-neighbor", "--scenario", "random")
    arguments = ("results", "verify", "--results", "r", *mapped)

    def moved(by: float) -> Callable[[dict], None]:
        def change(record: dict) -> None:
            figures = record["result"]["metrics"]["id"]
            figures["macro_f1"] = round(figures["macro_f1"] - by, 6)

        return change

    edit(folder, "*/*/*.json", moved(0.015))
    assert shell(*arguments).returncode == 1
    edit(folder, "*/*/*.json", lambda r: r["provenance"]["machine"].update(processor="another"))
    near = shell(*arguments)
    assert near.returncode == 0, near.stdout
    assert "macro-F1 within 0.02 (another processor model)" in near.stdout
    assert "reproduces the stored results of all 1 cells, 1 of them within 0.02 of macro-F1." in near.stdout
    edit(folder, "*/*/*.json", lambda r: r["provenance"]["packages"].update(numpy="1.0"))
    assert "other pins: numpy 1.0 → " in shell(*arguments).stdout
    edit(folder, "*/*/*.json", moved(0.015))
    far = shell(*arguments)
    assert far.returncode == 1
    assert "differs: metrics/id/macro_f1" in far.stdout


def test_cells_of_this_processor_model_are_rerun_before_cheaper_ones(
    shell: Shell, stored: Callable[..., Path], mapped: tuple[str, ...]
) -> None:
    folder = stored("--method", "majority", "--scenario", "random", "--seeds", 2)

    def cheaper(record: dict) -> None:
        record["provenance"]["machine"]["processor"] = "another"
        record["provenance"]["compute_seconds"] = 0.0

    edit(folder, "*/*/*-s0-*.json", cheaper)
    done = shell("results", "verify", "--results", "r", *mapped)
    assert "random, seed 1" in done.stdout
    assert "seed 0" not in done.stdout


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("method_version", 0, "method_version 0 → 1"),
        ("corpus", "0" * 64, "corpus 000"),
        ("protocol", 0, "protocol 0 → 3"),
        ("scenario_version", 9, "scenario_version 9 → 2"),
        ("trials", 7, "the search space, the schema of the record or the record itself was changed"),
    ],
)
def test_a_cell_that_has_another_key_today_is_said_and_not_run(
    shell: Shell, run_of_majority: Path, mapped: tuple[str, ...], field: str, value: object, words: str
) -> None:
    folder = shutil.copytree(run_of_majority, shell.folder / "r")

    def older(record: dict) -> None:
        record["cell"][field] = value
        if field != "trials":
            record["key"] = "0" * 64

    edit(folder, "*/*/*.json", older)
    done = shell("results", "verify", "--results", "r", *mapped)
    assert done.returncode == 1
    assert "another cell today: " in done.stdout
    assert "1 of 1 cells could not be rerun; the table says why." in done.stdout
    assert words in done.stdout
    assert "[1/1]" not in done.stdout


def test_what_is_missing_to_rerun_a_cell_is_said(
    shell: Shell, stored: Callable[..., Path], plugin: Path, mapped: tuple[str, ...], requests_file: Path
) -> None:
    stored("--plugin", plugin, "--method", "constant", "--scenario", "group-disjoint")
    without = shell("results", "verify", "--results", "r", *mapped)
    assert without.returncode == 1
    assert "no method of this name is registered; load a plug-in with --plugin FILE" in without.stdout
    for arguments, complaint in (
        ((), "for the records of files-requests give --bench"),
        (("--bench", "synthetic"), "there is no completed record of synthetic"),
        (("--method", "constnt", *mapped), "did you mean constant"),
        (("--cells", 0, *mapped), "--cells 0"),
        (("--map", "label=class"), "belong to --bench"),
    ):
        done = shell("results", "verify", "--results", "r", *arguments)
        assert done.returncode == 2, done.stdout
        assert complaint in done.stderr
    ungrouped = ("--bench", f"files:{requests_file}", "--map", "payload=raw,label=class")
    gone = shell("results", "verify", "--results", "r", "--plugin", plugin, *ungrouped)
    assert gone.returncode == 1
    assert "group-disjoint" in gone.stdout


def test_the_cheapest_fresh_cells_are_taken(shell: Shell, stored: Callable[..., Path], mapped: tuple[str, ...]) -> None:
    folder = stored("--method", "majority", "--scenario", "random", "--seeds", 3)
    for seed, seconds in ((0, 3.0), (1, 1.0), (2, 2.0)):
        edit(folder, f"*/*/majority-s{seed}-*.json", lambda r, s=seconds: r["provenance"].update(compute_seconds=s))
    edit(folder, "*/*/majority-s1-*.json", lambda r: r["cell"].update(method_version=0))
    done = shell("results", "verify", "--results", "r", *mapped)
    assert done.returncode == 0, done.stdout
    assert [line[-2] for line in rows(done.stdout, "majority")] == ["2"]
    record = json.loads(next(folder.glob("*/*/majority-s2-*.json")).read_text(encoding="utf-8"))
    assert record["provenance"]["compute_seconds"] == 2.0
