"""Saved predictors: saved by runs, checked for changes, and used by another process."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import BenchmarkRef, Payloads, Sizes, UserError, hashing, registry
from harness.cli import options
from harness.records import predictor_files, predictors
from harness.records.store import Store, read
from tests.conftest import Shell, results_of

MAP = "payload=raw,label=class,group=cve,date=published"
registry.discover()
METHODS = ("majority", "nearest-neighbor", "tfidf-logreg", "tfidf-xgboost")
RUN = ("run", "--method", ",".join(METHODS), "--scenario", "random", "--trials", 2, "--save-models")


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory: pytest.TempPathFactory, cache: Path, requests_file: Path) -> Shell:
    """A run that saved its predictors; tests only read it or copy it."""
    shell = Shell(tmp_path_factory.mktemp("saved_run"), cache)
    done = shell(*RUN, "--bench", f"files:{requests_file}", "--map", MAP)
    assert done.returncode == 0, done.stdout + done.stderr
    return shell


@pytest.fixture
def shell(saved_run: Shell, tmp_path: Path) -> Shell:
    """A copy of it that may be damaged."""
    shutil.copytree(saved_run.folder, tmp_path / "copy")
    return Shell(tmp_path / "copy", saved_run.cache)


def record_of(shell: Shell, method: str) -> Path:
    return next(shell.folder.glob(f"results/local/*/random/{method}-s0-*.json"))


@pytest.mark.parametrize("method", METHODS)
def test_another_process_predicts_what_the_record_says(saved_run: Shell, requests_file: Path, method: str) -> None:
    record = read(record_of(saved_run, method))
    done = saved_run("predict", f"files:{requests_file}", "--map", MAP, "--record", record.key[:12])
    assert done.returncode == 0, done.stderr
    lines = {line["sample"]: line for line in map(json.loads, done.stdout.splitlines())}
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("files", str(requests_file), options.mapping([MAP])))
    corpus = benchmark.corpus()
    assert len(lines) == len(corpus)
    spec = next(spec for spec in benchmark.scenarios() if spec.name == "random")
    scenario = benchmark.build(corpus, spec, 0, Sizes(*record.cell.sizes))
    assert record.result is not None
    folder = record_of(saved_run, method).with_suffix(".model")
    loaded, _ = predictors.restore(folder, registry.method(method), record.key)
    for name, environment in scenario.environments.items():
        table = loaded.predict_proba(environment.render(corpus))
        assert hashing.of_array(table.argmax(1).astype(np.int16)) == record.result.predictions[name]
    table = loaded.predict_proba(corpus.payloads(np.arange(len(corpus))))
    for sample, row in zip(corpus.table.column("sample").to_pylist(), table, strict=True):
        line = lines[sample]
        there = np.array([line["probabilities"][name] for name in corpus.classes], np.float32)
        assert np.array_equal(there, row)
        assert line["class"] == corpus.classes[int(row.argmax())]


def test_saving_changes_no_result(saved_run: Shell, tmp_path: Path, mapped: tuple[str, ...]) -> None:
    plain = Shell(tmp_path, saved_run.cache)
    assert plain(*RUN[:-1], *mapped).returncode == 0
    assert not list(tmp_path.glob("results/local/*/*/*.model"))
    assert results_of(tmp_path / "results/local") == results_of(saved_run.folder / "results/local")


def test_cells_without_a_predictor_run_again_for_it(shell: Shell, mapped: tuple[str, ...]) -> None:
    assert "0 to run, 4 with a record" in shell(*RUN, *mapped).stdout
    before = results_of(shell.folder / "results/local")
    shutil.rmtree(record_of(shell, "majority").with_suffix(".model"))
    assert "0 to run" in shell(*RUN[:-1], *mapped).stdout
    again = shell(*RUN, *mapped)
    assert again.returncode == 0
    assert "1 cells with a record but no saved predictor run again" in again.stdout
    assert record_of(shell, "majority").with_suffix(".model").is_dir()
    assert results_of(shell.folder / "results/local") == before


PLUGIN = """
import numpy as np
from harness import Float, Method, Predictor, register_method, predictor_files

class Even(Predictor):
    def __init__(self, k): self.k = k
    def predict_proba(self, payloads): return np.full((len(payloads), self.k), 1 / self.k, np.float32)

class Breaks(Even):
    def save(self, folder):
        (folder / "half").write_text("x")
        raise OSError("no room")

@register_method("says-nothing", version=1, summary="keeps the refusing default")
class SaysNothing(Method):
    def fit(self, train, validation, params, context): return Even(len(context.classes))

@register_method("breaks", version=1, summary="fails while it saves")
class BreaksMethod(Method):
    def fit(self, train, validation, params, context): return Breaks(len(context.classes))
    def load(self, folder, context): raise AssertionError
"""


def test_what_cannot_be_saved_is_said_and_costs_no_result(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    arguments = ("run", *mapped, "--plugin", "plugin.py", *RUN[3:5], "--save-models", "--results", "other", "--method")
    done = shell(*arguments, "says-nothing")
    assert done.returncode == 0, done.stdout
    assert "predictors are not saved for says-nothing" in done.stdout
    failing = shell(*arguments, "breaks")
    assert failing.returncode == 1
    assert "predictor not saved: breaks on random, seed 0: OSError: no room" in failing.stdout
    assert {r["status"] for r in results_of(shell.folder / "other").values()} == {"done"}
    assert {path.suffix for path in (shell.folder / "other").glob("*/random/*")} == {".json"}
    key = next((shell.folder / "other").glob("*/*/says*.json")).stem[-16:]
    refused = shell("predict", "synthetic", "--record", key, "--results", "other", "--plugin", "plugin.py")
    assert refused.returncode == 2
    assert "says-nothing has no saved predictor" in refused.stderr


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "damage", "complaint"),
    [
        ("tfidf.safetensors", _cut, "was changed or truncated"),
        ("trees.safetensors", _flip, "was changed or truncated"),
        ("tfidf.json", Path.unlink, "is missing"),
        ("manifest.json", Path.unlink, "cannot be read"),
        ("manifest.json", lambda p: p.write_bytes(p.read_bytes()[:200]), "is not a complete manifest"),
        ("manifest.json", lambda p: p.write_text(p.read_text().replace("path-", "pith-")), "was changed after"),
        ("extra.txt", lambda p: p.write_text("x"), "does not belong to the saved model"),
    ],
)
def test_a_changed_folder_is_refused_in_one_sentence(shell: Shell, name: str, damage: object, complaint: str) -> None:
    record = record_of(shell, "tfidf-xgboost")
    damage(record.with_suffix(".model") / name)  # type: ignore[operator]
    done = shell("predict", "synthetic", "--record", record.stem[-16:], "--out", "lines.jsonl")
    assert done.returncode == 2, done.stdout
    assert complaint in done.stderr
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(shell.folder.glob("*.jsonl"))


def test_the_model_of_another_record_is_refused(shell: Shell) -> None:
    here, there = (record_of(shell, method).with_suffix(".model") for method in ("majority", "tfidf-logreg"))
    shutil.rmtree(here)
    there.rename(here)
    with pytest.raises(UserError, match="the model of another record"):
        predictors.restore(here, registry.method("tfidf-logreg"), read(record_of(shell, "majority")).key)


def test_the_model_of_another_method_or_version_is_refused(saved_run: Shell) -> None:
    info, place = registry.method("majority"), record_of(saved_run, "majority").with_suffix(".model")
    other = registry.method("tfidf-logreg")
    words = f"was saved by version 1 of majority, but this is version {other.version} of tfidf-logreg"
    with pytest.raises(UserError, match=words):
        predictors.restore(place, other)
    with pytest.raises(UserError, match="but this is version 2 of majority"):
        predictors.restore(place, replace(info, version=2))


def test_what_a_killed_run_left_is_no_part_of_the_next(shell: Shell, mapped: tuple[str, ...]) -> None:
    place = record_of(shell, "majority").with_suffix(".model")
    shutil.rmtree(place)
    for draft in (place.with_name(f".writing-{place.name}"), place.with_name(".writing-another.model")):
        draft.mkdir()
        (draft / "left").touch()
    assert shell(*RUN, *mapped).returncode == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()} == {
        "arrays.safetensors": 0o644,
        "manifest.json": 0o644,
    }
    assert not list(place.parent.glob(".writing-*"))


def test_probes_are_not_kept(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("--method", "majority", "--scenario", "random@length", "--trials", 1, "--save-models")
    for _ in range(2):
        done = shell("run", *arguments, *mapped, "--results", "probes")
        assert done.returncode == 0, done.stdout
    assert "0 to run" in done.stdout
    (record,) = (shell.folder / "probes").glob("*/*/*")
    refused = shell("predict", "synthetic", "--record", record.stem[-16:], "--results", "probes")
    assert "it is a probe, which reads only a part of each payload" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--record", "xyz"), "at least 4 digits of the key"),
        (("--record", "0" * 16), "has this key"),
        (("--record", "0000", "--results", "nosuch"), "no record in nosuch"),
    ],
)
def test_a_wrong_key_is_one_sentence(saved_run: Shell, arguments: tuple[str, ...], complaint: str) -> None:
    done = saved_run("predict", "synthetic", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_beginning_that_several_keys_share_is_refused(shell: Shell) -> None:
    one = record_of(shell, "majority")
    record = read(one)
    store = Store(shell.folder / "results/local")
    store.put(record.model_copy(update={"key": record.key[:8] + "f" * 56}))
    with pytest.raises(UserError, match="several records"):
        store.find(record.key[:8])
    assert store.find(record.key[:20]) == record


def test_lines_go_to_a_file_whole_or_not_at_all(saved_run: Shell, tmp_path: Path) -> None:
    key = record_of(saved_run, "majority").stem[-16:]
    assert saved_run("predict", "synthetic", "--record", key, "--out", tmp_path / "lines.jsonl").returncode == 0
    assert len((tmp_path / "lines.jsonl").read_text(encoding="utf-8").splitlines()) == 11_000
    refused = saved_run("predict", "synthetic", "--record", key, "--out", tmp_path / "nosuch" / "lines.jsonl")
    assert refused.returncode == 2
    assert "cannot be written" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lines.jsonl"]


def test_arrays_and_values_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.array(3.5),
        "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "half": np.array([1, 2], np.float16),
        "none": np.zeros((0, 4), np.float32),
        "flags": np.array([True, False]),
    }
    predictor_files.write_arrays(tmp_path, arrays)
    back = predictor_files.read_arrays(tmp_path)
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], array), name
        assert back[name].shape == array.shape
    values = {"share": 0.1 + 0.2, "names": ["a", "ü"], "deep": {"n": None}}
    predictor_files.write_values(tmp_path, values)
    assert predictor_files.read_values(tmp_path) == values
    (tmp_path / "arrays.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="not a complete safetensors"):
        predictor_files.read_arrays(tmp_path)
    with pytest.raises(UserError, match="not a complete JSON"):
        predictor_files.read_values(tmp_path, "nosuch")


def test_a_predictor_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    from harness.testing import Subject

    registry.discover()
    subject = Subject(registry.method("majority"))
    predictor = subject.predictor
    predictor.save = lambda folder: None  # type: ignore[method-assign]
    with pytest.raises(UserError, match="save wrote no file"):
        predictors.save(predictor, subject.info, subject.context(), tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert len(predictor.predict_proba(Payloads.from_list([b"x"]))) == 1


def test_requests_need_no_label_and_keep_their_place_in_the_file(saved_run: Shell, tmp_path: Path) -> None:
    record = record_of(saved_run, "majority")
    rows = [f'{number},"GET /{number} HTTP/1.1"' for number in range(5)]
    (tmp_path / "in.csv").write_text("\n".join(["name,raw", *rows[:2], "2,", *rows[3:], "broken"]), encoding="utf-8")
    where = f"files:{tmp_path / 'in.csv'}"
    done = saved_run("predict", where, "--map", "payload=raw", "--record", record)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["sample"] for line in done.stdout.splitlines()] == ["0", "1", "3", "4"]
    assert "note: 2 of 6 rows were left out: line 4: the payload is missing or not text; line 7: 1 cells" in done.stderr
    named = saved_run("predict", where, "--map", "payload=raw,id=name", "--where", "name=3|4", "--record", record.name)
    assert [json.loads(line)["sample"] for line in named.stdout.splitlines()] == ["3", "4"]
    for more, sentence in (
        (("--strict",), "2 of 6 rows cannot be used"),
        (("--out", tmp_path / "in.csv"), "this is the input file; name another file"),
    ):
        refused = saved_run("predict", where, "--map", "payload=raw", "--record", record, *more)
        assert refused.returncode == 2
        assert sentence in refused.stderr
    assert (tmp_path / "in.csv").read_text(encoding="utf-8").startswith("name,raw")


def test_a_predictor_that_fails_is_one_sentence_with_the_reason(shell: Shell, mapped: tuple[str, ...]) -> None:
    works = PLUGIN.replace("np.full((len(payloads), self.k)", "np.full((len(payloads), WIDTH or self.k)")
    works = works.replace("class Breaks(Even)", "class Keeps(Even)").replace('raise OSError("no room")', "pass")
    works = works.replace("return Breaks(", "return Keeps(").replace("raise AssertionError", "return Keeps(4)")
    plugin, width = shell.folder / "plugin.py", shell.folder / "width.txt"
    width.write_text("0", encoding="utf-8")
    plugin.write_text(f"WIDTH = int(open({str(width)!r}).read())\n{works}", encoding="utf-8")
    done = shell("run", *mapped, "--plugin", plugin, *RUN[3:5], "--save-models", "--method", "breaks", "--results", "r")
    assert done.returncode == 0, done.stdout
    width.write_text("3", encoding="utf-8")
    (record,) = (shell.folder / "r").glob("*/*/*.json")
    failing = shell("predict", *mapped[1:], "--record", record, "--plugin", plugin, "--results", "r")
    assert failing.returncode == 2
    assert "the saved predictor of breaks fails (PredictionError:" in failing.stderr
    assert len(failing.stderr.splitlines()) == 1
