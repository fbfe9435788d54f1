"""The workflow and docs/leaderboard.md name commands, keys and columns that exist."""

import re
from typing import Any

import yaml

from harness.boards.build import Rules, boards
from harness.boards.json_export import to_json
from tests.conftest import ROOT, Shell
from tests.harness.boards.boards import records

PAGE = (ROOT / "docs/leaderboard.md").read_text(encoding="utf-8")


def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/leaderboard.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_workflow_regenerates_on_changes_and_on_a_schedule_and_only_then_may_write() -> None:
    plan = workflow()
    triggers = plan[True]  # YAML reads `on` as a truth value
    assert triggers["push"]["paths"] == ["results/official/**"]
    assert triggers["schedule"]
    assert plan["permissions"] == {"contents": "read"}
    assert "permissions" not in plan["jobs"]["check"]
    steps = plan["jobs"]["regenerate"]["steps"]
    assert any("upload-artifact" in step.get("uses", "") for step in steps)
    assert any("gh pr create" in step.get("run", "") for step in steps)


def test_every_command_of_the_workflow_and_the_page_exists(shell: Shell) -> None:
    runs = "\n".join(step.get("run", "") for job in workflow()["jobs"].values() for step in job["steps"])
    commands = re.findall(r"harness (leaderboard|run|results check|results verify)\b([^\n`]*)", runs + PAGE)
    verbs = sorted({verb for verb, _ in commands})
    assert len(verbs) == 4
    for verb in verbs:
        options = {word for name, rest in commands if name == verb for word in re.findall(r"--[a-z-]+", rest)}
        done = shell(*verb.split(), "--help")
        assert done.returncode == 0
        assert not [option for option in options if option not in done.stdout]


def test_every_key_of_the_json_is_described() -> None:
    rules = Rules(lambda record: False, lambda preset: True, lambda method: ("theirs",) if method == "ours" else ())
    plain = to_json(boards(records({"ours": 0.5, "theirs": 0.4}, seeds=2), rules), {})
    board = plain["boards"][0]
    row, claim = board["methods"][0], board["claims"][0]
    parts = (plain, board, row, row["cost"], row["calibration_error"])
    for key in (key for part in (*parts, claim, claim["contrasts"][0], board["effects"][0]) for key in part):
        assert f"`{key}" in PAGE or f"[].{key}" in PAGE, key
