"""The descriptions of methods with the tag ``text``: those of the rows, and in training texts without a payload.

A text without a payload is public knowledge about one vulnerability. It is withheld from training if a validation or
test row shares an attribute that the scenario holds out: always the CVE; the vendor or product if it is held out; a
date from the start of the tests on; a class that is to stay unseen.

Where labels are scarce, training also has texts of rows that it does not have as labelled payloads: those of
`Scenario.described` with their class, those of `Scenario.unlabelled` without.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.data import values
from harness.data.corpus import NAMED, Corpus, name_key
from harness.method import Descriptions, TrainingData
from harness.scenario import Scenario

_WORDS = {"cve": "CVE"}
_EPOCH = datetime.date(1970, 1, 1)


def descriptions_of_rows(corpus: Corpus, rows: npt.NDArray[np.int64]) -> Descriptions:
    """Returns the distinct descriptions of rows, without texts that have no payload."""
    return _collect(corpus, [_Part(corpus.text_of_row[rows], corpus.labels[rows])])[0]


def with_descriptions(train: TrainingData, corpus: Corpus, scenario: Scenario) -> TrainingData:
    """Returns training data with its descriptions, and with those of the payloads without a class."""
    descriptions, texts = _training(corpus, scenario)
    unlabelled = train.unlabelled
    if scenario.unlabelled is not None and unlabelled is not None:
        place = {text: index for index, text in enumerate(texts)}
        of_row = [place.get(text, -1) for text in corpus.text_of_row[scenario.unlabelled.rows].tolist()]
        unlabelled = replace(unlabelled, of_row=np.array(of_row, dtype=np.int64))
    return replace(train, descriptions=descriptions, unlabelled=unlabelled)


def training_descriptions(corpus: Corpus, scenario: Scenario) -> Descriptions:
    """Returns the descriptions that training may use: of its rows, of rows that it lacks, and without a payload."""
    return _training(corpus, scenario)[0]


def _training(corpus: Corpus, scenario: Scenario) -> tuple[Descriptions, list[int]]:
    """Returns the descriptions of training, and the index in the corpus of each text."""
    train = scenario.train
    parts = [_Part(corpus.text_of_row[train.rows], corpus.labels[train.rows] if train.labels is None else train.labels)]
    if not corpus.descriptions.num_rows:
        return _collect(corpus, parts)
    codes = _classes(corpus)
    allowed = np.ones(len(codes), dtype=np.bool_)
    for mask in _withheld(corpus, scenario, codes).values():
        allowed &= ~mask
    if len(scenario.described):
        text = corpus.text_of_row[scenario.described]
        text = np.where((text >= 0) & allowed[text], text, -1)
        parts.append(_Part(text, corpus.labels[scenario.described]))
    if scenario.unlabelled is not None:
        text = corpus.text_of_row[scenario.unlabelled.rows]
        parts.append(_Part(text, np.full(len(text), -1, dtype=np.int64)))
    extra = np.flatnonzero(_without_payload(corpus, codes) & allowed)
    return _collect(corpus, [*parts, _Part(extra, codes[extra])])


def withheld_note(corpus: Corpus, scenario: Scenario) -> str:
    """Returns a sentence with the numbers of texts without a payload that training uses, and that are withheld.

    A text that is withheld for several reasons is counted under the first.
    """
    codes = _classes(corpus)
    usable = _without_payload(corpus, codes)
    total = int(usable.sum())
    counts = {}
    for reason, mask in _withheld(corpus, scenario, codes).items():
        counts[reason] = int((usable & mask).sum())
        usable &= ~mask
    withheld = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f"{int(usable.sum())} of {total} texts without a payload are used in training; withheld: {withheld}"


def _without_payload(corpus: Corpus, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Marks texts that have a class and are the description of no row; bool (texts,)."""
    free = codes >= 0
    free[corpus.text_of_row[corpus.text_of_row >= 0]] = False
    return free


def _classes(corpus: Corpus) -> npt.NDArray[np.int64]:
    """Returns the class of every text by its own label, int64 (texts,); -1 without a label of the corpus."""
    table = corpus.descriptions
    if "label" not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.int64)
    index: dict[str | None, int] = {name: i for i, name in enumerate(corpus.classes)}
    return np.array([index.get(label, -1) for label in table.column("label").to_pylist()], dtype=np.int64)


def _withheld(corpus: Corpus, scenario: Scenario, codes: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.bool_]]:
    """Returns masks of the texts to withhold, by reason, bool (texts,) each; see the module's docstring."""
    table = corpus.descriptions
    out: dict[str, npt.NDArray[np.bool_]] = {}
    parts = [scenario.validation.rows, *(environment.rows for environment in scenario.environments.values())]
    rows = np.unique(np.concatenate(parts))
    for column in dict.fromkeys(("cve", *scenario.disjoint_columns)):
        if corpus.has(column) and column in table.column_names:
            held_out = corpus.table.column(column).take(rows).unique().to_pylist()
            keys = {key for value in held_out for key in _keys(column, value)}
            shared = [not keys.isdisjoint(_keys(column, value)) for value in table.column(column).to_pylist()]
            out[f"with a validated or tested {_WORDS.get(column, column)}"] = np.array(shared, dtype=bool)
    if scenario.test_start is not None:
        dates = table.column("date").to_pylist() if "date" in table.column_names else [None] * table.num_rows
        days = np.array([np.inf if day is None else (day - _EPOCH).days for day in dates])
        out["not dated before the tests begin"] = days >= scenario.test_start
    if scenario.unseen_classes:
        out["of an unseen class"] = np.isin(codes, scenario.unseen_classes)
    return out


def _keys(column: str, value: str | None) -> Sequence[str]:
    """Returns the keys by which a value is compared with others of its column; none for a missing value."""
    if value is None:
        return ()
    if column in NAMED:
        return (key,) if (key := name_key(value)) else ()
    return values.cves(value) if column == "cve" else (value,)


@dataclass(frozen=True)
class _Part:
    """Texts of some rows, as indices into the texts of the corpus (-1: none), and the class of each (-1: unknown)."""

    texts: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def _collect(corpus: Corpus, parts: Sequence[_Part]) -> tuple[Descriptions, list[int]]:
    """Returns the distinct texts of the parts, with the index in the corpus of each.

    A text that occurs in several parts has the class of the first; ``of_row`` is of the rows of the first part.
    """
    classes: dict[int, int] = {}
    for part in parts:
        has_text = part.texts >= 0
        distinct, index = np.unique(part.texts[has_text], return_inverse=True)
        labels = np.full(len(distinct), -1, dtype=np.int64)
        labels[index] = part.labels[has_text]
        for text, label in zip(distinct.tolist(), labels.tolist(), strict=True):
            classes.setdefault(text, label)
    place = {text: index for index, text in enumerate(classes)}
    of_row = np.array([place.get(text, -1) for text in parts[0].texts.tolist()], dtype=np.int64)
    content = corpus.descriptions.column("text").to_pylist()
    texts = tuple(content[text] for text in classes)
    return Descriptions(texts, np.array(list(classes.values()), dtype=np.int64), of_row), list(classes)
