"""Draws the rows of each generic scenario from the folds of one seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.data.corpus import GROUP, Corpus, CorpusMeta
from harness.errors import UserError
from harness.protocol import AGREEING, IMBALANCE
from harness.scenario import Rows, Sizes
from harness.scenarios import splits
from harness.scenarios.generic.attributes import Choice, choose
from harness.scenarios.splits import Folds, Parts

ENVIRONMENTS = {
    "id": AGREEING,
    "flip": 100 - AGREEING,
    "balanced": 50,
}  # percent of rows that have the attribute of their class


@dataclass(frozen=True)
class RowDraw:
    """The rows of a scenario for one seed.

    Attributes:
        train, validation: row ids, int64.
        environments: row ids of each environment by name, int64.
        notes: sentences about the draw.
        until: day (since 1970) at which the tests begin; None without a cut-off.
        unseen: classes without training rows.
        choice: the attribute that was made to correlate with the class; None without one.
        described, unlabelled: see `splits.ScarceParts`.
        noise: share of wrong labels in training and validation.
    """

    train: Rows
    validation: Rows
    environments: Mapping[str, Rows]
    notes: tuple[str, ...] = ()
    until: float | None = None
    unseen: tuple[int, ...] = ()
    choice: Choice | None = None
    described: Rows | None = None
    unlabelled: Rows | None = None
    noise: float = 0.0


def random(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.random`."""
    parts = splits.random(folds, sizes)
    return RowDraw(parts.train, parts.validation, {"id": parts.id})


def disjoint(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.disjoint`."""
    return _plain(splits.disjoint(folds, sizes))


def disjoint_with_new_cves(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.disjoint`; tested CVEs and their endpoints are not in training either."""
    return _plain(splits.disjoint(folds, sizes, splits.new_cves(corpus)))


def cluster_disjoint(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.crossed`: tested clusters of attacks, and units if rows are linked into any, are new."""
    links = linking_columns(corpus.meta)
    if not links:
        return _plain(splits.disjoint(folds, sizes))
    return _plain(splits.crossed(folds, splits.make_folds(corpus, links, folds.seed), sizes, splits.new_cves(corpus)))


def linking_columns(meta: CorpusMeta) -> tuple[str, ...]:
    """Returns the columns that link rows into units: all groups together, or else the CVE; empty without either."""
    groups = tuple(column for column in meta.columns if column.startswith(GROUP))
    return groups or (("cve",) if "cve" in meta.columns else ())


def long_tail(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.long_tail`."""
    parts = splits.long_tail(folds, IMBALANCE, sizes)
    return RowDraw(parts.train, parts.validation, {"test": parts.test}, parts.notes)


def temporal(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.temporal`."""
    date = splits.days(corpus)
    begin = splits.cutoff(date)
    undated = int(np.isnan(date).sum())
    note = f"tests begin at {splits.iso(begin)}; {undated} rows without a date are not used"
    return replace(_plain(splits.temporal(folds, date, begin, sizes), note), until=begin)


def temporal_windows(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.temporal` and `splits.windows`."""
    date = splits.days(corpus)
    begin = splits.cutoff(date)
    window = splits.windows(date, begin)
    parts = splits.temporal(folds, date, begin, sizes)
    tests = {f"test.{w + 1}": parts.test[window[parts.test] == w] for w in range(splits.WINDOWS)}
    begins = [splits.iso(date[window == w].min()) for w in range(splits.WINDOWS)]
    undated = int(np.isnan(date).sum())
    note = f"windows begin at {', '.join(begins)}; {undated} rows without a date are not used"
    notes = (note, *parts.notes)
    return RowDraw(parts.train, parts.validation, {"id": parts.id, **tests}, notes, until=begin)


def zero_shot(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.zero_shot`."""
    parts, unseen = splits.zero_shot(folds, sizes)
    note = f"fold {folds.number} does not train on {_class_names(corpus, unseen)}"
    return RowDraw(parts.train, parts.validation, {"seen": parts.id, "unseen": parts.test}, (note,), unseen=unseen)


def few_labels(corpus: Corpus, folds: Folds, sizes: Sizes, rows: int) -> RowDraw:
    """See `splits.few_labels`."""
    return _scarce(splits.few_labels(folds, rows, sizes, splits.new_cves(corpus)))


def some_labels(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.some_labels`."""
    if not (corpus.text_of_row >= 0).any():
        raise UserError("it needs a description of at least one row.")
    return _scarce(splits.some_labels(folds, sizes, splits.new_cves(corpus)))


def noisy_labels(corpus: Corpus, folds: Folds, sizes: Sizes, percent: int) -> RowDraw:
    """See `splits.disjoint` and `splits.with_noisy_labels`."""
    parts = splits.disjoint(folds, sizes, splits.new_cves(corpus))
    return RowDraw(parts.train, parts.validation, {"test": parts.test}, parts.notes, noise=percent / 100)


def few_shot(corpus: Corpus, folds: Folds, sizes: Sizes, rows: int) -> RowDraw:
    """See `splits.few_shot`."""
    scarce, classes = splits.few_shot(folds, rows, sizes)
    parts = scarce.parts
    note = f"fold {folds.number} has few rows of {_class_names(corpus, classes)}"
    environments = {"seen": parts.id, "unseen": parts.test}
    return RowDraw(parts.train, parts.validation, environments, (note,), described=scarce.described)


def _scarce(scarce: splits.ScarceParts) -> RowDraw:
    parts = scarce.parts
    return RowDraw(
        parts.train,
        parts.validation,
        {"test": parts.test},
        parts.notes,
        described=scarce.described,
        unlabelled=scarce.unlabelled,
    )


def leave_one_source_out(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `splits.leave_one_source_out`."""
    codes, values = corpus.codes("source")
    order = splits.testable_sources(folds, codes)
    note = f"the folds test one source each, in turn: {', '.join(values[code] for code in order[: folds.count])}"
    if smaller := len(values) - len(order):
        note += f"; {smaller} smaller sources are used only for training"
    if unknown := int((codes < 0).sum()):
        note += f"; {unknown} rows without a source are not used"
    return _plain(splits.leave_one_source_out(folds, codes, sizes), note)


def natural(corpus: Corpus, folds: Folds, sizes: Sizes) -> RowDraw:
    """See `attributes.choose` and `splits.correlated`."""
    choice = choose(corpus, folds.unit)
    agrees = choice.agrees(folds.labels)
    rows = splits.correlated(folds, agrees, AGREEING, ENVIRONMENTS, sizes)
    notes = [_choice_note(corpus, choice)]
    if rows.dropped:
        names = _class_names(corpus, rows.dropped)
        notes.append(f"fold {folds.number} does not test {names}: no test rows with, or none without the attribute")
    return RowDraw(rows.train, rows.validation, rows.environments, tuple(notes), choice=choice)


def by_window(corpus: Corpus, links: tuple[str, ...]) -> Sequence[Rows]:
    """Returns class and window, so that every fold has its share of each window."""
    date = splits.days(corpus)
    return corpus.labels, splits.windows(date, splits.cutoff(date)) + 1


def by_attribute(corpus: Corpus, links: tuple[str, ...]) -> Sequence[Rows]:
    """Returns class and attribute as one code, so that every fold has its share of both sides of each class."""
    unit, _ = splits.link(corpus, links)
    return (corpus.labels * 2 + choose(corpus, unit).has,)


def _plain(parts: Parts, *notes: str) -> RowDraw:
    environments = {"id": parts.id, "test": parts.test}
    return RowDraw(parts.train, parts.validation, environments, (*notes, *parts.notes))


def _choice_note(corpus: Corpus, choice: Choice) -> str:
    note = (
        f"attribute '{choice.name}': frequent in {_class_names(corpus, choice.leaning)}, rare in "
        f"{_class_names(corpus, choice.opposed)}"
    )
    if choice.unchanged:
        note += f"; not resampled, too few rows with or without it: {_class_names(corpus, choice.unchanged)}"
    return note


def _class_names(corpus: Corpus, classes: tuple[int, ...]) -> str:
    return ", ".join(corpus.classes[c] for c in classes)
