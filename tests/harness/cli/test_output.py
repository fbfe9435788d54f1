"""Terminals that cannot show a character, output that cannot be written, and folders that cannot be used."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import options, printing
from harness.errors import UserError
from tests.conftest import Shell

KINDS = {"sql-injection": "sqli", "cross-site-scripting": "xss\N{EN DASH}dom"}


@pytest.fixture
def data(tmp_path: Path, requests_file: Path) -> tuple[str, ...]:
    """The arguments that name a corpus of three classes, two of which have names that are not in Latin-1."""
    path = tmp_path / "requests.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for line in requests_file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            kind = KINDS.get(row["class"], "\N{GREEK SMALL LETTER BETA}")
            stream.write(json.dumps({"raw": row["raw"], "kind": kind}) + "\n")
    return f"files:{path}", "--map", "payload=raw,label=kind"


def run(
    shell: Shell, *arguments: str, output: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        shell.command(*arguments),
        stdout=output,
        stderr=subprocess.PIPE,
        cwd=shell.folder,
        env={**shell.environment, **environment},
        timeout=300,
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_without_a_character_shows_another(shell: Shell, data: tuple[str, ...], encoding: str) -> None:
    done = run(shell, "data", "info", *data, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert any("xss-dom" in line for line in lines)
    assert any("?" in line and "240" in line for line in lines)
    done = run(shell, "run", "--help", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert b"NAME,..." in done.stdout


def test_a_run_ends_with_its_board_on_a_terminal_of_latin_1(shell: Shell, data: tuple[str, ...]) -> None:
    arguments = ("run", "--bench", *data, "--method", "majority", "--scenario", "random", "--workers", "1")
    done = run(shell, *arguments, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert b"majority" in done.stdout
    assert b"Traceback" not in done.stderr
    done = run(shell, "leaderboard", "--results", "results/local", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr


def test_an_error_is_shown_on_a_terminal_of_ascii(shell: Shell) -> None:
    done = run(shell, "data", "info", "files:\N{GREEK SMALL LETTER BETA}.jsonl", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [b"harness: files:?.jsonl: no such file or folder."]


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list", "benchmarks")])
def test_full_standard_output_is_one_sentence(shell: Shell, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(shell, *arguments, output=full.fileno())
    assert done.returncode == 2
    expected = b"harness: standard output cannot be written to (No space left on device)."
    assert done.stderr.splitlines() == [expected]


def test_a_verb_goes_on_without_standard_error(shell: Shell) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        arguments = shell.command("data", "info", "files:nosuch")
        done = subprocess.run(arguments, stderr=full, cwd=shell.folder, env=shell.environment)
        assert done.returncode == 2
        stream = printing.OutputStream(full, essential=False)
        for text in ("a note", "another"):
            assert stream.write(text) == len(text)
            stream.flush()


def test_a_reader_that_has_ended_is_no_error(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(shell, "list", "benchmarks", output=writing)
    os.close(writing)
    assert done.returncode == 141  # as of a tool that SIGPIPE ends
    assert done.stderr == b""


@pytest.mark.parametrize(
    "environment",
    [{"HARNESS_CACHE": "/proc/nosuch"}, {"HARNESS_CACHE": "", "HOME": "/proc/nosuch", "XDG_CACHE_HOME": ""}],
)
def test_a_cache_folder_that_cannot_be_written_to_is_one_sentence(
    shell: Shell, data: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = run(shell, "data", "info", *data, **environment)
    assert done.returncode == 2
    (sentence,) = done.stderr.decode().splitlines()
    assert "the cache folder /proc/nosuch" in sentence
    assert "set HARNESS_CACHE to another folder" in sentence


def test_a_tilde_in_the_cache_folder_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from harness.storage.cache_dir import cache_root

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_CACHE", "~/cache")
    assert cache_root() == tmp_path / "cache"


def test_the_log_of_a_worker_holds_every_character(shell: Shell, tmp_path: Path) -> None:
    code = "from pathlib import Path; from harness.execution.worker import redirect_output\n"
    code += "redirect_output(Path('log')); print('\\u2192 \\udc80')"
    environment = {**shell.environment, "PYTHONIOENCODING": "ascii"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "\N{RIGHTWARDS ARROW} \\udc80\n"


def test_an_error_of_a_stream_is_raised_again() -> None:
    with Path("/dev/full").open("w", encoding="ascii") as full:
        stream = printing.OutputStream(full, essential=True)
        assert stream.write("") == 0
        stream.write("a\N{EN DASH}b")
        for _ in range(2):
            with pytest.raises(printing.OutputError, match="standard output cannot be written to"):
                stream.flush()


def test_substitutes_are_ascii() -> None:
    raw = io.BytesIO()
    stream = printing.OutputStream(io.TextIOWrapper(raw, "latin-1"), essential=True)
    stream.write("1\N{EN DASH}2 \N{HORIZONTAL ELLIPSIS} \N{GREEK SMALL LETTER BETA} \N{MIDDLE DOT}")
    stream.flush()
    assert raw.getvalue() == b"1-2 ... ? \xb7"


def test_escapes_of_map_and_where() -> None:
    assert options.mapping([r"payload=a\,b,label=x=y", r"group=a\+b+c"]) == {
        "payload": "a,b",
        "label": "x=y",
        "group": r"a\+b+c",
    }
    assert options.where([r"a\=b=x\|y|z=1", "c=?"]) == {"a=b": ("x|y", "z=1"), "c": ("?",)}
    with pytest.raises(UserError, match=r"for any value, COLUMN=\?"):
        options.where(["c"])
