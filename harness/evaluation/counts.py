"""Counts of a cell's predictions, which its record stores, and the metrics that are computed from them.

Every metric of a record is computed here from its counts alone, so that a reader of the record can recompute it without
the payloads. A table of integers is stored as text, row by row, ``3 6 9 14 2;4 0 0 12 1``: this is small in a
repository, fast to read, and reveals nothing about a payload.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.data.corpus import Corpus
from harness.evaluation import metrics
from harness.scenario import ATTACK_ONLY, EXCISED, NEUTRAL, SEEN, UNSEEN, Environment, Rows

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Tables = Mapping[str, npt.NDArray[np.float32]]
MILLION = 1_000_000  # sums of probabilities are stored as integers, in millionths
_LARGEST_SUM = 2**53  # of a table's numbers; sums of them are exact in int64 and float64
UNKNOWN_BIN = -1  # confidence bin in counts of older schemas, which had no bins


@dataclass
class Counts:
    """Counts of a cell, by environment; the columns of each table in order.

    Attributes:
        classes: names of the classes; tables contain their indices.
        units: names of the resampling units, sorted; tables contain their indices.
        counts: unit, true class, predicted class, confidence bin, number of rows.
        confidence: sum of the confidence of the rows in each bin, in millionths.
        flips: unit, number of rows whose prediction differs from that under neutral cues (or on the unchanged payload),
            number predicted as the class that the cues point to, and that number before the change; units whose
            numbers are all 0 are omitted.
        base: for an environment of changed payloads, its rows unchanged: unit, true class, predicted class, rows.
        worst: the same rows in their worst draw.
        occlusion: for the payloads without their attack, in millionths: unit, sums of the decrease of the predicted
            class's probability without the attack, of its decrease with the attack alone, and of the attack's share
            of the bytes.
        trained: indices of the units of which training has rows, ascending; empty if it is not known.
    """

    classes: Sequence[str]
    units: Sequence[str]
    counts: dict[str, str] = field(default_factory=dict)
    confidence: dict[str, list[int]] = field(default_factory=dict)
    flips: dict[str, str] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    occlusion: str = ""
    trained: list[int] = field(default_factory=list)


def count(
    corpus: Corpus,
    environments: Mapping[str, Environment],
    tables: Tables,
    predicted: Mapping[str, Ints],
    names: Sequence[str],
    trained: Set[str] = frozenset(),
) -> Counts:
    """Counts the predictions of a cell.

    Args:
        corpus: corpus of the environments.
        environments: environments by name; perturbed ones together with their base.
        tables: class probabilities by name of the environment, float32 (rows, classes).
        predicted: predicted class by name of the environment, int64 (rows,).
        names: name of the resampling unit of each corpus row.
        trained: names of the units of which training has rows.
    """
    units = sorted({names[row] for environment in environments.values() for row in environment.rows.tolist()})
    out = Counts(corpus.classes, units, trained=[i for i, name in enumerate(units) if name in trained])
    index = {name: i for i, name in enumerate(units)}
    unit_of = {
        name: np.array([index[names[row]] for row in environment.rows.tolist()], np.int64)
        for name, environment in environments.items()
    }
    for name, environment in environments.items():
        unit, truth, after = unit_of[name], corpus.labels[environment.rows], predicted[name]
        bins = metrics.confidence_bins(tables[name])
        sums = np.bincount(bins, weights=tables[name].max(axis=1), minlength=metrics.CALIBRATION_BINS)
        out.counts[name] = encode(_tally(unit, truth, after, bins))
        out.confidence[name] = np.rint(sums * MILLION).astype(int).tolist()
        if environment.target is not None:
            out.flips[name] = encode(_flips(unit, predicted[NEUTRAL], after, environment.target))
        if environment.base:
            # Draws lie one after the other, each with the same rows: the first `once` rows are those of one draw.
            before = predicted[environment.base][_same_rows(environments[environment.base].rows, environment.rows)]
            once = len(truth) // environment.draws
            out.flips[name] = encode(_flips(unit, before, after, np.full(len(truth), -1)))
            out.base[name] = encode(_tally(unit[:once], truth[:once], before[:once]))
            worst = metrics.worst_draw(truth, after, environment.draws)
            out.worst[name] = encode(_tally(unit[:once], truth[:once], worst))
    if EXCISED in environments and ATTACK_ONLY in environments:
        unit = unit_of[EXCISED]
        sums = np.stack([np.bincount(unit, weights=column) for column in _occlusion(corpus, environments, tables)])
        units_present = np.unique(unit)
        millionths = np.rint(sums[:, units_present] * MILLION).astype(np.int64)
        out.occlusion = encode(np.column_stack([units_present, millionths.T]))
    return out


def _tally(*columns: Ints) -> Ints:
    """Counts equal rows of the columns; returns the distinct rows, sorted, with the count as the last column."""
    rows, times = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
    return np.column_stack([rows, times])


def _flips(unit: Ints, before: Ints, after: Ints, target: Ints) -> Ints:
    """Returns the table `Counts.flips` of one environment."""
    marks = np.stack([before != after, after == target, before == target], axis=1).astype(np.int64)
    sums = np.zeros((int(unit.max(initial=-1)) + 1, 3), np.int64)
    np.add.at(sums, unit, marks)
    changed_units = np.flatnonzero(sums.any(axis=1))
    return np.column_stack([changed_units, sums[changed_units]])


def _same_rows(base: Rows, rows: Rows) -> Rows:
    """Returns the positions of rows in the base environment, which contains each of them once."""
    order = np.argsort(base, kind="stable")
    indices: Rows = order[np.searchsorted(base[order], rows)]
    return indices


def _occlusion(
    corpus: Corpus, environments: Mapping[str, Environment], tables: Tables
) -> tuple[Floats, Floats, Floats]:
    """Measures how much each prediction depends on the attack, and the attack's share of the bytes.

    Returns:
        float64 (n,) each, one per row of `EXCISED`: the decrease of the predicted class's probability without the
        attack, its decrease with the attack alone, and the attack's share of the payload's length.
    """
    without, alone = environments[EXCISED], environments[ATTACK_ONLY]
    whole = environments[without.base]
    base = _same_rows(whole.rows, without.rows)
    lengths = whole.render(corpus).lengths[base]
    falls = metrics.occlusion(tables[without.base][base], tables[EXCISED], tables[ATTACK_ONLY])
    return *falls, alone.render(corpus).lengths / lengths


def metrics_of(counts: Counts) -> dict[str, dict[str, float]]:
    """Returns every metric of every environment, by environment and metric.

    Raises:
        ValueError: a table is malformed, or refers to a class or a unit that does not exist.
    """
    values = {env: dict(_metrics(counts, env)) for env in sorted(counts.counts)}
    if SEEN in values and UNSEEN in values:
        both = (values[env]["balanced_accuracy"] for env in (SEEN, UNSEEN))
        values[UNSEEN]["harmonic_mean"] = metrics.harmonic_mean(*both)
    return values


def check_tables(counts: Counts) -> None:
    """Checks every table, so that metrics can be computed from them.

    Raises:
        ValueError: a table is malformed, has a negative or too large number, or refers to a class, a unit or an
            environment that does not exist.
    """
    units, classes = len(counts.units), len(counts.classes)
    for name in ("confidence", "flips", "base"):
        if others := sorted(set(getattr(counts, name)) - set(counts.counts)):
            raise ValueError(f"{others[0]} has {name}, but no counts")
    for env in counts.counts:
        rows = table(counts, env)
        if env in counts.confidence:
            _calibration_error(rows, counts.confidence[env], int(rows[:, -1].sum()))
        if env in counts.flips:
            _check_units(decode(counts.flips[env], 4), units, f"the flips of {env}")
        if env in counts.base:
            for text in (counts.base[env], counts.worst[env]):
                _checked(decode(text, 4), units, classes, env)
    _check_units(decode(counts.occlusion, 4), units, "the occlusion")
    if counts.trained != sorted(set(counts.trained) & set(range(units))):
        raise ValueError("the trained units are not in ascending order, or the record does not have them")


def _check_units(rows: Ints, units: int, what: str) -> None:
    """Checks a table of units and sums."""
    if ((rows[:, 0] < 0) | (rows[:, 0] >= units)).any():
        raise ValueError(f"{what} refer to a unit that the record does not have")
    if (rows[:, 1:] < 0).any():
        raise ValueError(f"{what} contain a negative number")


def table(counts: Counts, env: str) -> Ints:
    """Returns the counts of an environment, int64 (n, 5): unit, true class, predicted class, bin, rows.

    Raises:
        ValueError: the table is malformed, or refers to a class or a unit that does not exist.
    """
    return _checked(decode(counts.counts[env], 5), len(counts.units), len(counts.classes), env)


def _checked(rows: Ints, units: int, classes: int, env: str) -> Ints:
    limits = (("unit", 0, units), ("true class", 1, classes), ("predicted class", 2, classes))
    for what, column, most in limits:
        if ((rows[:, column] < 0) | (rows[:, column] >= most)).any():
            raise ValueError(f"the counts of {env} refer to a {what} that the record does not have")
    if not len(rows) or (rows[:, -1] < 1).any():
        raise ValueError(f"the counts of {env} are empty or contain a row count below 1")
    return rows


def confusion(rows: Ints, classes: int) -> Ints:
    """Returns the confusion matrix, int64 (classes, classes), true by predicted class.

    Args:
        rows: int64 (n, columns), a table of counts: unit, true class, predicted class, ..., number of rows.
        classes: number of classes.
    """
    out = np.zeros((classes, classes), np.int64)
    np.add.at(out, (rows[:, 1], rows[:, 2]), rows[:, -1])  # unlike out[...] +=, this adds repeated indices up
    return out


def _metrics(counts: Counts, env: str) -> Iterator[tuple[str, float]]:
    rows_by_cell, classes = table(counts, env), len(counts.classes)
    matrix = confusion(rows_by_cell, classes)
    rows = int(matrix.sum())
    yield "rows", float(rows)
    yield "macro_f1", metrics.macro_f1(matrix)
    yield "accuracy", metrics.accuracy(matrix)
    yield "balanced_accuracy", metrics.balanced_accuracy(matrix)
    true = matrix.sum(axis=1)
    yield "worst_class_recall", float((np.diag(matrix)[true > 0] / true[true > 0]).min())
    known = np.isin(rows_by_cell[:, 0], counts.trained)
    if known.any() and not known.all() and env not in counts.base:
        accuracies = (metrics.accuracy(confusion(rows_by_cell[side], classes)) for side in (known, ~known))
        yield "known_cve_reliance", next(accuracies) - next(accuracies)
    if env in counts.confidence:
        yield "calibration_error", _calibration_error(rows_by_cell, counts.confidence[env], rows)
    if env in counts.flips:
        flips = decode(counts.flips[env], 4)
        changed, now, before = (int(flips[:, column].sum()) for column in (1, 2, 3))
        yield "flip_rate", changed / rows
        if env not in counts.base:
            yield "cue_follow", now / rows - before / rows
    if env == EXCISED and counts.occlusion:
        attack, carrier, share = (int(total) for total in decode(counts.occlusion, 4)[:, 1:].sum(axis=0))
        yield "attack_attribution", metrics.share_of(attack, carrier)
        yield "attack_share", share / MILLION / rows
    if env in counts.base:
        for metric, text in (("base_macro_f1", counts.base[env]), ("worst_case", counts.worst[env])):
            table_rows = _checked(decode(text, 4), len(counts.units), classes, env)
            yield metric, metrics.macro_f1(confusion(table_rows, classes))


def _calibration_error(table_rows: Ints, confidence: list[int], rows: int) -> float:
    """Returns the expected calibration error over equal-width bins of confidence (Guo et al. 2017)."""
    bins, hit = table_rows[:, 3], table_rows[:, 1] == table_rows[:, 2]
    if len(confidence) != metrics.CALIBRATION_BINS or (bins <= UNKNOWN_BIN).any() or (bins >= len(confidence)).any():
        raise ValueError("the sums of confidence do not match the bins of the counts")
    hits = np.bincount(bins[hit], weights=table_rows[hit, -1], minlength=len(confidence))
    return round(float(np.abs(hits - np.array(confidence) / MILLION).sum()) / rows, 6)


def encode(integers: Ints) -> str:
    """Returns a table of integers, int64 (n, width), as text."""
    return ";".join(" ".join(map(str, row)) for row in integers.tolist())


def decode(text: str, width: int) -> Ints:
    """Returns the table, int64 (n, width), of a text that `encode` wrote.

    Raises:
        ValueError: the text is not a table of this width.
    """
    if not text:
        return np.empty((0, width), np.int64)
    rows = text.count(";") + 1
    # NumPy's text parser is many times faster than splitting in Python. It does not see where rows end, so the numbers
    # of separators are checked below.
    try:
        numbers = np.fromstring(text.replace(";", " "), dtype=np.int64, sep=" ")
    except ValueError as error:
        raise ValueError(f"counts are not rows of {width} integers") from error
    if len(numbers) != rows * width or text.count(" ") != rows * (width - 1):
        raise ValueError(f"counts are not rows of {width} integers")
    if np.abs(numbers.astype(np.float64)).sum() > _LARGEST_SUM:  # the parser turns numbers beyond int64 into its bounds
        raise ValueError("counts contain too large numbers")
    return numbers.reshape(rows, width)
