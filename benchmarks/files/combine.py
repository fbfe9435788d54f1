"""Columns that are computed from others: a request from its parts, a label from one column per class.

In ``--map``, a request in parts is ``method=…,url=…,headers=…,body=…`` (and ``header.NAME=…`` for a header in a column
of its own) in place of ``payload=…``; a label in one column per class is ``label=@one-hot:A|B|C``.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from harness import UserError

from . import http_parts
from .rows import RawRow

PARTS = ("method", "url", "headers", "body")
_HEADER = re.compile(r"header\.([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
_ONE_HOT = "@one-hot:"
_REQUEST = "@request:"  # followed by the mapping of the parts as JSON
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "t", "y"), ("", "0", "0.0", "false", "no", "f", "n")


def is_part(name: str) -> bool:
    """Whether a field of ``--map`` is a part of a request."""
    return name in PARTS or _HEADER.fullmatch(name) is not None


def with_request(mapping: Mapping[str, str]) -> dict[str, str]:
    """Returns a mapping whose parts of a request are one computed column for the payload.

    Raises:
        UserError: both the payload and parts of it are mapped, or the parts lack the URL.
    """
    parts = {name: column for name, column in mapping.items() if is_part(name)}
    if not parts:
        return dict(mapping)
    rest = {name: column for name, column in mapping.items() if name not in parts}
    if payload := next((name for name in rest if name.partition(".")[0] == "payload"), None):
        raise UserError(
            f"--map: {payload} and {next(iter(parts))} both give the payload; map the payload or its parts."
        )
    if "url" not in parts:
        raise UserError(f"--map: {', '.join(parts)} are parts of a request, which also needs its url.")
    return {"payload": _REQUEST + json.dumps(parts), **rest}


class Combined:
    """The columns to read from a file, and the values that are computed from them."""

    def __init__(self, columns: Collection[str]) -> None:
        self.columns: set[str] = set()
        self._computed: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        for column in columns:
            if column.startswith(_ONE_HOT):
                names = list(dict.fromkeys(column.removeprefix(_ONE_HOT).split("|")))
                if len(names) < 2 or not all(names):
                    raise UserError(f"{column}: name the columns of at least two classes, as in {_ONE_HOT}sqli|xss.")
                self.columns.update(names)
                self._computed[column] = _one_hot(names)
            elif column.startswith(_REQUEST):
                parts: dict[str, str] = json.loads(column.removeprefix(_REQUEST))
                self.columns.update(parts.values())
                self._computed[column] = _request(parts)
            else:
                self.columns.add(column)

    def rows(self, rows: Iterator[RawRow]) -> Iterator[RawRow]:
        """Yields rows with their computed values; a row without one cannot be used."""
        if not self._computed:
            yield from rows
            return
        for row in rows:
            if row.values is not None:
                try:
                    computed = {column: compute(row.values) for column, compute in self._computed.items()}
                    row = RawRow(row.place, {**row.values, **computed})
                except ValueError as error:
                    row = RawRow(row.place, None, str(error))
            yield row


def _one_hot(names: list[str]) -> Callable[[Mapping[str, Any]], str]:
    def label(values: Mapping[str, Any]) -> str:
        chosen = [name for name in names if _is_true(name, values.get(name))]
        if len(chosen) != 1:
            which = f"several classes ({', '.join(chosen)})" if chosen else f"none of the classes {', '.join(names)}"
            raise ValueError(f"it has {which}")
        return chosen[0]

    return label


def _is_true(name: str, value: Any) -> bool:
    text = "" if value is None else http_parts.encoded(value).decode("utf-8", "replace").strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"{name} is {text[:20]!r}, neither 1 nor 0")


def _request(parts: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bytes]:
    single = [(match[1].encode(), column) for name, column in parts.items() if (match := _HEADER.fullmatch(name))]

    def payload(values: Mapping[str, Any]) -> bytes:
        def part(name: str) -> bytes:
            return http_parts.encoded(values.get(parts[name])) if name in parts else b""

        url = part("url")
        if not url.strip():
            raise ValueError("the url is missing")
        headers = http_parts.headers(values.get(parts["headers"])) if "headers" in parts else []
        for name, column in single:
            value = http_parts.encoded(values.get(column)).strip()
            prefix = name.lower() + b":"  # some tables have the name in the cell too
            value = value[len(prefix) :].strip() if value.lower().startswith(prefix) else value
            if value:
                headers.append((name, value))
        return http_parts.request(part("method").strip(), url, headers, part("body"))

    return payload
