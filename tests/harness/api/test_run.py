"""`harness.run`: what it takes beside names, and that it gives what the command line gives."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import harness
from harness import Context, Method, Params, Payloads, Predictor, TrainingData, UserError, register_method, registry
from harness.api import result_table
from harness.statistics.components import OF_DIFFERENCES
from tests.conftest import Shell, results_of

MAP = {"payload": "raw", "label": "class", "group": "cve", "date": "published"}


class Even(Predictor):
    def __init__(self, classes: int) -> None:
        self.classes = classes

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)


class EvenMethod(Method):
    """Gives every class the same probability."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        return Even(len(context.classes))


@pytest.fixture(scope="module")
def ran(requests_file: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> harness.Results:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(analyzer="char", encoding="latin-1"), MultinomialNB())
    return harness.run(
        {"even": EvenMethod, "bayes": pipeline, "tfidf": "tfidf-logreg"},
        requests_file,
        scenarios="random,group-disjoint",
        seeds=3,
        trials=1,
        mapping=MAP,
        results=tmp_path_factory.mktemp("results"),
        progress=False,
    )


def test_classes_and_estimators_run_beside_registered_methods(ran: harness.Results) -> None:
    assert ran.failures == {}
    assert {(r.cell.method, r.status) for r in ran.records} == {
        ("even", "done"),
        ("sklearn:bayes", "done"),
        ("tfidf-logreg", "done"),
    }
    table = ran.table()
    assert table["method"][0] in ("tfidf-logreg", "sklearn:bayes")
    assert set(table.columns) > {"score", "low", "high", "id", "gap", "group-disjoint/test"}
    assert len(ran.cells()) == 3 * (3 * 1 + 3 * 2)  # methods x (random: id; group-disjoint: id, test) x seeds


def test_a_contrast_is_the_paired_difference_with_its_interval(ran: harness.Results) -> None:
    contrast = {row["scenario"]: row for row in ran.contrast("tfidf-logreg", "even").to_pylist()}
    assert set(contrast) == {"group-disjoint", "score"}
    scores = {
        name: [r.result.metrics["test"]["macro_f1"] for r in ran.records if r.cell.method == name and r.cell.scored]
        for name in ("tfidf-logreg", "even")
    }
    differences = np.array(scores["tfidf-logreg"]) - np.array(scores["even"])
    row = contrast["group-disjoint"]
    assert row["difference"] == pytest.approx(differences.mean())
    # The 97.5 % quantile of t with 2 degrees of freedom; few test units may make the interval wider, never narrower.
    half = 4.302653 * differences.std(ddof=1) * (1 / 3 + OF_DIFFERENCES / 5) ** 0.5
    assert (row["high"] - row["low"]) / 2 >= half - 1e-6
    assert (row["high"] + row["low"]) / 2 == pytest.approx(differences.mean())
    with pytest.raises(UserError, match="did you mean tfidf-logreg"):
        ran.contrast("tfidf-logrg", "even")


def test_tables_export_and_show_in_a_notebook(ran: harness.Results, tmp_path: Path) -> None:
    table = ran.table()
    table.to_csv(tmp_path / "board.csv")
    assert (tmp_path / "board.csv").read_text(encoding="utf-8").splitlines()[1].startswith('"')
    latex = table.to_latex()
    assert latex is not None
    assert r"\toprule" in latex
    assert r"worst\_environment" in latex
    assert table._repr_html_().count("<tr>") == len(table) + 1
    assert "columns hidden" in repr(table)
    escaped = result_table.ResultTable.of_rows([{"name": "<b>&_\x1b[31m"}], ["name"])
    assert "<b>" not in escaped._repr_html_()
    assert "\x1b" not in repr(escaped)
    assert r"\&\_" in str(escaped.to_latex())


def test_the_command_line_gives_the_same_records(ran: harness.Results, shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("run", "--method", "tfidf-logreg", *mapped, "--scenario", "random", "--seeds", "0,", "--trials", 1)
    assert shell(*arguments).returncode == 0
    theirs = results_of(shell.folder / "results/local")
    ours = results_of(ran.folder)
    assert theirs
    assert all(ours[name] == record for name, record in theirs.items())


def test_payloads_in_memory_are_a_benchmark(cache: Path, requests_file: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in requests_file.read_text(encoding="utf-8").splitlines()]
    payloads, labels = [row["raw"] for row in rows], [row["class"] for row in rows]
    results = harness.run("majority", (payloads, labels), "random", 1, trials=1, results=tmp_path, progress=False)
    assert [r.status for r in results.records] == ["done"]
    again = harness.load_results(tmp_path)
    assert [r.key for r in again.records] == [r.key for r in results.records]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"methods": "tfidf-logrg"}, "there is no method named tfidf-logrg"),
        ({"methods": 3}, "int is not a method"),
        ({"benchmark": ([b"x"], ["a", "b"])}, "different lengths"),
        ({"benchmark": {"payload": [b"x"]}}, "the column label is missing"),
        ({"benchmark": ([1], ["a"])}, "payload 0 is int"),
        ({"trials": 0}, "--trials 0: the value must be above 0."),
        ({"preset": "quik"}, "--preset quik is unknown; did you mean quick?"),
        ({"scenarios": "cve-disjont"}, "did you mean cve-disjoint"),
        ({"depth": 2}, "--depth 2 requires --perturb"),
        ({"memory": -1.0}, "gigabytes per worker above 0"),
    ],
)
def test_a_mistake_is_the_sentence_that_the_command_line_prints(
    arguments: dict[str, object], message: str, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        harness.run(**{"methods": "majority", "results": tmp_path / "none", "progress": False, **arguments})
    assert message in str(error.value)
    assert not (tmp_path / "none").exists()


SCRIPT = """
import numpy as np, harness

class Even(harness.Predictor):
    def __init__(self, k): self.k = k
    def predict_proba(self, payloads): return np.full((len(payloads), self.k), 1 / self.k, np.float32)

@harness.register_method("even", version=1, summary="every class alike")
class EvenMethod(harness.Method):
    def fit(self, train, validation, params, context): return Even(len(context.classes)){edit}

results = harness.run([EvenMethod, "majority"], "{file}", "random", 1, trials=1, mapping={mapping!r}, progress=False)
print(sorted((r.cell.method, r.status, r.key) for r in results.records))
"""


def test_a_script_needs_no_guard_and_edited_code_is_another_cell(
    shell: Shell, requests_file: Path, tmp_path: Path
) -> None:
    def run(edit: str = "") -> str:
        script = tmp_path / "script.py"
        script.write_text(SCRIPT.format(edit=edit, file=requests_file, mapping=MAP), encoding="utf-8")
        command = [sys.executable, str(script)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=shell.environment, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("even") == 1  # the workers did not run the script again
        return done.stdout

    first = run()
    assert run("  # another comment") == first
    assert run(" if train else None") != first
    records = [json.loads(p.read_text(encoding="utf-8")) for p in (tmp_path / "results/local").glob("*/*/even*")]
    assert len(records) == 2


def test_the_same_class_replaces_itself_and_another_one_may_not() -> None:
    def define(summary: str, qualified: str = "Mine") -> type[Method]:
        cls = type("Mine", (EvenMethod,), {"__module__": "notebook", "__qualname__": qualified})
        return register_method("mine-again", version=1, summary=summary)(cls)

    define("first")
    define("second")
    assert registry.method("mine-again").summary == "second"
    with pytest.raises(UserError, match="registered twice"):
        define("third", qualified="Other")
    del registry._methods["mine-again"]


def test_a_built_in_method_that_is_imported_first_is_the_same_method() -> None:
    code = """
        import harness.methods.learners.ngrams
        from harness import registry
        registry.discover()
        info = registry.method("tfidf-logreg")
        print(info.in_memory, info.adapter)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False None\n"


def test_predictions_of_a_saved_model(requests_file: Path, cache: Path, tmp_path: Path) -> None:
    done = harness.run(
        "tfidf-logreg", requests_file, "random", 1, trials=1, mapping=MAP, results=tmp_path, save_models=True,
        progress=False,
    )  # fmt: skip
    table = harness.predict(
        [b"GET /?q=1+union+select+1 HTTP/1.1\r\n\r\n", "GET /"], done.records[0].key, results=tmp_path
    )
    assert table["sample"] == ["0", "1"]
    assert set(table["class"]) <= set(done.records[0].result.classes)
    assert sum(table.to_pylist()[0][name] for name in done.records[0].result.classes) == pytest.approx(1, abs=1e-5)
    with pytest.raises(UserError, match="no record in"):
        harness.predict([b"GET /"], "ffff", results=tmp_path)


def test_the_face_is_listed_and_light() -> None:
    code = textwrap.dedent("""
        import sys, harness
        heavy = {"torch", "sklearn", "optuna", "pyarrow", "scipy", "pandas", "rich", "typer"}
        print(sorted(heavy & set(sys.modules)), {"run", "predict", "load_results"} <= set(dir(harness)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"
