"""Where a source comes from: licence, commit, and when its files were first committed."""

import datetime
import subprocess
from pathlib import Path

_LICENCES = {  # words of a licence's text that no other one of these has
    "permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
    "apache license": "Apache-2.0",
    "cc0 1.0 universal": "CC0-1.0",
    "creative commons zero": "CC0-1.0",
    "gnu general public license": "GPL",
    "redistribution and use in source and binary forms": "BSD",
}
_STAMP = "commit "


def licence(text: str) -> str:
    """Returns the name of the licence that a text is, its first line where it is none of the common ones."""
    words = " ".join(text.lower().split())
    known = next((name for phrase, name in _LICENCES.items() if phrase in words), None)
    return known or next((line.strip() for line in text.splitlines() if line.strip()), "unknown")


def commit(root: Path) -> str:
    """Returns the commit that a checkout is at; empty where the folder is none."""
    return _git(root, "rev-parse", "HEAD").strip()


def first_commits(root: Path) -> dict[str, datetime.date]:
    """Returns the day on which each file of a checkout was first committed, by its path within the folder.

    Empty where there is no history, or only the last part of it.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").strip() != "false":
        return {}
    out: dict[str, datetime.date] = {}
    day = datetime.date.min
    log = _git(root, "log", "--relative", "--diff-filter=A", "--name-only", "-z", f"--format={_STAMP}%cs")
    for part in log.replace("\n", "\0").split("\0"):
        if part.startswith(_STAMP):
            day = datetime.date.fromisoformat(part.removeprefix(_STAMP))
        elif part:
            out[part] = day  # from the newest to the oldest, so that the first one stays
    return out


def _git(root: Path, *arguments: str) -> str:
    """Returns what a git command prints in a checkout's own folder; empty where it is none, or there is no git."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True, errors="replace").stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
