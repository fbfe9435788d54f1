"""Builds the leaderboard from a folder of records, writes its files, and checks them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.boards.build import boards
from harness.boards.check import check as compare
from harness.boards.json_export import to_json
from harness.boards.learning_curves import learning_curves
from harness.boards.render import markdown
from harness.boards.rules import RULES
from harness.errors import UserError
from harness.records.store import Entry, Store
from harness.storage.atomic_write import atomic_write


@dataclass(frozen=True)
class Leaderboard:
    """The leaderboard of a results folder.

    Attributes:
        markdown: the leaderboard as Markdown.
        json: the same figures as JSON; docs/leaderboard.md describes the fields.
        unreadable: why a file of the folder is not on the leaderboard, by its path relative to the folder.
    """

    markdown: str
    json: str
    _entries: tuple[Entry, ...]
    unreadable: Mapping[str, str]

    def save(self, path: str | Path = "leaderboard.md") -> list[Path]:
        """Writes the Markdown file and the JSON file beside it; returns both paths.

        Raises:
            UserError: the path does not end in .md, or a file cannot be written.
        """
        files = self._files(Path(path))
        for file, text in files.items():
            try:
                with atomic_write(file) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            except OSError as error:
                raise UserError(f"--output {file}: the file cannot be written ({error.strerror}).") from error
        return list(files)

    def check(self, path: str | Path = "leaderboard.md") -> tuple[list[str], list[str]]:
        """Compares the files with the records, and each record with its counts; returns differences and notes.

        A file that is not a complete record is a difference.
        """
        outcome = compare(list(self._entries), self._files(Path(path)), RULES)
        unreadable = [f"unreadable record: {reason}" for reason in self.unreadable.values()]
        return [*unreadable, *outcome.differences], list(outcome.notes)

    def _files(self, path: Path) -> dict[Path, str]:
        if path.suffix != ".md":
            raise UserError(f"--output {path}: the file name must end in .md; the JSON file goes beside it.")
        return {path: self.markdown, path.with_suffix(".json"): self.json}

    def _repr_markdown_(self) -> str:
        return self.markdown


def leaderboard(results: str | Path = "results/official") -> Leaderboard:
    """Builds the leaderboard of a results folder; `Leaderboard.save` writes its files.

    Raises:
        UserError: the folder does not exist.
    """
    folder = Path(results)
    if not folder.is_dir():
        raise UserError(
            f"--results {folder}: there is no such folder; run this in the project's root, or name a folder."
        )
    registry.discover()
    contents = Store(folder).contents()
    built, curves = boards(contents.records, RULES), learning_curves(contents.records, RULES)
    plain = to_json(built, {entry.path: entry.digest for entry in contents.entries}, curves)
    text = json.dumps(plain, indent=1, sort_keys=True, allow_nan=False) + "\n"
    return Leaderboard(markdown(built, curves), text, contents.entries, contents.unreadable)
