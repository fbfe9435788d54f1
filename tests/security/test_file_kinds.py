"""Pipes and devices in place of files: a verb ends at once with one sentence, and waits for nobody."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import hashing, regular_file
from tests.security.rounds import FULL

KINDS: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
LIMIT = 60  # seconds of a verb, which would wait for ever
ROW = {"payload": "GET / HTTP/1.1\r\n\r\n", "label": "a"}


def harness(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)


@pytest.fixture(params=KINDS if FULL else ["a named pipe"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("benchmark/scenario/method-s0-0123456789abcdef.json", ("results", "board")),
        ("benchmark/scenario/method-s0-0123456789abcdef.json", ("results", "status")),
        ("benchmark/scenario/method-s0-0123456789abcdef.json", ("results", "check")),
        (".status-host-1.json", ("results", "status")),
    ],
)
def test_a_file_of_a_results_folder(tmp_path: Path, kind: str, name: str, verb: tuple[str, ...]) -> None:
    path = tmp_path / "results" / name
    path.parent.mkdir(parents=True)
    KINDS[kind](path)
    option = () if verb == ("results", "check") else ("--results",)
    result = harness(*verb, *option, tmp_path / "results")
    assert result.returncode in ((0,) if verb == ("results", "status") else (1, 2)), result.stdout + result.stderr
    assert f"it is {kind}, not a regular file" in " ".join((result.stdout + result.stderr).split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".zip"])
def test_a_data_file(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    KINDS[kind](path)
    result = harness("data", "info", f"files:{path}", "--map", "payload=payload,label=label")
    assert result.returncode == 2, result.stdout + result.stderr
    assert f"it is {kind}, not a regular file" in " ".join(result.stderr.split())


@pytest.mark.parametrize("kind", ["a named pipe"])
@pytest.mark.parametrize("source", ["nuclei", "crs", "cve-text"])
def test_the_archive_of_a_source(tmp_path: Path, kind: str, source: str) -> None:
    path = tmp_path / "source"
    KINDS[kind](path)
    result = harness("data", "info", f"{source}:{path}")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("kind", ["a named pipe"])
def test_a_member_of_a_folder_is_left_out(tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "one").write_bytes(f"GET /{name} HTTP/1.1\r\n\r\n".encode())
    KINDS[kind](tmp_path / "data" / "a" / "other")
    result = harness("data", "info", f"files:{tmp_path / 'data'}")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("kind", ["a named pipe"])
def test_a_table_of_labels(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "labels.json"
    KINDS[kind](path)
    result = harness("run", "--method", "exec:cat", "--bench", "synthetic", "--labels", path, "--dry-run")
    assert result.returncode == 2
    assert f"it is {kind}, not a regular file" in " ".join(result.stderr.split())


@pytest.mark.parametrize("kind", ["a named pipe"])
def test_the_board_of_a_folder(tmp_path: Path, kind: str) -> None:
    (tmp_path / "results").mkdir()
    KINDS[kind](tmp_path / "leaderboard.json")
    out = tmp_path / "leaderboard.md"
    result = harness("leaderboard", "--results", tmp_path / "results", "--out", out, "--check")
    assert result.returncode in (1, 2), result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_is_read_and_hashed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text(json.dumps(ROW))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert regular_file.read(tmp_path / "link") == json.dumps(ROW).encode()
    KINDS[kind](tmp_path / "other")
    for read in (regular_file.read, hashing.of_file):
        with pytest.raises(OSError, match=kind):
            read(tmp_path / "other")
    with pytest.raises(IsADirectoryError):
        regular_file.read(tmp_path)
