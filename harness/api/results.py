"""Results: the records of a folder or of a run, as tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import registry
from harness.api.contrasts import bounds, in_scenario, in_score
from harness.api.curve_results import CurveResults
from harness.api.result_table import ResultTable
from harness.boards.build import boards, setting_of
from harness.boards.model import Board, Row
from harness.boards.rules import RULES
from harness.errors import UserError, nearest
from harness.protocol import CURVE
from harness.records.predictions import Predictions, check_record, read
from harness.records.schema import Record
from harness.records.store import Contents, Store


@dataclass(frozen=True)
class Results:
    """The records of a run or of a folder.

    Attributes:
        records: one per cell.
        folder: results folder.
        unreadable: why a file is not among the records, by its path relative to the folder.

    Example:
        >>> results = harness.run(methods="tfidf-logreg,majority", benchmark="synthetic")
        >>> results.table()
        >>> results.contrast("tfidf-logreg", "majority").to_latex("contrast.tex")
    """

    records: tuple[Record, ...]
    folder: Path
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def boards(self) -> list[Board]:
        """Returns the leaderboards: one for each combination of benchmark and budget."""
        return list(self._boards)

    @cached_property
    def _boards(self) -> tuple[Board, ...]:
        """Built once: a notebook asks for the text and the HTML of a result, and a ranked board takes seconds."""
        registry.discover()
        return tuple(boards(self.records, RULES))

    def curves(self) -> CurveResults:
        """Returns the learning curves, made by `harness.curve` or `harness curve`; they are on no board."""
        return CurveResults(self.records, self.folder)

    @property
    def failures(self) -> dict[str, str]:
        """The reasons of failed cells, by cell."""
        return {_label(r): r.failure.reason for r in self.records if r.failure is not None}

    def table(self) -> ResultTable:
        """Returns the leaderboard: one row per method, best first, with the columns of docs/leaderboard.md."""
        boards = self.boards()
        scenarios = list(dict.fromkeys(column for board in boards for column in board.columns))
        names = ["/".join(column) for column in scenarios]
        rows = [
            _board_row(board, row) | {"/".join(column): row.metric(column) for column in scenarios}
            for board in boards
            for row in board.rows
        ]
        return ResultTable.of_rows(rows, (*_BOARD_COLUMNS, *names))

    def cells(self) -> ResultTable:
        """Returns one row per cell and environment, with all metrics; a single row for a cell without a result.

        ``rows`` is the limit of training rows.
        """
        rows: list[dict[str, Any]] = []
        metrics: dict[str, None] = {}
        for record in self.records:
            base = {
                "benchmark": record.cell.benchmark,
                "preset": record.cell.preset,
                "method": record.cell.method,
                "scenario": record.cell.scenario,
                "seed": record.cell.seed,
                "rows": record.cell.sizes[0],
                "status": record.status,
                "train_seconds": record.provenance.compute_seconds,
                "key": record.key,
                "reason": record.failure.reason if record.failure else None,
            }
            environments = record.result.metrics if record.result else {}
            rows += [base | {"environment": name} | values for name, values in environments.items()] or [base]
            metrics |= dict.fromkeys(metric for values in environments.values() for metric in values)
        return ResultTable.of_rows(rows, (*_CELL_COLUMNS, *metrics, "reason", "train_seconds", "key"))

    def predictions(self, record: Record | str) -> Predictions:
        """Returns the kept class probabilities of a record, to compute other metrics or to combine methods.

        Args:
            record: one of ``records``, or the first digits of its key.

        Returns:
            A mapping from environments to `harness.records.predictions.EnvironmentPredictions`: ``labels``,
            ``probabilities``, ``rows``, ``samples``, ``units``, ``draws``. The file's columns are in ``table``.

        Raises:
            UserError: there is no such record, it has no predictions in this folder, or they cannot be used.

        Example:
            >>> results = harness.load_results("results/local")
            >>> kept = results.predictions(results.records[0])["id"]
            >>> sklearn.metrics.roc_auc_score(kept.labels, kept.probabilities, multi_class="ovr")
        """
        store = Store(self.folder)
        record = store.find(record) if isinstance(record, str) else record
        path = store.predictions_path(record.id)
        if not path.exists():
            raise UserError(
                f"no predictions of {_label(record)} are kept in {self.folder}; they are only in the folder to which "
                "`harness run` wrote the record, and probes and failed cells have none."
            )
        try:
            predictions = read(path)
            check_record(predictions, record)
        except ValueError as error:
            raise UserError(f"{path} cannot be used: {error}.") from error
        return predictions

    def contrast(self, method: str, other: str) -> ResultTable:
        """Returns the difference of two methods, paired over seeds, for each scored scenario and for the score.

        Columns: ``scenario`` (``score`` for the mean over scenarios), ``seeds``, ``difference`` of macro-F1 in the
        scored environments, ``low`` and ``high`` of its 95 % interval (paired t over folds, null for one seed), and
        ``p`` of the paired t-test.

        Raises:
            UserError: one of the methods has no records, or they have no scored scenario and seed in common.
        """
        for name in (method, other):
            methods = sorted({record.cell.method for record in self.records})
            if name not in methods:
                raise UserError(f"there is no record of the method {name}; {nearest(name, methods)}")
        rows = []
        for board in self.boards():
            by_name = {row.method: row for row in board.rows}
            if method not in by_name or other not in by_name:
                continue
            ours, theirs = self._scored(board, method), self._scored(board, other)
            pairs = {name: (ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys())}
            place = {"benchmark": board.setting.benchmark, "preset": board.setting.preset}
            rows += [place | {"scenario": name} | in_scenario(name, *pair) for name, pair in pairs.items()]
            if pairs:
                rows.append(place | {"scenario": "score"} | in_score(by_name[method], by_name[other]))
        if not rows:
            raise UserError(f"{method} and {other} have no scored scenario and seed in common.")
        return ResultTable.of_rows(rows, _CONTRAST_COLUMNS)

    def _scored(self, board: Board, method: str) -> dict[str, dict[int, Record]]:
        """Returns the records of a method on a board that have a score, by scenario and seed."""
        scored: dict[str, dict[int, Record]] = {}
        for record in self.records:
            cell = record.cell
            on_board = cell.method == method and setting_of(record) == board.setting and not RULES.is_stale(record)
            if on_board and record.result is not None and cell.scored:
                scored.setdefault(cell.scenario, {})[cell.seed] = record
        return scored

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        done = sum(record.status == "done" for record in self.records)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        unreadable = f", {len(self.unreadable)} unreadable files" if self.unreadable else ""
        return (
            f"Results({len(self.records)} cells, {done} done{failed}{unreadable}, in {self.folder})\n{self.table()!r}"
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


_CONTRAST_COLUMNS = ("benchmark", "preset", "scenario", "seeds", "difference", "low", "high", "p")
_BOARD_COLUMNS = (
    "method", "rank", "score", "low", "high", "id", "gap", "worst", "worst_environment", "train_seconds", "track",
    "kind", "benchmark", "preset", "done", "failed", "missing",
)  # fmt: skip
_CELL_COLUMNS = ("benchmark", "preset", "method", "scenario", "seed", "rows", "status", "environment")


def load_results(folder: str | Path = "results/local") -> Results:
    """Reads the records of a results folder; files that are not complete records are in `Results.unreadable`.

    Raises:
        UserError: the folder does not exist, or has no record that can be read.
    """
    path = Path(folder)
    contents = read_records(path)
    return Results(tuple(contents.records), path, contents.unreadable)


def read_records(folder: Path, option: str = "--results ") -> Contents:
    """Returns the contents of a results folder, which has at least one record; see `load_results`.

    Args:
        folder: the results folder.
        option: how an error message introduces the folder.
    """
    if not folder.is_dir():
        raise UserError(f"{option}{folder}: there is no such folder; run this in the project's root, or name a folder.")
    contents = Store(folder).contents()
    if not contents.entries and contents.unreadable:
        raise UserError(
            f"{option}{folder}: none of its {len(contents.unreadable)} files is a complete record; "
            f"{next(iter(contents.unreadable.values()))}"
        )
    if not contents.entries:
        raise UserError(f"{option}{folder}: the folder has no records; `harness run --results {folder}` writes some.")
    return contents


def _label(record: Record) -> str:
    rows = f", {record.cell.sizes[0]} rows" if record.cell.preset == CURVE else ""
    return f"{record.cell.method} on {record.cell.scenario}, seed {record.cell.seed}{rows}"


def _board_row(board: Board, row: Row) -> dict[str, Any]:
    return {
        "benchmark": board.setting.benchmark,
        "preset": board.setting.preset,
        "rank": row.rank,
        "method": row.method,
        "kind": row.kind,
        "track": row.track,
        "score": None if row.score is None else row.score.mean,
        **({"low": None, "high": None} if row.score is None else bounds(row.score)),
        "id": row.id,
        "gap": row.gap,
        "worst_environment": None if row.worst is None else row.worst[1],
        "worst": None if row.worst is None else row.worst[0],
        "train_seconds": row.cost.training_seconds,
        "done": row.done,
        "failed": len(row.failed),
        "missing": len(row.missing),
    }
