"""Leakage: what the tests of a split share with its training, and whether the split promises that they do not.

Every split promises that no row, no copy of a row, no near-duplicate and no attack (core) stands on both sides. By its
shift type a scenario promises more of its shifted environments: units (CVEs, groups) of their own, dates after those
of training, sources of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.data.corpus import GROUP, Corpus
from harness.scenario import Rows, Scenario
from harness.scenarios import splits

ALWAYS = ("row", "exact duplicate", "near-duplicate", "attack core")
UNIT, DATE, SOURCE = "unit", "date", "source"
_PROMISES = {"attribute-generalization": (UNIT,), "temporal": (UNIT, DATE), "source": (SOURCE,)}


@dataclass(frozen=True)
class Crossing:
    """Something that rows of an environment share with training and validation.

    Attributes:
        what: what is shared: a row, an exact duplicate, a near-duplicate ...
        rows: rows of the environment that share it.
        leak: whether the scenario promises that there are none.
        example: sample ids of such a row and of one that is trained on.
    """

    what: str
    rows: int
    leak: bool
    example: tuple[str, str]


@dataclass(frozen=True)
class Leakage:
    """What one environment of one seed shares with training and validation.

    Attributes:
        rows: of the environment.
        leaking: of them, rows that share anything that the scenario promises they do not.
        crossings: what is shared; nothing that is not.
    """

    scenario: str
    environment: str
    seed: int
    rows: int
    leaking: int
    crossings: tuple[Crossing, ...]


class Identities:
    """What makes two rows of a corpus the same, in several respects.

    Args:
        corpus: the rows.
        cluster: int64 (n,), cluster of near-duplicates of each row, -1 where it has none.
    """

    def __init__(self, corpus: Corpus, cluster: Rows) -> None:
        self._corpus, self.cluster = corpus, cluster

    @cached_property
    def codes(self) -> Mapping[str, Rows]:
        """Codes by what is shared, int64 (n,), -1 where missing."""
        corpus = self._corpus
        out = {
            "row": np.arange(len(corpus)),
            "exact duplicate": distinct_payloads(corpus),
            "near-duplicate": self.cluster,
        }
        named = {"attack core": "core", "CVE": "cve", "product": "product"}
        named |= {"vendor": "vendor", SOURCE: SOURCE, **{f"group {name}": GROUP + name for name in corpus.meta.groups}}
        return out | {what: corpus.codes(column)[0] for what, column in named.items() if corpus.has(column)}

    @cached_property
    def days(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | None":
        """Days of the rows, NaN where missing; None where the corpus has no dates."""
        return splits.days(self._corpus) if self._corpus.has("date") else None

    def samples(self, *rows: int) -> list[str]:
        """Returns the sample ids of rows."""
        return list(self._corpus.table.column("sample").take(list(rows)).to_pylist())


def distinct_payloads(corpus: Corpus) -> Rows:
    """Returns a code per row that equal payloads share, int64 (n,)."""
    codes = corpus.table.column("payload").combine_chunks().dictionary_encode().indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)


def leakage(identities: Identities, scenario: Scenario, seed: int) -> Iterator[Leakage]:
    """Yields what each environment of a scenario shares with training and validation, in their order."""
    trained = np.unique(np.concatenate([scenario.train.rows, scenario.validation.rows]))
    for name, environment in scenario.environments.items():
        spec = scenario.spec.environments.get(name)
        promised = (*ALWAYS, *(_PROMISES.get(scenario.spec.shift, ()) if spec and spec.shifted else ()))
        codes = {**identities.codes, **({UNIT: scenario.unit} if UNIT in promised else {})}
        tested = environment.rows
        hits = {what: np.isin(code[tested], _known(code[trained])) for what, code in codes.items()}
        if DATE in promised and identities.days is not None:
            hits[DATE] = identities.days[tested] <= np.nanmax(identities.days[trained], initial=-np.inf)
        crossings = []
        for what, hit in hits.items():
            if hit.any():
                row = int(tested[hit][0])
                first, second = identities.samples(row, _partner(codes.get(what), identities, row, trained))
                crossings.append(Crossing(what, int(hit.sum()), what in promised, (first, second)))
        leaking = np.any([hit for what, hit in hits.items() if what in promised], axis=0)
        yield Leakage(scenario.spec.name, name, seed, len(tested), int(leaking.sum()), tuple(crossings))


def _known(codes: Rows) -> Rows:
    return np.unique(codes[codes >= 0])


def _partner(code: Rows | None, identities: Identities, row: int, trained: Rows) -> int:
    """A trained row that shares the code; without one, the trained row of the latest date."""
    if code is not None:
        return int(trained[code[trained] == code[row]][0])
    assert identities.days is not None
    return int(trained[np.nanargmax(identities.days[trained])])
