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
        bool, typer.Option("--check", help="Write nothing; exit 1 when the files are not up to date.")
    ] = False,
) -> None:
    """Write leaderboard.md and leaderboard.json from results/official, or check that they are up to date."""
    import json

    from harness import registry
    from harness.board.collect import boards
    from harness.board.render import markdown, to_json
    from harness.board.stale import is_stale, ranks
    from harness.store import Store

    if not results.is_dir():
        raise UserError(f"--results {results}: there is no such folder; run from the project's root, or name one.")
    registry.discover()
    found = boards(Store(results).records(), is_stale=is_stale, ranks=ranks)
    texts = {
        output: markdown(found),
        output.with_suffix(".json"): json.dumps(to_json(found), indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    }
    if check:
        differing = [line for path, text in texts.items() for line in _differences(path, text)]
        for line in differing:
            print(line)
        print("up to date" if not differing else f"not up to date with {results}: run `harness leaderboard`")
        raise typer.Exit(1 if differing else 0)
    for path, text in texts.items():
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"--output {path}: it cannot be written ({error.strerror}).") from error
        print(f"wrote {path}")


def _differences(path: Path, wanted: str) -> list[str]:
    import difflib

    if not path.exists():
        return [f"{path} is missing"]
    there = path.read_text(encoding="utf-8", errors="replace")
    return list(
        difflib.unified_diff(there.splitlines(), wanted.splitlines(), str(path), "regenerated", lineterm="", n=0)
    )
