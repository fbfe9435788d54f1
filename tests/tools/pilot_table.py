"""The table of docs/defaults.md, computed from the results of the pilot alone.

``python -m tests.tools.pilot_table`` rewrites it.
"""

import json
import math
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import registry
from tests.conftest import ROOT

RESULTS = ROOT / "results" / "pilot.jsonl"
PAGE = ROOT / "docs" / "defaults.md"
BEGIN, END = "<!-- generated: make pilot -->", "<!-- end of generated part -->"


@dataclass(frozen=True)
class Line:
    """One line of the results: a training and its outcome.

    Attributes:
        version, scenario_version: of the method and the scenario.
        fold: seed of the draw of training and validation.
        configuration: 0 for the default, else the number of the random one.
        sizes: rows of training and validation.
        macro_f1: on the rows of the pilot CVEs.
        best_epoch: epoch with the best score reported on validation, from 1; 0 if none was reported.
        epochs: number of epochs trained.
        seconds: processor seconds of the training, with the recorded cost of shared steps.
        error: why the training failed; empty if it did not.
    """

    method: str
    version: int
    scenario: str
    scenario_version: int
    fold: int
    configuration: int
    params: dict[str, Any]
    sizes: tuple[int, int]
    macro_f1: float
    best_epoch: int
    epochs: int
    seconds: float
    error: str


def read(file: Path) -> Iterator[Line]:
    """Yields the lines of a results file; none if it does not exist."""
    if file.exists():
        for text in file.read_text(encoding="utf-8").splitlines():
            fields = json.loads(text)
            yield Line(**{**fields, "sizes": tuple(fields["sizes"])})


def ranked_methods() -> list[str]:
    """Returns the names of the project's ranked methods with a search space."""
    registry.discover()
    infos = registry.methods().values()
    own = [i for i in infos if i.origin.startswith("harness.methods.")]
    return [info.name for info in own if info.kind == "ranked" and info.space]


@dataclass(frozen=True)
class Measured:
    """The lines of one method's newest version; ``scores`` have the mean over the scenarios."""

    name: str
    lines: tuple[Line, ...]

    @cached_property
    def scores(self) -> dict[int, dict[int, float]]:
        """Macro-F1 by configuration and fold, of the configurations that were trained in every fold and scenario."""
        cells: dict[int, dict[tuple[int, str], float]] = defaultdict(dict)
        for line in self.lines:
            if not line.error:
                cells[line.configuration][line.fold, line.scenario] = line.macro_f1
        needed = {(line.fold, line.scenario) for line in self.lines}
        return {
            number: {fold: _mean([cells[number][fold, name] for f, name in needed if f == fold]) for fold, _ in needed}
            for number in sorted(cells)
            if set(cells[number]) == needed
        }

    @property
    def folds(self) -> list[int]:
        """The folds, in order."""
        return sorted({line.fold for line in self.lines})

    @property
    def complete(self) -> bool:
        """Whether at least two folds, the default and one more configuration were measured, and none is half measured.

        A configuration that failed once is measured.
        """
        failed = {line.configuration for line in self.lines if line.error}
        started = {line.configuration for line in self.lines} - failed
        return started == set(self.scores) and 0 in started and len(started) > 1 and len(self.folds) > 1

    def best(self, folds: Sequence[int]) -> int:
        """Returns the configuration with the highest mean over some folds; the first one of equals."""
        return max(self.scores, key=lambda number: (_mean([self.scores[number][f] for f in folds]), -number))

    @property
    def selected(self) -> float:
        """The mean over folds of the configuration that is best in all other folds (leave one fold out)."""
        return _mean([self.scores[self.best([f for f in self.folds if f != fold])][fold] for fold in self.folds])

    def params(self, number: int) -> dict[str, Any]:
        """Returns the parameters of a configuration."""
        return next(line.params for line in self.lines if line.configuration == number)

    def of(self, number: int) -> list[Line]:
        """Returns the lines of a configuration."""
        return [line for line in self.lines if line.configuration == number]


def measured(lines: Iterator[Line]) -> list[Measured]:
    """Returns the methods, by name, each with the lines of its newest version."""
    by_method: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_method[line.method].append(line)
    out = []
    for name, own in sorted(by_method.items()):
        newest = max((line.scenario_version, line.version) for line in own)
        out.append(Measured(name, tuple(line for line in own if (line.scenario_version, line.version) == newest)))
    return out


def table(methods: Sequence[Measured], ranked: Sequence[str]) -> str:
    """Returns the generated part of the page.

    Args:
        methods: see `measured`.
        ranked: names of the methods that the pilot is for.
    """
    done = [method for method in methods if method.complete]
    parts = [_scores(done), _configurations(done), _epochs(done)] if done else []
    left = [name for name in ranked if name not in {method.name for method in done}]
    if left:
        text = f"Not measured yet: {', '.join(f'`{name}`' for name in left)}."
        parts.append(textwrap.fill(text, 120, break_on_hyphens=False))
    return "\n\n".join([BEGIN, *parts, END])


def _scores(methods: Sequence[Measured]) -> str:
    rows = ["| method | version | configurations | default | selected | difference | best of all folds |"]
    rows += ["|---|---|---|---|---|---|---|"]
    for method in methods:
        default = _mean(method.scores[0].values())
        best = method.best(method.folds)
        top = "default" if best == 0 else f"{_mean(method.scores[best].values()):.3f}"
        rows.append(
            f"| {method.name} | {method.lines[0].version} | {len(method.scores)} | {default:.3f} "
            f"| {method.selected:.3f} | {method.selected - default:+.3f} | {top} |"
        )
    return "\n".join(rows)


def _configurations(methods: Sequence[Measured]) -> str:
    rows = ["| method | default | best of all folds |", "|---|---|---|"]
    rows += [f"| {m.name} | {_shown(m.params(0))} | {_shown(m.params(m.best(m.folds)))} |" for m in methods]
    return "\n".join(rows)


def _epochs(methods: Sequence[Measured]) -> str:
    rows = [
        "| method | trainings | last epoch is the best | of the default | s per training |",
        "|---|---|---|---|---|",
    ]
    for method in methods:
        shares = [_last_epoch_share(lines) for lines in (method.lines, method.of(0))]
        seconds = _mean(line.seconds for line in method.lines)
        rows.append(f"| {method.name} | {len(method.lines)} | {shares[0]} | {shares[1]} | {seconds:.1f} |")
    return "\n".join(rows)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)


def _shown(params: dict[str, Any]) -> str:
    def value(item: Any) -> str:
        return f"{item:.3g}" if isinstance(item, float) else str(item)

    return ", ".join(f"{name} {value(item)}" for name, item in params.items())


def _last_epoch_share(lines: Sequence[Line]) -> str:
    reported = [line for line in lines if line.epochs]
    return f"{_mean(line.best_epoch == line.epochs for line in reported):.0%}" if reported else "–"


def rewrite() -> str:
    """Writes the table into docs/defaults.md and returns it."""
    generated = table(measured(read(RESULTS)), ranked_methods())
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + generated + rest.split(END)[1], encoding="utf-8")
    return generated


if __name__ == "__main__":
    print(rewrite())
