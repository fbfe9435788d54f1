"""The README's plug-in and its call from Python, as they stand there, work."""

import re
import subprocess
import sys

from tests.conftest import ROOT, Shell


def blocks() -> tuple[str, list[str]]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme, re.findall(r"```python\n(.*?)```", readme, flags=re.S)


def test_the_call_from_python_runs(shell: Shell) -> None:
    command = [sys.executable, "-c", blocks()[1][0]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=shell.folder, env=shell.environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "board.csv").read_text(encoding="utf-8").count("\n") == 3


def test_the_plug_in_of_the_readme_stands_on_the_board(shell: Shell) -> None:
    readme, (_, code) = blocks()
    assert len(code.strip().splitlines()) <= 30
    (shell.folder / "my_method.py").write_text(code, encoding="utf-8")
    checked = shell("check", "method", "byte-centroid", "--plugin", "my_method.py")
    assert checked.returncode == 0, checked.stdout
    arguments = "run --plugin my_method.py --method byte-centroid,majority --scenario iid"
    assert f"harness {arguments}\n" in readme
    done = shell(*arguments.split())
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith(" –      byte-centroid"))
    assert "1 done" in line
