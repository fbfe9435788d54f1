"""Scored tests that lack classes: noted, and with a single class not scored."""

import numpy as np

from harness.boards.build import Rules, boards
from harness.boards.model import Board
from harness.evaluation.counts import decode, encode, metrics_of
from harness.records.schema import Record
from tests.harness.boards.boards import CLASSES, records

RULES = Rules(is_stale=lambda record: False, ranks=lambda preset: True, contrasts=lambda method: ())


def only(record: Record, classes: list[int], env: str = "test") -> Record:
    """Returns the record with test rows of these classes alone."""
    assert record.result is not None
    table = decode(record.result.counts[env], 5)
    counts = {**record.result.counts, env: encode(table[np.isin(table[:, 1], classes)])}
    confidence = {name: sums for name, sums in record.result.confidence.items() if name != env}
    result = record.result.model_copy(update={"counts": counts, "confidence": confidence})
    return record.model_copy(update={"result": result.model_copy(update={"metrics": metrics_of(result.tables)})})


def board(classes: list[int], seeds: tuple[int, ...] = (0,)) -> Board:
    every = records({"majority": 0.2, "good": 0.7}, seeds=3)
    (one,) = boards(
        [only(r, classes) if r.cell.scenario == "cve-disjoint" and r.cell.seed in seeds else r for r in every], RULES
    )
    return one


def test_a_test_of_one_class_is_not_scored_and_a_note_says_so() -> None:
    narrow, whole = board([0]), board(list(range(len(CLASSES))))
    note = "cve-disjoint/test: not scored, since a test has rows of a single class"
    assert note in narrow.notes
    assert note not in whole.notes
    for row, same in zip(narrow.rows, whole.rows, strict=True):
        planted = [
            value["macro_f1"] for (name, env), value in row.metrics.items() if name == "planted-95" and env in SCORED
        ]
        assert row.method == same.method
        assert row.score is not None
        assert abs(row.score.mean - float(np.mean(planted))) < 1e-9  # the other scored scenario alone
        assert row.score != same.score


SCORED = {
    "novel",
    *(f"flip.{cue}" for cue in ("host", "client", "prefix", "proof", "token", "padding", "order", "all")),
}


def test_classes_that_a_test_lacks_are_named() -> None:
    start = "cve-disjoint/test: macro-F1 is the mean over the classes that the test has; "
    assert f"{start}it never has class-d, class-k" in board([0, 1, 2, 4, 5, 6, 7, 8, 9], (0, 1, 2)).notes
    assert f"{start}with some seeds it lacks class-k" in board(list(range(10))).notes
    assert not any(note.startswith(start) for note in board(list(range(11))).notes)
