"""``harness report`` at the command line: what it writes, and what it says when it cannot."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Shell


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--results", "nowhere"), "--results nowhere: there is no such folder"),
        (("--results", "empty"), "--results empty: the folder has no records"),
        (("--results", "empty", "--output", "no/such/folder.html"), "--output no/such/folder.html: the path must be"),
        (("--results", "empty", "--output", "empty"), "--output empty: the path must be a file in"),
    ],
)
def test_a_mistake_is_one_sentence(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    (shell.folder / "empty").mkdir()
    done = shell("report", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"harness: {said}")
    assert done.stderr.count("\n") == 1
    assert not list(shell.folder.glob("*.html"))


def test_a_page_that_cannot_be_written_leaves_nothing(ran: Shell) -> None:
    target = Path("/dev/full/report.html") if os.geteuid() else Path("/proc/report.html")
    done = ran("report", "--output", target)
    assert done.returncode == 2
    assert done.stderr.startswith(f"harness: --output {target}: ")
    assert done.stderr.count("\n") == 1


def test_the_page_says_why_payloads_are_not_shown(ran: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    shutil.copytree(ran.folder / "results/local", folder, ignore=shutil.ignore_patterns(".predictions", "*.model"))
    done = ran("report", "--results", folder, "--output", tmp_path / "report.html", "--plugin", "plugin.py")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This folder has no single predictions" in text
    assert "<dt>licence</dt><dd>MIT</dd>" in text  # the corpus is found by its name


def test_the_page_says_which_predictions_are_broken(ran: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    shutil.copytree(ran.folder / "results/local", folder)
    for file in folder.glob(".predictions/*/*/majority-*"):
        file.write_bytes(b"cut off")
    done = ran("report", "--results", folder, "--output", tmp_path / "report.html", "--plugin", "plugin.py")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text("utf-8")
    assert re.search(r"no single predictions of majority: \S+ is not a Parquet file \(its end is missing\)", text)


def test_a_corpus_of_one_s_own_is_shown_if_it_is_named(shell: Shell, requests_file: Path) -> None:
    copy = shell.folder / "mine.jsonl"
    shutil.copy(requests_file, copy)
    mapped = ("--bench", "files:mine.jsonl", "--map", "payload=raw,label=class")
    assert shell("run", *mapped, "--method", "majority", "--scenario", "random").returncode == 0
    assert shell("report").returncode == 0
    said = "the payloads are of files:mine.jsonl; name the corpus with --bench, as in its run, to show them."
    assert said in (shell.folder / "report.html").read_text(encoding="utf-8")
    assert shell("report", *mapped).returncode == 0
    assert "From random, seed 0" in (shell.folder / "report.html").read_text(encoding="utf-8")
    copy.unlink()
    done = shell("report", *mapped)
    assert done.returncode == 2
    assert "mine.jsonl" in done.stderr


def test_open_hands_the_page_to_the_browser(ran: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = ran.folder / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened\n', encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert ran("report", "--output", "shown.html", "--open").returncode == 0
    assert (ran.folder / "opened").read_text(encoding="utf-8").strip() == (ran.folder / "shown.html").as_uri()
