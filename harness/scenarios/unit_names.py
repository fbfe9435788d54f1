"""Names of resampling units, which are what a scenario holds out, and which of them training knows."""

from collections.abc import Sequence

import numpy as np

from harness.data.corpus import GROUP, Corpus
from harness.safe_text import encodable
from harness.scenario import Scenario


def unit_names(corpus: Corpus, scenario: Scenario) -> list[str]:
    """Returns the name of the resampling unit of each row of the corpus.

    It is the row's CVE, unless the scenario holds out something else (`Scenario.unit_column`): then it is that word
    and the first value of the column in the unit, such as ``product jenkins``. Units without a value are numbered.
    """
    word = scenario.unit_column
    column = word or _cve_column(corpus)
    if column is None or not corpus.has(column):
        return [f"{word} {unit}".lstrip() for unit in scenario.unit.tolist()]
    codes, values = corpus.codes(column)
    if not word:
        return [
            values[code] if code >= 0 else str(unit)
            for code, unit in zip(codes.tolist(), scenario.unit.tolist(), strict=True)
        ]
    first = np.full(int(scenario.unit.max()) + 1, len(values))
    np.minimum.at(first, scenario.unit[codes >= 0], codes[codes >= 0])
    name = word.removeprefix(GROUP)
    of_unit = [
        f"{name} {encodable(values[code]) if code < len(values) else f'#{unit}'}"
        for unit, code in enumerate(first.tolist())
    ]
    return [of_unit[unit] for unit in scenario.unit.tolist()]


def trained_cves(corpus: Corpus, scenario: Scenario, names: Sequence[str]) -> set[str]:
    """Returns the units that occur in training, by name; empty if units are not CVEs."""
    if scenario.unit_column or _cve_column(corpus) is None:
        return set()
    return {names[row] for row in scenario.train.rows.tolist()}


def _cve_column(corpus: Corpus) -> str | None:
    return next((column for column in ("cve", "group.cve") if corpus.has(column)), None)
