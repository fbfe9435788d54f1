"""Learning curves of a run or of a folder, as tables and JSON."""

import json
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from harness import registry
from harness.api.contrasts import bounds
from harness.api.result_table import ResultTable
from harness.boards.curve_tables import title
from harness.boards.json_export import curves_to_json
from harness.boards.learning_curves import LearningCurves, learning_curves
from harness.boards.render import curves_markdown
from harness.boards.rules import RULES
from harness.protocol import CURVE
from harness.records.schema import Record
from harness.safe_text import printable


@dataclass(frozen=True)
class CurveResults:
    """Learning curves: the score of each method by number of training rows, and where two methods cross.

    Attributes:
        records: one per cell; those that are not of a learning curve are skipped.
        folder: results folder.

    Example:
        >>> curves = harness.curve("tfidf-logreg,byte-cnn", scenarios="cve-disjoint", rows=[55, 110, 330, 1000])
        >>> curves.table()
        >>> curves.crossings().to_latex("crossings.tex")
    """

    records: tuple[Record, ...]
    folder: Path

    @property
    def curves(self) -> list[LearningCurves]:
        """The curves: one set of all methods for each scenario, corpus and budget."""
        return list(self._curves)

    @cached_property
    def _curves(self) -> tuple[LearningCurves, ...]:
        registry.discover()
        return tuple(learning_curves(self.records, RULES))

    def table(self) -> ResultTable:
        """Returns one row per method and number of training rows.

        Columns: ``benchmark``, ``scenario``, ``method``, ``requested`` (the limit of training rows), ``rows`` (those
        that were trained on, mean over seeds), ``seeds``, ``score`` (mean over seeds), ``low`` and ``high`` of its 95 %
        interval (null for one seed), and ``metric``: ``score``, or ``id`` on a scenario without shifted environments.
        """
        rows: list[dict[str, Any]] = [
            {
                "benchmark": curves.setting.benchmark,
                "scenario": curves.scenario,
                "method": curve.method,
                "requested": curves.sizes[place].requested,
                "rows": curves.sizes[place].rows,
                "seeds": len(curve.seeds),
                "score": score.mean,
                **bounds(score),
                "metric": curves.metric,
            }
            for curves in self._curves
            for curve in curves.curves
            for place, score in sorted(curve.scores.items())
        ]
        return ResultTable.of_rows(rows, _COLUMNS)

    def crossings(self) -> ResultTable:
        """Returns one row per pair of methods.

        Columns: ``benchmark``, ``scenario``, ``method`` (the one that is ahead at the largest size), ``other``,
        ``rows`` (the number of training rows from which it is ahead; null if the curves do not cross), ``low`` and
        ``high`` of its 95 % interval (null where the interval has no end within the sizes), ``changes`` (how often the
        curves cross; ``rows`` is the last), and ``difference`` at the largest size, with its bounds.
        """
        rows: list[dict[str, Any]] = []
        for curves in self._curves:
            for pair in curves.crossings:
                low, high = pair.crossing.interval or (None, None)
                difference = {f"difference_{name}": value for name, value in bounds(pair.difference).items()}
                rows.append(
                    {
                        "benchmark": curves.setting.benchmark,
                        "scenario": curves.scenario,
                        "method": pair.method,
                        "other": pair.other,
                        "rows": pair.crossing.rows,
                        "low": low,
                        "high": high,
                        "changes": pair.crossing.changes,
                        "difference": pair.difference.mean,
                        **difference,
                    }
                )
        return ResultTable.of_rows(rows, _CROSSING_COLUMNS)

    @property
    def failures(self) -> dict[str, str]:
        """The reasons of failed cells, by cell."""
        return {
            f"{r.cell.method} on {r.cell.scenario}, seed {r.cell.seed}, {r.cell.sizes[0]} rows": r.failure.reason
            for r in self.records
            if r.failure is not None and r.cell.preset == CURVE
        }

    def to_markdown(self) -> str:
        """Returns the curves as Markdown tables, with their notes."""
        return "\n".join(map(curves_markdown, self._curves))

    def to_json(self) -> str:
        """Returns the curves as JSON; docs/curves.md describes the keys."""
        return json.dumps(curves_to_json(self._curves), indent=1, sort_keys=True, allow_nan=False)

    def __len__(self) -> int:
        return len(self._curves)

    def __repr__(self) -> str:
        titles = "\n".join(printable(title(curves)) for curves in self._curves)
        return f"{titles or 'no learning curves'}\n{self.table()!r}{self.crossings()!r}"

    def _repr_html_(self) -> str:
        titles = "<br>".join(escape(printable(title(curves))) for curves in self._curves)
        return f"<p>{titles}</p>{self.table()._repr_html_()}{self.crossings()._repr_html_()}"


_COLUMNS = (
    "benchmark", "scenario", "method", "requested", "rows", "seeds", "score", "low", "high", "metric",
)  # fmt: skip
_CROSSING_COLUMNS = (
    "benchmark", "scenario", "method", "other", "rows", "low", "high", "changes", "difference", "difference_low",
    "difference_high",
)  # fmt: skip
