"""Train-test leakage: what test rows share with training, and whether the split guarantees that they do not.

Every split guarantees that no row, copy, near-duplicate or attack core is in both training and test. Depending on its
shift type, a scenario guarantees more for its shifted environments: other units (CVEs, groups), later dates, or other
sources than in training.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.data.corpus import GROUP, Corpus
from harness.data.linking import distinct_payloads, link_codes
from harness.scenario import Rows, Scenario
from harness.scenarios import splits

ALWAYS = ("row", "exact duplicate", "near-duplicate", "attack core")
UNIT, DATE, SOURCE = "unit", "date", "source"
_GUARANTEES = {"attribute-generalization": (UNIT,), "temporal": (UNIT, DATE), "source": (SOURCE,)}


@dataclass(frozen=True)
class Crossing:
    """A property that rows of an environment share with training or validation rows.

    Attributes:
        what: the property: row, exact duplicate, near-duplicate, attack core, CVE ...
        rows: number of rows of the environment that share it.
        leak: whether the scenario guarantees that no row shares it.
        example: sample ids of such a row and of a training row with which it shares the property.
    """

    what: str
    rows: int
    leak: bool
    example: tuple[str, str]


@dataclass(frozen=True)
class Leakage:
    """Leakage between training (with validation) and one environment, for one seed.

    Attributes:
        rows: number of rows of the environment.
        leaking: number of these that share a property which the scenario guarantees not to be shared.
        crossings: all shared properties, leaks or not.
    """

    scenario: str
    environment: str
    seed: int
    rows: int
    leaking: int
    crossings: tuple[Crossing, ...]


class Identities:
    """The properties by which rows of a corpus are compared: payload, near-duplicate cluster, core, CVE, date ...

    Args:
        corpus: the rows.
        cluster: int64 (n,), cluster of near-duplicates of each row, -1 if it is in none.
    """

    def __init__(self, corpus: Corpus, cluster: Rows) -> None:
        self._corpus, self.cluster = corpus, cluster

    @cached_property
    def codes(self) -> Mapping[str, Rows]:
        """Maps each property to a code per row, int64 (n,), -1 if missing; rows with equal codes share the property."""
        corpus = self._corpus
        out = {
            "row": np.arange(len(corpus)),
            "exact duplicate": distinct_payloads(corpus),
            "near-duplicate": self.cluster,
        }
        columns = {"attack core": "core", "CVE": "cve", "product": "product"}
        columns |= {
            "vendor": "vendor",
            SOURCE: SOURCE,
            **{f"group {name}": GROUP + name for name in corpus.meta.groups},
        }
        return out | {what: link_codes(corpus, column) for what, column in columns.items() if corpus.has(column)}

    @cached_property
    def days(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | None":
        """Date of each row in days, float64 (n,), NaN if missing; None if the corpus has no dates."""
        return splits.days(self._corpus) if self._corpus.has("date") else None

    def samples(self, *rows: int) -> list[str]:
        """Returns the sample ids of rows."""
        return list(self._corpus.table.column("sample").take(list(rows)).to_pylist())


def leakage(identities: Identities, scenario: Scenario, seed: int) -> Iterator[Leakage]:
    """Yields the leakage of each environment of a scenario, in order."""
    train = np.unique(np.concatenate([scenario.train.rows, scenario.validation.rows]))
    for name, environment in scenario.environments.items():
        spec = scenario.spec.environments.get(name)
        guarantees = (*ALWAYS, *(_GUARANTEES.get(scenario.spec.shift, ()) if spec and spec.shifted else ()))
        codes = {**identities.codes, **({UNIT: scenario.unit} if UNIT in guarantees else {})}
        test = environment.rows
        hits = {what: np.isin(code[test], _present(code[train])) for what, code in codes.items()}
        if DATE in guarantees and identities.days is not None:
            hits[DATE] = identities.days[test] <= np.nanmax(identities.days[train], initial=-np.inf)
        crossings = []
        for what, hit in hits.items():
            if hit.any():
                row = int(test[hit][0])
                first, second = identities.samples(row, _partner(codes.get(what), identities, row, train))
                crossings.append(Crossing(what, int(hit.sum()), what in guarantees, (first, second)))
        leaking = np.any([hit for what, hit in hits.items() if what in guarantees], axis=0)
        yield Leakage(scenario.spec.name, name, seed, len(test), int(leaking.sum()), tuple(crossings))


def _present(codes: Rows) -> Rows:
    return np.unique(codes[codes >= 0])


def _partner(code: Rows | None, identities: Identities, row: int, train: Rows) -> int:
    """Returns a training row with the same code; without codes, the training row with the latest date."""
    if code is not None:
        return int(train[code[train] == code[row]][0])
    assert identities.days is not None
    return int(train[np.nanargmax(identities.days[train])])
