"""The descriptions of methods with the tag ``text``: those of the rows, and in training texts without a payload.

A text without a payload is public knowledge about one vulnerability. It is withheld from training if a validation or
test row shares an attribute that the scenario holds out: always the CVE; the vendor or product if it is held out; a
date from the start of the tests on; a class that is to stay unseen.
"""

import datetime
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.data import values
from harness.data.corpus import NAMED, Corpus, name_key
from harness.method import Descriptions
from harness.scenario import Scenario

_WORDS = {"cve": "CVE"}
_EPOCH = datetime.date(1970, 1, 1)


def descriptions_of_rows(corpus: Corpus, rows: npt.NDArray[np.int64]) -> Descriptions:
    """Returns the distinct descriptions of rows, without texts that have no payload."""
    return _collect(corpus, rows, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def training_descriptions(corpus: Corpus, scenario: Scenario) -> Descriptions:
    """Returns the descriptions of the training rows, followed by the texts without a payload that training may use."""
    if not corpus.descriptions.num_rows:
        return descriptions_of_rows(corpus, scenario.train.rows)
    codes = _classes(corpus)
    free = _without_payload(corpus, codes)
    for mask in _withheld(corpus, scenario, codes).values():
        free &= ~mask
    extra = np.flatnonzero(free)
    return _collect(corpus, scenario.train.rows, extra, codes[extra])


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


def _collect(
    corpus: Corpus, rows: npt.NDArray[np.int64], extra: npt.NDArray[np.int64], extra_labels: npt.NDArray[np.int64]
) -> Descriptions:
    texts = corpus.descriptions.column("text").to_pylist()
    text = corpus.text_of_row[rows]
    has_text = text >= 0
    distinct, index = np.unique(text[has_text], return_inverse=True)
    of_row = np.full(len(rows), -1, dtype=np.int64)
    of_row[has_text] = index
    labels = np.full(len(distinct), -1, dtype=np.int64)
    labels[index] = corpus.labels[rows][has_text]
    indices = [*distinct.tolist(), *extra.tolist()]
    return Descriptions(tuple(texts[i] for i in indices), np.concatenate([labels, extra_labels]), of_row)
