"""Merges the notes of many records into few lines."""

import re
from collections import defaultdict
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w:/-]|\.\d)")  # not a part of a date or an identifier


def merge_numbers(notes: Iterable[str]) -> list[str]:
    """Merges notes that differ only in numbers into one with the range of each number; sorted."""
    same: dict[str, list[list[str]]] = defaultdict(list)
    for note in notes:
        same[_NUMBER.sub("\0", note)].append(_NUMBER.findall(note))
    return sorted(_with_ranges(template, numbers) for template, numbers in same.items())


def merge_subjects(notes: Iterable[str]) -> list[str]:
    """Merges notes of the form "subject: text" that share their text: "a, b: text"; the others stay as they are."""
    subjects: dict[str, list[str]] = defaultdict(list)
    for note in notes:
        subject, separator, text = note.partition(": ")
        subjects[text if separator else note] += [subject] if separator else []
    return [f"{', '.join(names)}: {text}" if names else text for text, names in subjects.items()]


def _with_ranges(template: str, numbers: list[list[str]]) -> str:
    parts = template.split("\0")
    ranges = [_range(column) for column in zip(*numbers, strict=True)]
    return "".join(part + value for part, value in zip(parts, [*ranges, ""], strict=True))


def _range(values: Iterable[str]) -> str:
    ordered = sorted(set(values), key=float)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
