"""The three examples of docs/adapters.md, as they stand there, end on the board beside registered methods."""

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT, Shell, results_of

TEXT = (ROOT / "docs/adapters.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- tested: (\S+) -->\n```python\n(.*?)```", TEXT, flags=re.S))
COMMANDS = re.findall(r"```\n\n```sh\n(harness run .*?)```", TEXT, flags=re.S)  # each beside its example


@pytest.fixture
def service(shell: Shell) -> Iterator[str]:
    """The documented service on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (shell.folder / "service.py").write_text(FILES["service.py"], encoding="utf-8")
    process = subprocess.Popen([sys.executable, "service.py", str(port)], cwd=shell.folder, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_the_examples_are_as_short_as_they_say() -> None:
    assert len(FILES["rules.py"].strip().splitlines()) <= 10
    assert len(FILES["service.py"].strip().splitlines()) <= 20
    assert len(COMMANDS) == 3


def test_the_three_examples_stand_on_one_board(shell: Shell, service: str) -> None:
    for name in ("my_model.py", "rules.py"):
        (shell.folder / name).write_text(FILES[name], encoding="utf-8")
    commands = [
        shlex.split(command.replace("127.0.0.1:8080", service).replace("\\\n", " "))[1:] for command in COMMANDS
    ]
    for command in commands:
        done = shell(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    http = f"http:http://{service}/classify"
    methods = ",".join(dict.fromkeys(name for command in commands for name in command[2].split(",")))
    together = shell("run", "--method", methods, "--scenario", "iid", *commands[1][5:])
    assert together.returncode == 0, together.stdout + together.stderr
    assert "5 cells" in together.stdout
    lines = {name: line for line in together.stdout.splitlines() for name in methods.split(",") if f" {name} " in line}
    assert set(lines) == {"sklearn:my_model:pipeline", "tfidf-logreg", "majority", "exec:python3 rules.py", http}
    records = {r["cell"]["method"]: r for r in results_of(shell.folder / "results/local").values()}  # type: ignore[index]
    id_of = {name: r["result"]["metrics"]["id"]["macro_f1"] for name, r in records.items()}
    assert id_of["sklearn:my_model:pipeline"] > 0.4
    assert id_of["exec:python3 rules.py"] > id_of["majority"]
    assert id_of[http] > id_of["majority"]
    kinds = {name: r["cell"]["kind"] for name, r in records.items()}
    assert kinds["sklearn:my_model:pipeline"] == "ranked"
    assert kinds["exec:python3 rules.py"] == kinds[http] == "fixed"
    assert "answers held no opinion" in together.stdout
    assert "the compute seconds of the service are not known" in together.stdout
