"""Counts are enough to recompute the figures of a record."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness import Corpus, Environment, StoredRows
from harness.evaluation.counts import check_tables, count, decode, encode, metrics_of
from harness.records.store import read

FIXTURES = Path(__file__).parents[1] / "records" / "fixtures"


@given(arrays(np.int64, st.tuples(st.integers(0, 6), st.just(3)), elements=st.integers(-1, 999)))
def test_a_table_is_read_as_it_was_written(table: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    assert np.array_equal(decode(encode(table), 3), table)


@pytest.mark.parametrize("text", ["1 2", "1 2 3;4 5", "1 2 x", "1 2 3;"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="counts"):
        decode(text, 3)


def test_every_metric_of_a_record_follows_from_its_counts() -> None:
    result = read(FIXTURES / "record-4.json").result
    assert result is not None
    assert {"id", "perturbed.encoding", "excised", "attack-only"} <= set(result.metrics)
    assert metrics_of(result.tables) == result.metrics


def test_a_record_of_an_older_schema_keeps_the_figures_that_it_has_counts_for() -> None:
    result = read(FIXTURES / "record-2.json").result
    assert result is not None
    stated = {name: value for name, value in result.metrics["id"].items() if name != "calibration_error"}
    again = metrics_of(result.tables)["id"]
    assert {name: again[name] for name in stated} == pytest.approx(stated)
    assert "calibration_error" not in again


def test_counts_of_units_or_classes_that_are_not_there_are_refused() -> None:
    result = read(FIXTURES / "record-3.json").result
    assert result is not None
    for bad in ("99999 0 0 3 1", "0 99 0 3 1", "0 0 0 3 0"):
        with pytest.raises(ValueError, match="counts of id"):
            metrics_of(result.model_copy(update={"counts": {"id": bad}}).tables)


def tiny() -> Corpus:
    import pyarrow as pa

    labels = ["a", "a", "b", "b", "c", "c"]
    columns = {"sample": [str(n) for n in range(6)], "payload": [b"GET /"] * 6, "label": labels}
    return Corpus.create("tiny", pa.table(columns))


def one_hot(*classes: int, confidence: float = 1.0) -> np.ndarray:
    table = np.full((len(classes), 3), (1 - confidence) / 2, np.float32)
    table[np.arange(len(classes)), classes] = confidence
    return table


def evaluate(environments: dict[str, Environment], tables: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    return metrics_of(count(tiny(), environments, tables, predicted, [str(n // 2) for n in range(6)]))


def test_metrics_of_one_environment_by_hand() -> None:
    figures = evaluate({"id": Environment(StoredRows(np.arange(6)))}, {"id": one_hot(0, 1, 1, 1, 0, 0)})["id"]
    f1 = {"a": 2 * 1 / (2 + 3), "b": 2 * 2 / (2 + 3), "c": 0.0}
    assert figures["macro_f1"] == pytest.approx(sum(f1.values()) / 3)
    assert (figures["rows"], figures["accuracy"], figures["worst_class_recall"]) == (6, 0.5, 0)
    assert figures["balanced_accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures["calibration_error"] == pytest.approx(0.5)  # always sure, right half of the time


def test_the_calibration_error_weighs_bins_by_their_rows() -> None:
    """Four rows at 0.95, three of them right, and two at 0.55, none right: 0.8 and 1.1 hits too few, of 6 rows."""
    sure, unsure = one_hot(0, 0, 1, 0, confidence=0.95), one_hot(0, 0, confidence=0.55)
    environment = Environment(StoredRows(np.arange(6)))
    figures = evaluate({"id": environment}, {"id": np.concatenate([sure, unsure])})["id"]
    assert figures["calibration_error"] == pytest.approx((0.8 + 1.1) / 6, abs=1e-5)


def test_recalls_are_of_the_classes_that_the_test_has() -> None:
    figures = evaluate({"id": Environment(StoredRows(np.arange(4)))}, {"id": one_hot(0, 1, 1, 1)})["id"]
    assert figures["worst_class_recall"] == 0.5
    assert figures["balanced_accuracy"] == 0.75


def test_changed_payloads_are_compared_with_the_same_rows_of_their_base_in_any_order() -> None:
    environments = {
        "test": Environment(StoredRows(np.array([5, 0, 3, 1]))),
        "perturbed.encoding": Environment(StoredRows(np.array([3, 5])), base="test"),
    }
    tables = {"test": one_hot(2, 0, 1, 0), "perturbed.encoding": one_hot(1, 0)}
    figures = evaluate(environments, tables)["perturbed.encoding"]
    assert figures["flip_rate"] == 0.5  # row 5 changes from the third class to the first
    assert figures["base_macro_f1"] == 1


def test_flips_are_measured_against_neutral_cues() -> None:
    rows = np.arange(4)
    environments = {
        "id": Environment(StoredRows(rows)),
        "neutral": Environment(StoredRows(rows)),
        "flip.host": Environment(StoredRows(rows), target=np.array([1, 2, 0, 1])),
    }
    tables = {"id": one_hot(0, 0, 0, 0), "neutral": one_hot(0, 1, 2, 2), "flip.host": one_hot(1, 1, 0, 2)}
    figures = evaluate(environments, tables)["flip.host"]
    assert figures["flip_rate"] == 0.5  # rows 0 and 2
    assert figures["cue_follow"] == pytest.approx(2 / 4 - 0 / 4)  # rows 0 and 2 go to the target, none did before


def test_the_table_of_flips_by_hand() -> None:
    """Of each unit: rows whose prediction changed from neutral cues, rows at the cues' class now, and such rows before.

    The prediction in `id` differs from both, so that a comparison with it would give other numbers.
    """
    rows = np.arange(6)
    environments = {
        "id": Environment(StoredRows(rows)),
        "neutral": Environment(StoredRows(rows)),
        "flip.host": Environment(StoredRows(rows), target=np.array([1, 1, 0, 0, 2, 2])),
    }
    tables = {
        "id": one_hot(1, 1, 0, 0, 2, 2),  # at the cues' class everywhere
        "neutral": one_hot(0, 1, 1, 1, 2, 0),
        "flip.host": one_hot(1, 1, 0, 2, 0, 2),
    }
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    counts = count(tiny(), environments, tables, predicted, [str(n // 2) for n in range(6)])
    assert decode(counts.flips["flip.host"], 4).tolist() == [[0, 1, 2, 1], [1, 2, 1, 0], [2, 2, 1, 1]]
    figures = metrics_of(counts)["flip.host"]
    assert figures["flip_rate"] == pytest.approx(5 / 6)
    assert figures["cue_follow"] == pytest.approx(4 / 6 - 2 / 6)


def test_the_worst_case_counts_a_row_as_wrong_if_one_of_its_draws_is() -> None:
    rows = np.array([0, 1, 2, 3])
    environments = {
        "test": Environment(StoredRows(rows)),
        "perturbed.encoding": Environment(StoredRows(np.tile(rows, 2)), base="test", draws=2),
    }
    tables = {"test": one_hot(0, 0, 1, 0), "perturbed.encoding": one_hot(0, 1, 1, 1, 0, 0, 1, 1)}
    figures = evaluate(environments, tables)["perturbed.encoding"]
    assert figures["flip_rate"] == pytest.approx(3 / 8)
    assert figures["base_macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert figures["worst_case"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert "cue_follow" not in figures


def test_known_cve_reliance_is_the_accuracy_on_trained_cves_minus_that_on_others() -> None:
    rows = {"id": np.arange(6), "test": np.arange(2, 6)}
    environments = {name: Environment(StoredRows(numbers)) for name, numbers in rows.items()}
    tables = {"id": one_hot(0, 0, 1, 1, 0, 0), "test": one_hot(1, 1, 0, 0)}
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    names = [str(n // 2) for n in range(6)]
    counts = count(tiny(), environments, tables, predicted, names, {"0", "of a row that is not tested"})
    hits = predicted["id"] == tiny().labels
    assert counts.trained == [0]
    assert metrics_of(counts)["id"]["known_cve_reliance"] == pytest.approx(hits[:2].mean() - hits[2:].mean())
    assert "known_cve_reliance" not in metrics_of(counts)["test"]  # whose CVEs are all new
    counts.trained = [3]
    with pytest.raises(ValueError, match="trained units"):
        check_tables(counts)
