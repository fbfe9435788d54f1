"""Notes of many records in few lines."""

import re
from collections import defaultdict
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w:/-]|\.\d)")  # that stands alone: no date, no identifier


def gathered(notes: Iterable[str]) -> list[str]:
    """Returns notes, those that differ in numbers only as one with the range of each number, in order."""
    same: dict[str, list[list[str]]] = defaultdict(list)
    for note in notes:
        same[_NUMBER.sub("\0", note)].append(_NUMBER.findall(note))
    return sorted(_one(template, numbers) for template, numbers in same.items())


def _one(template: str, numbers: list[list[str]]) -> str:
    parts = template.split("\0")
    ranges = [_range(column) for column in zip(*numbers, strict=True)]
    return "".join(part + value for part, value in zip(parts, [*ranges, ""], strict=True))


def _range(values: Iterable[str]) -> str:
    ordered = sorted(set(values), key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
