"""Scored tests that lack classes: with a single class they are not scored, and the others are noted.

On a test of one class, the method that always predicts this class has a macro-F1 of 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.boards.model import Column
from harness.evaluation import counts
from harness.records.schema import Record

Tested = Mapping[Column, "TestedClasses"]


@dataclass
class TestedClasses:
    """Classes of the test rows of one scored environment.

    Attributes:
        all: classes of the corpus.
        by_seed: classes with test rows, by seed; all methods have the same test rows.
    """

    all: frozenset[str]
    by_seed: dict[int, frozenset[str]] = field(default_factory=dict)

    @property
    def single(self) -> bool:
        """Whether the test rows of some seed have one class."""
        return any(len(classes) == 1 for classes in self.by_seed.values())


def tested_classes(records: Sequence[Record]) -> Tested:
    """Returns the classes of the test rows of each scored environment, by scenario and environment."""
    out: dict[Column, TestedClasses] = {}
    for record in records:
        result, scenario, seed = record.result, record.cell.scenario, record.cell.seed
        if result is None:
            continue
        for env in record.cell.scored:
            tested = out.setdefault((scenario, env), TestedClasses(frozenset(result.classes)))
            if seed in tested.by_seed:
                continue
            try:
                table = counts.table(result.tables, env)
            except (KeyError, ValueError):  # `harness results check` names such a record
                continue
            tested.by_seed[seed] = frozenset(result.classes[code] for code in np.unique(table[:, 1]).tolist())
    return out


def without_single_class(record: Record, tested: Tested) -> Record:
    """Returns the record without the environments of a single class among those that count towards the score."""
    cell = record.cell
    scored = [env for env in cell.scored if not ((found := tested.get((cell.scenario, env))) and found.single)]
    if scored == cell.scored:
        return record
    return record.model_copy(update={"cell": cell.model_copy(update={"scored": scored})})


def class_notes(tested: Tested) -> Iterator[str]:
    """Yields a note per scored environment whose tests lack classes: macro-F1 is a mean over those that they have."""
    for column, found in sorted(tested.items()):
        name = "/".join(column)
        if found.single:
            yield f"{name}: not scored, since a test has rows of a single class"
        elif absent := sorted(found.all.difference(*found.by_seed.values())):
            yield f"{name}: macro-F1 is the mean over the classes that the test has; it never has {', '.join(absent)}"
        elif some := sorted(found.all - frozenset.intersection(found.all, *found.by_seed.values())):
            yield (
                f"{name}: macro-F1 is the mean over the classes that the test has; with some seeds it lacks "
                f"{', '.join(some)}"
            )
