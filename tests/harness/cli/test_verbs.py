"""The verbs' names and help: every line is whole at 80 and 120 columns, and old and mistyped names lead to a verb."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from harness.cli import app, main
from harness.cli.verbs import OLD_NAMES
from tests.conftest import Shell

TOP_LEVEL = ["run", "curve", "predict", "leaderboard", "report", "audit", "list", "data", "results", "new", "check"]
ROOT: Any = typer.main.get_command(app)
RUN_SECTIONS = ["What to run", "How much", "Data", "Where it runs", "Output", "Options"]


def verbs(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from verbs(command, (*path, name))
        else:
            yield (*path, name), command


VERBS = list(verbs(ROOT))


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["harness", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code if isinstance(end.value.code, int) else 0


def test_the_top_level_has_eleven_verbs_and_results_has_eight(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "--help") == 0
    assert re.findall(r"^  ([a-z]\S*)", capsys.readouterr().out.partition("Commands:")[2], flags=re.M) == TOP_LEVEL
    assert list(ROOT.commands["results"].commands) == [
        "board",
        "compare",
        "agreement",
        "power",
        "budget",
        "verify",
        "status",
        "check",
    ]
    assert list(ROOT.commands["new"].commands) == list(ROOT.commands["check"].commands) == ["method"]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("path", [path for path, _ in VERBS], ids=lambda path: " ".join(path) or "harness")
def test_every_verb_and_every_option_has_one_whole_line_of_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run_main(monkeypatch, *path, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Usage: {' '.join(('harness', *path))} ")
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]
    sections = lines[next(at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z][a-z ]+:", line)) :]
    command = dict(VERBS)[path]
    for param in command.params:
        name = param.metavar if param.param_type_name == "argument" else param.opts[0]
        (line,) = (line for line in sections if re.match(rf"  {re.escape(name)}( |$)", line))
        assert f"  {param.help}" in line, f"the help of {name} is not on one line: {line}"
    for name, member in getattr(command, "commands", {}).items():
        sentence = member.help.partition(".\n")[0].rstrip(".")
        assert any(line.startswith(f"  {name} ") and line.endswith(f"  {sentence}.") for line in sections), name


def test_the_options_of_run_are_grouped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, "run", "--help") == 0
    text = capsys.readouterr().out
    assert re.findall(r"^([A-Z][a-z ]+):$", text, flags=re.M) == RUN_SECTIONS
    sections = dict(re.findall(r"^([A-Z][a-z ]+):\n((?:  .*\n)+)", text, flags=re.M))
    for section, option in zip(
        RUN_SECTIONS, ("--method", "--trials", "--bench", "--workers", "--results", "--help"), strict=True
    ):
        assert f"  {option} " in sections[section]


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_an_old_name_still_works_and_names_the_new_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], old: str, new: tuple[str, ...]
) -> None:
    assert run_main(monkeypatch, old, "--help") == 0
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        f"harness: `harness {old}` is now `harness {' '.join(new)}`; the next release removes the old name."
    ]
    assert output.out.startswith(f"Usage: harness {' '.join(new)} ")


def test_an_old_name_takes_the_same_arguments(shell: Shell) -> None:
    done = shell("new-method", "my-method", "--out", "mine.py")
    assert done.returncode == 0, done.stderr
    assert Path(shell.folder / "mine.py").is_file()
    assert "`harness new method`" in done.stderr
    failing = shell("verify", "--results", "nosuch")
    assert failing.returncode == 2
    assert len(failing.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rnu",), "`harness rnu` does not exist; did you mean run?"),
        (("reprot",), "`harness reprot` does not exist; did you mean report?"),
        (("verfy",), "`harness verfy` does not exist; did you mean results verify?"),
        (("scenarios",), "`harness scenarios` does not exist; did you mean list scenarios or list benchmarks?"),
        (("results", "budgt"), "`harness results budgt` does not exist; did you mean budget?"),
        (("check", "methd"), "`harness check methd` does not exist; did you mean method?"),
        (("xyzzy",), f"`harness xyzzy` does not exist; known: {', '.join(sorted(TOP_LEVEL))}"),
    ],
)
def test_an_unknown_verb_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert run_main(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err.splitlines() == [f"harness: {sentence}"]
