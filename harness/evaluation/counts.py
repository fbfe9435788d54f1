"""What a record keeps of a cell's predictions: counts by unit as sorted text, enough to recompute its figures.

A table of integers is written row by row, ``3 6 9 14 2;4 0 0 12 1``: small in a repository, quick to read, and free of
anything that names a payload.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.data.corpus import Corpus
from harness.evaluation import metrics
from harness.evaluation.scoring import Tables, occlusion, same_rows
from harness.scenario import NEUTRAL, Environment
from harness.scenarios.perturbed import ATTACK, EXCISED

Ints = npt.NDArray[np.int64]
MILLION = 1_000_000
UNKNOWN_BIN = -1  # of counts that were kept without the confidence


@dataclass
class Counted:
    """Counts of a cell, by environment.

    Attributes:
        units: names of the resampling units, sorted; the tables hold their places.
        counts: unit, true class, predicted class, bin of confidence, rows.
        confidence: sum of the confidence of each bin's rows, in millionths.
        flips: unit, rows whose prediction differs from that under neutral cues (on the payload as it was), rows that
            are predicted as the class the cues point to, and rows that were so before; units without any are left out.
        base: of an environment whose payloads were changed, the same rows as they were: unit, true, predicted, rows.
        worst: the same rows in their worst draw.
        occlusion: of the payloads without their attack, in millionths: unit, sums of the fall of the predicted class's
            probability without the attack, of that with the attack alone, and of the attack's share of the bytes.
    """

    units: list[str]
    counts: dict[str, str] = field(default_factory=dict)
    confidence: dict[str, list[int]] = field(default_factory=dict)
    flips: dict[str, str] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    occlusion: str = ""


def count(corpus: Corpus, environments: Mapping[str, Environment], tables: Tables, names: Sequence[str]) -> Counted:
    """Counts the predictions of a cell.

    Args:
        corpus: of the environments.
        environments: by name; derived ones beside their base.
        tables: class probabilities by name of the environment, float32 (rows, classes).
        names: of each corpus row's unit.
    """
    out = Counted(sorted({names[row] for environment in environments.values() for row in environment.rows.tolist()}))
    place = {name: i for i, name in enumerate(out.units)}
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    for name, environment in environments.items():
        unit = np.array([place[names[row]] for row in environment.rows.tolist()], np.int64)
        truth, after = corpus.labels[environment.rows], predicted[name]
        bins = metrics.confidence_bins(tables[name])
        sums = np.bincount(bins, weights=tables[name].max(axis=1), minlength=metrics.CALIBRATION_BINS)
        out.counts[name] = encode(_tally(unit, truth, after, bins))
        out.confidence[name] = np.rint(sums * MILLION).astype(int).tolist()
        if environment.target is not None:
            out.flips[name] = encode(_flips(unit, predicted[NEUTRAL], after, environment.target))
        if environment.base:
            before = predicted[environment.base][same_rows(environments[environment.base].rows, environment.rows)]
            once = len(truth) // environment.draws
            out.flips[name] = encode(_flips(unit, before, after, np.full(len(truth), -1)))
            out.base[name] = encode(_tally(unit[:once], truth[:once], before[:once]))
            worst = metrics.worst_draw(truth, after, environment.draws)
            out.worst[name] = encode(_tally(unit[:once], truth[:once], worst))
    if EXCISED in environments and ATTACK in environments:
        unit = np.array([place[names[row]] for row in environments[EXCISED].rows.tolist()], np.int64)
        sums = np.stack([np.bincount(unit, weights=column) for column in occlusion(corpus, environments, tables)])
        kept = np.unique(unit)
        out.occlusion = encode(np.column_stack([kept, np.rint(sums[:, kept] * MILLION).astype(np.int64).T]))
    return out


def _tally(*columns: Ints) -> Ints:
    """Counts equal rows of the columns; the count is the last column of the result, which is sorted."""
    rows, times = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return np.column_stack([rows, times])


def _flips(unit: Ints, before: Ints, after: Ints, target: Ints) -> Ints:
    marks = np.stack([before != after, after == target, before == target], axis=1).astype(np.int64)
    sums = np.zeros((int(unit.max(initial=-1)) + 1, 3), np.int64)
    np.add.at(sums, unit, marks)
    kept = np.flatnonzero(sums.any(axis=1))
    return np.column_stack([kept, sums[kept]])


def encode(table: Ints) -> str:
    """Returns a table of integers as text."""
    return ";".join(" ".join(map(str, row)) for row in table.tolist())


def decode(text: str, width: int) -> Ints:
    """Returns the table, int64 (n, width), that `encode` wrote.

    Raises:
        ValueError: the text is no such table.
    """
    if not text:
        return np.empty((0, width), np.int64)
    rows = text.count(";") + 1
    try:
        numbers = np.fromstring(text.replace(";", " "), dtype=np.int64, sep=" ")
    except ValueError as error:
        raise ValueError(f"counts are no rows of {width} integers") from error
    if len(numbers) != rows * width or text.count(" ") != rows * (width - 1):
        raise ValueError(f"counts are no rows of {width} integers")
    return numbers.reshape(rows, width)
