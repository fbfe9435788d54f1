"""The texts that methods with the tag ``text`` are handed: those of the rows, and in training those without a payload.

A text without a payload is public knowledge about one vulnerability. Training may use it unless a row of validation or
of a test shares what the scenario keeps apart: its CVE always, its vendor or product where that is held out, its date
where tests begin at one, its class where that is to stay unseen.
"""

import datetime

import numpy as np
import numpy.typing as npt

from harness.data.corpus import NAMED, Corpus, name_key
from harness.method import Descriptions
from harness.scenario import Scenario

_WORDS = {"cve": "CVE"}
_EPOCH = datetime.date(1970, 1, 1)


def descriptions_of_rows(corpus: Corpus, rows: npt.NDArray[np.int64]) -> Descriptions:
    """Returns the distinct texts that rows refer to."""
    return _collect(corpus, rows, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def training_descriptions(corpus: Corpus, scenario: Scenario) -> Descriptions:
    """Returns the texts of the training rows, then those without a payload that training may use."""
    if not corpus.descriptions.num_rows:
        return descriptions_of_rows(corpus, scenario.train.rows)
    codes = _classes(corpus)
    free = _without_payload(corpus, codes)
    for mask in _withheld(corpus, scenario, codes).values():
        free &= ~mask
    extra = np.flatnonzero(free)
    return _collect(corpus, scenario.train.rows, extra, codes[extra])


def withheld_note(corpus: Corpus, scenario: Scenario) -> str:
    """Returns how many texts without a payload training is handed, and how many not, with the first reason of each."""
    codes = _classes(corpus)
    left = _without_payload(corpus, codes)
    total = int(left.sum())
    counts = {}
    for reason, mask in _withheld(corpus, scenario, codes).items():
        counts[reason] = int((left & mask).sum())
        left &= ~mask
    told = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f"of {total} texts without a payload {int(left.sum())} are trained on; withheld: {told}"


def _without_payload(corpus: Corpus, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Marks texts that have a class and that no row refers to."""
    free = codes >= 0
    free[corpus.text_of_row[corpus.text_of_row >= 0]] = False
    return free


def _classes(corpus: Corpus) -> npt.NDArray[np.int64]:
    """Class of every text by its own label, -1 where it has none."""
    table = corpus.descriptions
    if "label" not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.int64)
    place: dict[str | None, int] = {name: index for index, name in enumerate(corpus.classes)}
    return np.array([place.get(label, -1) for label in table.column("label").to_pylist()], dtype=np.int64)


def _withheld(corpus: Corpus, scenario: Scenario, codes: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.bool_]]:
    """Marks, by reason, texts that share something with rows of validation or of a test, or came too late."""
    table = corpus.descriptions
    out: dict[str, npt.NDArray[np.bool_]] = {}
    parts = [scenario.validation.rows, *(environment.rows for environment in scenario.environments.values())]
    rows = np.unique(np.concatenate(parts))
    for column in dict.fromkeys(("cve", *scenario.disjoint_columns)):
        if corpus.has(column) and column in table.column_names:
            key = name_key if column in NAMED else str
            values = {key(value) for value in corpus.table.column(column).take(rows).to_pylist() if value is not None}
            shared = [value is not None and key(value) in values - {""} for value in table.column(column).to_pylist()]
            out[f"of a {_WORDS.get(column, column)} that is validated or tested"] = np.array(shared, dtype=bool)
    if scenario.test_start is not None:
        dates = table.column("date").to_pylist() if "date" in table.column_names else [None] * table.num_rows
        days = np.array([np.inf if day is None else (day - _EPOCH).days for day in dates])
        out["not dated before tests begin"] = days >= scenario.test_start
    if scenario.unseen_classes:
        out["of a class that is to stay unseen"] = np.isin(codes, scenario.unseen_classes)
    return out


def _collect(
    corpus: Corpus, rows: npt.NDArray[np.int64], extra: npt.NDArray[np.int64], extra_labels: npt.NDArray[np.int64]
) -> Descriptions:
    texts = corpus.descriptions.column("text").to_pylist()
    places = corpus.text_of_row[rows]
    known = places >= 0
    used, of_row = np.unique(places[known], return_inverse=True)
    out = np.full(len(rows), -1, dtype=np.int64)
    out[known] = of_row
    labels = np.full(len(used), -1, dtype=np.int64)
    labels[out[known]] = corpus.labels[rows][known]
    every = [*used.tolist(), *extra.tolist()]
    return Descriptions(tuple(texts[i] for i in every), np.concatenate([labels, extra_labels]), out)
