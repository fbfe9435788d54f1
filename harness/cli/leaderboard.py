"""``harness leaderboard``: the root file, from committed records."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UserError


def leaderboard(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of records.")] = Path("results/official"),
    output: Annotated[Path, typer.Option(metavar="FILE", help="Markdown file; the JSON lies beside it.")] = Path(
        "leaderboard.md"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what differs, and exit 1 when something does.")
    ] = False,
) -> None:
    """Write leaderboard.md and leaderboard.json from results/official, or check that they are up to date."""
    import json

    from harness import registry
    from harness.leaderboard.build import boards
    from harness.leaderboard.check import check as compare
    from harness.leaderboard.json_export import to_json
    from harness.leaderboard.render import markdown
    from harness.leaderboard.rules import RULES
    from harness.records.store import Store
    from harness.storage.atomic_write import whole

    if not results.is_dir():
        raise UserError(f"--results {results}: there is no such folder; run from the project's root, or name one.")
    if output.suffix != ".md":
        raise UserError(f"--output {output}: the board's name must end in .md; the JSON lies beside it.")
    registry.discover()
    entries = list(Store(results).entries())
    found = boards((entry.record for entry in entries), RULES)
    plain = to_json(found, {entry.path: entry.digest for entry in entries})
    texts = {
        output: markdown(found),
        output.with_suffix(".json"): json.dumps(plain, indent=1, sort_keys=True) + "\n",
    }
    if check:
        outcome = compare(entries, texts, RULES)
        for line in (*outcome.differences, *outcome.notes):
            print(line)
        ending = f"not up to date with {results}: run `harness leaderboard`, once what is named above is in order"
        print(ending if outcome.differences else "up to date")
        raise typer.Exit(1 if outcome.differences else 0)
    for path, text in texts.items():
        try:
            with whole(path) as file:
                file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"--output {path}: it cannot be written ({error.strerror}).") from error
        print(f"wrote {path}")
