"""Files of predictions: what is kept, that it is what the record was counted from, and what is refused."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import f1_score, roc_auc_score

import harness
from harness import UserError
from harness.benchmark import BenchmarkRef
from harness.records import predictions
from harness.records.predictions import MAX_BYTES, check_size
from harness.records.store import Store
from harness.storage.bounded import TooLarge
from tests.conftest import Shell
from tests.harness.records.kept import CLASSES, corpus, kept_predictions, old_predictions, probabilities

REFERENCE = BenchmarkRef(
    "files", "a.jsonl", {"payload": "raw"}, {"kind": ("a", "b")}, text=BenchmarkRef("cve-text", "c")
)
RUN = ("run", "--method", "tfidf-logreg,majority", "--trials", 1, "--scenario", "group-disjoint")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "p.parquet"
    path.write_bytes(content)
    return path


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    environments = {"id": ([5, 3, 9], [0, 2, 1]), "test": ([1, 2, 1, 2], [2, 0, 1, 1])}
    path = written(tmp_path, kept_predictions("k" * 64, REFERENCE, environments, draws=2))
    kept = predictions.read(path)
    assert (kept.key, kept.benchmark, kept.corpus) == ("k" * 64, REFERENCE, corpus().meta.hash)
    assert kept.classes == ("class-0", "class-1", "class-2")
    assert list(kept) == ["id", "test"]
    test = kept["test"]
    assert test.rows.tolist() == [1, 2, 1, 2]
    assert test.samples == ["1", "2", "1", "2"]
    assert test.draws.tolist() == [0, 0, 1, 1]
    assert test.labels.tolist() == [1, 2, 1, 2]
    assert test.units == ["unit 0", "unit 1", "unit 0", "unit 1"]
    np.testing.assert_array_equal(test.probabilities, probabilities([2, 0, 1, 1]))
    assert kept["id"].predicted.tolist() == [0, 2, 1]
    with pytest.raises(KeyError):
        kept["absent"]
    assert predictions.read_classes(path).environments["id"][1].tolist() == [0, 2, 1]


def test_the_columns_are_those_of_the_page(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, kept_predictions("k" * 64, REFERENCE, {"id": ([5, 3], [0, 2])})))
    page = (Path(harness.__file__).parents[1] / "docs/predictions.md").read_text(encoding="utf-8")
    for name in table.column_names:
        assert f"| `{name}` |" in page
    assert str(table.schema.field("probabilities").type) == f"fixed_size_list<element: float>[{CLASSES}]"


def test_old_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.json.gz"
    path.write_bytes(old_predictions("k" * 64, {"id": {"rows": [5, 3], "classes": [0, 2]}}))
    found = predictions.read_classes(path)
    assert (found.key, found.classes, found.benchmark.where) == ("k" * 64, 3, {"kind": ("a", "b")})
    assert [array.tolist() for array in found.environments["id"]] == [[5, 3], [0, 2]]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1]"), b"\x1f\x8b\x08"],
    ids=["empty", "not-packed", "an-empty-object", "a-list", "cut-off"],
)
@pytest.mark.parametrize("suffix", [".json.gz", ".parquet"])
def test_broken_predictions_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r".+"):
        predictions.read_classes(path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, kept_predictions("k" * 64, REFERENCE, {"id": ([5, 3], [0, 2])}))
    table = pq.read_table(path)
    for other in (
        table.drop_columns("unit"),
        table.replace_schema_metadata(None),
        table.set_column(4, table.schema.field("label"), pa.array([0, CLASSES], pa.int16())),
        table.set_column(4, table.schema.field("label"), pa.array([0, None], pa.int16())),
    ):
        pq.write_table(other, path)
        with pytest.raises(ValueError, match=r".+"):
            predictions.read(path)


def test_what_is_kept_is_bounded() -> None:
    check_size(MAX_BYTES // (24 + 4 * 11), 11)
    with pytest.raises(TooLarge, match="the limit is 256 MiB"):
        check_size(MAX_BYTES // (24 + 4 * 11) + 1, 11)


def test_a_new_metric_needs_no_rerun(shell: Shell, mapped: tuple[str, ...]) -> None:
    done = shell(*RUN, *mapped, "--perturb", "encoding")
    assert done.returncode == 0, done.stdout + done.stderr
    results = harness.load_results(shell.folder / "results/local")
    for record in results.records:
        assert record.result is not None
        kept = results.predictions(record)
        assert set(kept) == set(record.result.metrics)
        assert list(kept.classes) == record.result.classes
        for name, part in kept.items():
            stated = record.result.metrics[name]
            assert len(part) == stated["rows"]
            present = np.unique(part.labels)
            score = f1_score(part.labels, part.predicted, labels=present, average="macro", zero_division=0)
            assert score == pytest.approx(stated["macro_f1"], abs=1e-9)
        area = roc_auc_score(kept["id"].labels, kept["id"].probabilities, multi_class="ovr", labels=range(4))
        assert area > 0.9 if record.cell.method == "tfidf-logreg" else area == pytest.approx(0.5)
        assert kept["perturbed.encoding"].draws.max() == 2


def test_predictions_of_another_run_are_refused(shell: Shell, mapped: tuple[str, ...]) -> None:
    assert shell(*RUN, *mapped, "--method", "tfidf-logreg,majority").returncode == 0
    results = harness.load_results(shell.folder / "results/local")
    store = Store(results.folder)
    other, one = sorted(results.records, key=lambda record: record.cell.method)  # majority predicts the same for all
    path = store.predictions_path(one.id)
    kept = predictions.read(path)
    path.write_bytes(store.predictions_path(other.id).read_bytes())
    with pytest.raises(UserError, match="the file belongs to another record"):
        results.predictions(one)
    backwards = kept.table.column("probabilities").take(np.arange(len(kept.table))[::-1])
    table = kept.table.set_column(6, kept.table.schema.field("probabilities"), backwards)
    pq.write_table(table, path)
    with pytest.raises(UserError, match="of another run of the cell than its record"):
        results.predictions(one)
    path.unlink()
    with pytest.raises(UserError, match=r"no predictions of .* are kept in"):
        results.predictions(one.key[:16])
