"""No verb prints an escape sequence or another invisible character, whatever the data, with and without a terminal."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.api.console import PrintableConsole
from harness.cli import app
from harness.cli.printing import PrintableStream
from harness.records.schema import Record
from harness.records.store import Store
from tests.conftest import Shell
from tests.harness.boards.boards import record
from tests.security.rounds import FULL, full_rounds

EVIL = "\x1b]0;owned\x07\x1b[7777m[red]x[/red]:bug: \u202egnp\u2066\x9b31m\r\nharness: all is well\u00ad"
STYLES = re.compile(r"\x1b\[(?!7777m|31m)[0-9;?]*[A-Za-z]")  # what rich itself writes to a terminal


def invisible(text: str, terminal: bool) -> list[str]:
    """The characters of an output that act on a terminal, apart from line breaks and rich's own styles."""
    if terminal:
        text = STYLES.sub("", text).replace("\r\n", "\n").replace("\r", "")
    return [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def evil_record(method: str, scenario: str, seed: int, **more: Any) -> Record:
    made = record(method, scenario, seed, 0.6, **more)
    plain = made.model_dump(mode="json")
    plain["cell"] |= {"benchmark": f"bench {EVIL}", "shift": EVIL, "sampler": EVIL}
    plain["provenance"] |= {"machine": {"processor": EVIL}, "packages": {EVIL: EVIL}, "command": EVIL}
    if plain["result"] is not None:
        plain["result"]["notes"] = [f"note {EVIL}"]
        plain["result"]["classes"] = [f"{name} {EVIL}" for name in plain["result"]["classes"]]
        plain["result"]["params"] = plain["result"]["trials"][3]["params"] = {EVIL: EVIL}
        plain["result"]["trials"][0]["reason"] = EVIL
    return Record.model_validate(plain)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Shell:
    """Hostile records, status files, corpora and predictions in one folder."""
    shell = Shell(tmp_path_factory.mktemp("hostile"), cache)
    store = Store(shell.folder / "results/local")
    for method in (f"exec:{EVIL}", "majority", "tfidf-logreg"):
        for scenario in ("planted-95", "iid"):
            for seed in range(2):
                path = store.put(evil_record(method, scenario, seed))
    store.put(evil_record(f"exec:{EVIL} 2", "iid", 0, failure=f"it broke {EVIL}"))
    path.with_name("a\x1b[7777m\u202e.json").write_text(json.dumps({"schema_version": EVIL}), encoding="utf-8")
    (store.root / ".predictions").mkdir()
    running = {"method": EVIL, "scenario": EVIL, "seed": 0, "part": EVIL, "trial": 1, "trials": 2, "began": 0}
    standing = {"methods": {EVIL: {"cells": 1, "done": 0, "failed": 0}}, "cached": 0, "running": [running]}
    status = {"pid": 1, "born": 0, "host": EVIL, "command": EVIL, "written": 0}
    status["standing"] = {**standing, "remaining": None}
    (store.root / ".status-x-1.json").write_text(json.dumps(status), encoding="utf-8")
    (store.root / ".status-\x1b[7777m.json").write_text("{", encoding="utf-8")
    rows = [
        {
            "raw": f"GET /{i} HTTP/1.1 {EVIL}",
            "class": f"{'ab'[i % 2]} {EVIL}",
            f"col {EVIL}": EVIL,
            "cve": f"C{i // 2} {EVIL}",
        }
        for i in range(80)
    ]
    name = "rows \x1b[7777m\u202e"
    (shell.folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    with (shell.folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    table = pa.Table.from_pylist(rows).replace_schema_metadata({b"shortcut-harness": json.dumps({EVIL: EVIL}).encode()})
    pq.write_table(table, shell.folder / f"{name}.parquet")
    return shell


NAME = "files:rows \x1b[7777m\u202e"
MAP = ("--map", "payload=raw,label=class,group=cve")
CALLS: dict[tuple[str, ...], list[tuple[str, ...]]] = {
    ("run",): [
        ("--bench", f"{NAME}.jsonl", *MAP, "--method", "majority", "--scenario", "random", "--results", "new"),
        ("--bench", f"{NAME}.csv", *MAP, "--method", "exec:false \x1b[7777m", "--scenario", "random"),
        ("--method", EVIL),
        ("--bench", EVIL),
        ("--preset", EVIL),
        (f"--{EVIL}",),
    ],
    ("predict",): [
        (f"{NAME}.jsonl", *MAP, "--record", "0000"),
        (f"{NAME}.jsonl", "--record", EVIL),
        ("synthetic", "--record", "majority-s0-0123456789abcdef"),
    ],
    ("leaderboard",): [("--results", "results/local"), ("--results", "results/local", "--check"), ("--results", EVIL)],
    ("report",): [(), ("--output", f"{EVIL}.html")],
    ("audit",): [(f"{NAME}.jsonl", *MAP, "--scenario", "random", "--seeds", "1", "--learner", "majority"), (EVIL,)],
    ("curve",): [
        ("--bench", f"{NAME}.jsonl", *MAP, "--method", "majority", "--scenario", "random",
         "--rows", "4,8", "--seeds", "2", "--results", "curves"),
        ("--bench", f"{NAME}.jsonl", *MAP, "--method", EVIL, "--rows", EVIL),
    ],
    ("list", "methods"): [(), ("--plugin", EVIL)],
    ("list", "benchmarks"): [()],
    ("list", "scenarios"): [("--bench", f"{NAME}.parquet", *MAP)],
    ("data", "build"): [("nuclei", "--from", EVIL), (EVIL, "--from", ".")],
    ("data", "info"): [
        *((f"{NAME}.{kind}", *MAP) for kind in ("jsonl", "csv", "parquet")),
        (f"{NAME}.csv", "--map", f"payload={EVIL},label=class"),
        (f"{NAME}.parquet", "--map", "payload=nosuch,label=class"),
    ],
    ("results", "board"): [("--format", name) for name in ("table", "csv", "latex", "json", "markdown", EVIL)],
    ("results", "compare"): [(f"exec:{EVIL}", "majority"), (EVIL, EVIL)],
    ("results", "agreement"): [("results/local", "results/local"), ("results/local", EVIL)],
    ("results", "power"): [(f"exec:{EVIL}", "majority"), (EVIL, EVIL), ("majority", EVIL, "--scenario", EVIL)],
    ("results", "budget"): [("--results", "results/local"), ("--results", "results/local", "--by", "scenario")],
    ("results", "verify"): [("--results", "results/local"), ("--results", "results/local", "--method", EVIL)],
    ("results", "status"): [(), ("--results", EVIL)],
    ("results", "check"): [("results/local",)],
    ("new", "method"): [(EVIL,), ("fine", "--out", EVIL)],
    ("check", "method"): [(EVIL,), ("majority", "--plugin", EVIL)],
}  # fmt: skip


def verbs(command: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not hasattr(command, "commands"):
        yield place
        return
    for name, inner in command.commands.items():
        yield from verbs(inner, (*place, name))


def test_every_verb_is_tested_here() -> None:
    """Add a call for a new verb to CALLS, one in which it prints what hostile data hold."""
    assert set(verbs(typer.main.get_command(app))) == CALLS.keys()


FEW = [("results", "status"), ("results", "budget"), ("predict",), ("leaderboard",)]


@pytest.mark.parametrize("verb", CALLS if FULL else FEW, ids="-".join)
def test_no_verb_prints_what_a_terminal_obeys(hostile: Shell, verb: tuple[str, ...]) -> None:
    for arguments in CALLS[verb]:
        done = hostile(*verb, *arguments)
        assert invisible(done.stdout + done.stderr, terminal=False) == [], (arguments, done.stdout, done.stderr)
        if "csv" not in arguments:  # a quoted cell of a CSV file may hold line breaks
            assert "\nharness: all is well" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr


@full_rounds
@pytest.mark.parametrize("verb", CALLS, ids="-".join)
def test_no_verb_prints_it_to_a_terminal(hostile: Shell, tmp_path: Path, verb: tuple[str, ...]) -> None:
    shutil.copytree(hostile.folder, tmp_path / "copy")
    arguments = CALLS[verb][0]
    text = on_a_terminal(Shell(tmp_path / "copy", hostile.cache), *verb, *arguments)
    assert text
    assert invisible(text, terminal=True) == [], (arguments, text)


def on_a_terminal(shell: Shell, *arguments: str) -> str:
    """Runs a verb with a terminal as its three standard streams, and returns what it printed there."""
    ours, theirs = pty.openpty()
    environment = {**shell.environment, "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(
        shell.command(*arguments), cwd=shell.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    parts = []
    while True:
        if not select.select([ours], [], [], 300)[0]:
            process.kill()
            raise AssertionError("nothing was printed for 300 seconds")
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    process.wait(60)
    return b"".join(parts).decode()


def test_nothing_passes_the_stream(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    stream = PrintableStream(sys.stdout)
    stream.write(f"a\tb\n{EVIL}\ud800\n")
    stream.writelines([EVIL])
    text = capsys.readouterr().out
    assert invisible(text, terminal=False) == []
    assert text.startswith("a    b\n\\u001b]0;owned")


def test_rich_keeps_its_styles_and_data_get_none(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    console = PrintableConsole(width=400)
    table = Table(title=EVIL)
    table.add_column(EVIL)
    table.add_row(EVIL)
    console.print(table)
    console.print(EVIL)
    text = capsys.readouterr().out
    assert invisible(text, terminal=False) == []
    assert "[red]x[/red]:bug:" in text
