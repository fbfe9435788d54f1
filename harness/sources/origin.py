"""Origin of a source: its licence, its commit, and the dates on which its files were first committed."""

import datetime
import subprocess
from pathlib import Path

_LICENCES = {  # a phrase that occurs in the text of this licence only
    "permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
    "apache license": "Apache-2.0",
    "cc0 1.0 universal": "CC0-1.0",
    "creative commons zero": "CC0-1.0",
    "gnu general public license": "GPL",
    "redistribution and use in source and binary forms": "BSD",
}
_STAMP = "commit "


def licence(text: str) -> str:
    """Returns the SPDX name of a common licence from its text; the first line of any other licence."""
    words = " ".join(text.lower().split())
    name = next((name for phrase, name in _LICENCES.items() if phrase in words), None)
    return name or next((line.strip() for line in text.splitlines() if line.strip()), "unknown")


def commit(root: Path) -> str:
    """Returns the current commit of a checkout; empty if the folder is not one."""
    return _git(root, "rev-parse", "HEAD").strip()


def first_commits(root: Path) -> dict[str, datetime.date]:
    """Returns the date of the first commit of each file of a checkout, by its path within the folder.

    Empty without a history, or if the checkout is shallow.
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
            out[part] = day  # the log goes from the newest to the oldest commit, so the oldest one remains
    return out


def _git(root: Path, *arguments: str) -> str:
    """Returns the output of a git command in a checkout; empty if the folder is not a checkout or git is missing."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True, errors="replace").stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
