"""Origin of a source: its licence, its commit, and the dates on which its files were first committed."""

import datetime
from collections.abc import Callable
from pathlib import Path

from harness.sources.archives import MAX_FILES
from harness.sources.checkout import Checkout, NotReadable
from harness.sources.moves import additions

_LICENCES = {  # a phrase that occurs in the text of this licence only
    "permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
    "apache license": "Apache-2.0",
    "cc0 1.0 universal": "CC0-1.0",
    "creative commons zero": "CC0-1.0",
    "gnu general public license": "GPL",
    "redistribution and use in source and binary forms": "BSD",
}


def licence(text: str) -> str:
    """Returns the SPDX name of a common licence from its text; the first line of any other licence."""
    words = " ".join(text.lower().split())
    name = next((name for phrase, name in _LICENCES.items() if phrase in words), None)
    return name or next((line.strip() for line in text.splitlines() if line.strip()), "unknown")


def commit(root: Path, note: Callable[[str], None] = lambda sentence: None) -> str:
    """Returns the current commit of a checkout; empty if the folder is not one.

    Args:
        root: the top of the checkout.
        note: called with a sentence if the folder is a checkout and its commit cannot be read.
    """
    try:
        checkout = Checkout.find(root)
        return "" if checkout is None else checkout.commit()
    except (NotReadable, OSError) as error:
        note(f"the commit of the checkout is unknown: {_reason(error)}")
        return ""


def history(root: Path) -> list[str]:
    """Returns what the history of a checkout depends on: its commit, and where it was cut off if it is shallow."""
    try:
        checkout = Checkout.find(root)
        return [] if checkout is None else [checkout.commit(), checkout.shallow()]
    except (NotReadable, OSError) as error:
        return [_reason(error)]


def first_commits(root: Path, note: Callable[[str], None] = lambda sentence: None) -> dict[str, datetime.date]:
    """Returns the date of the first commit of each file of a checkout, by its path within the folder.

    A file that was moved has the date of its first commit under its first name.

    Empty if the folder is not a checkout, or if its history cannot be read or is shallow.

    Args:
        root: the top of the checkout.
        note: called with a sentence if the folder is a checkout and dates are missing.
    """
    out: dict[str, datetime.date] = {}
    undated = 0
    try:
        checkout = Checkout.find(root)
        commits = () if checkout is None else checkout.changes(checkout.commit())
        for path, day in additions(commits):
            # The log goes from the newest to the oldest commit, so the oldest one remains.
            out.pop(path, None)
            if len(out) > MAX_FILES:
                raise NotReadable(f"its history adds more than {MAX_FILES:,} files")
            try:
                out[path] = datetime.date.fromisoformat(day)
            except ValueError:
                undated += 1
    except (NotReadable, OSError) as error:
        note(f"the dates of first commits are unknown: {_reason(error)}")
        return {}
    if undated:
        note(f"{undated} files have no date of their first commit: git cannot say the day of it")
    return out


def _reason(error: Exception) -> str:
    return f"its folder .git cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
