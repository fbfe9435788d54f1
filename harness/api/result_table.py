"""A table that prints itself, is displayed in notebooks, and exports to pandas, CSV and LaTeX."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, nearest
from harness.safe_text import printable

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_ROWS = 60  # rows of a table in its text and HTML representations
_WIDTH = 120  # characters per line in its text representation


class ResultTable:
    """A table that prints itself, is displayed in notebooks, and exports to pandas, CSV and LaTeX.

    Attributes:
        arrow: the data, a `pyarrow.Table`.

    Example:
        >>> table = harness.load_results("results/local").table()
        >>> table.to_csv("board.csv")
    """

    def __init__(self, arrow: "pa.Table") -> None:
        self.arrow = arrow

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> "ResultTable":
        """Builds a table from plain values; missing values are null."""
        import pyarrow as pa

        rows, columns = list(rows), list(columns)
        return cls(pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns}))

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.arrow.column_names)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __getitem__(self, column: str) -> list[Any]:
        if column not in self.arrow.column_names:
            raise UserError(f"the table has no column {column}; {nearest(column, self.columns)}")
        values: list[Any] = self.arrow.column(column).to_pylist()
        return values

    def to_pylist(self) -> list[dict[str, Any]]:
        """Returns one dictionary per row."""
        rows: list[dict[str, Any]] = self.arrow.to_pylist()
        return rows

    def to_pandas(self) -> Any:
        """Returns a `pandas.DataFrame`.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped]  # noqa: F401
        except ImportError as error:
            raise UserError("to_pandas needs pandas; install it with: pip install pandas") from error
        return self.arrow.to_pandas()

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Writes the table as CSV (RFC 4180) to a file, or returns the text if no path is given.

        Raises:
            UserError: the file cannot be written.
        """
        import io

        import pyarrow.csv

        stream = io.BytesIO()
        pyarrow.csv.write_csv(self.arrow, stream)
        return _write_text(stream.getvalue().decode("utf-8"), path)

    def to_latex(self, path: str | Path | None = None) -> str | None:
        """Writes the table as a LaTeX ``tabular`` (package booktabs) to a file, or returns the text; see `to_csv`."""
        alignment = "".join("r" if _is_number(self.arrow.schema.field(name).type) else "l" for name in self.columns)
        lines = [
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            " & ".join(map(_latex, self.columns)) + r" \\",
            r"\midrule",
            *(" & ".join(map(_latex, cells)) + r" \\" for cells in self.text_rows()),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return _write_text("\n".join(lines) + "\n", path)

    def text_rows(self, most: int | None = None) -> Iterator[list[str]]:
        """Yields the first rows, or all, as text: floats with three decimals, nulls empty."""
        for row in self.arrow.slice(0, most).to_pylist():
            yield [_text(row[name]) for name in self.columns]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(printable(name))}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(printable(cell))}</td>" for cell in cells) + "</tr>"
            for cells in self.text_rows(_MOST_ROWS)
        )
        more = f"<p>… {len(self) - _MOST_ROWS} more rows</p>" if len(self) > _MOST_ROWS else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def __repr__(self) -> str:
        from rich import box
        from rich.console import Console
        from rich.table import Column, Table
        from rich.text import Text

        cells = list(self.text_rows(_MOST_ROWS))
        widths = [max(map(len, column)) + 3 for column in zip(self.columns, *cells, strict=True)]
        fitting = max(1, sum(total <= _WIDTH for total in accumulate(widths)))
        table = Table(
            *(Column(Text(printable(name)), no_wrap=True) for name in self.columns[:fitting]),
            box=box.SIMPLE,
            pad_edge=False,
        )
        for row in cells:
            table.add_row(*(Text(printable(cell)) for cell in row[:fitting]))
        console = Console(width=_WIDTH + 20, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(table)
        text = "\n".join(line.rstrip() for line in capture.get().strip("\n").splitlines()) + "\n"
        if fitting < len(self.columns):
            text += f"columns hidden (too wide): {', '.join(map(printable, self.columns[fitting:]))}\n"
        return text + (f"… {len(self) - _MOST_ROWS} more rows\n" if len(self) > _MOST_ROWS else "")


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in printable(text))


def _write_text(text: str, path: str | Path | None) -> str | None:
    if path is None:
        return text
    from harness.storage.atomic_write import atomic_write

    try:
        with atomic_write(Path(path)) as file:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}).") from error
    return None
