"""The blocks of docs/python-api.md run, in order, as one script."""

import re
import subprocess
import sys

from tests.conftest import ROOT, Shell


def test_the_page_runs(shell: Shell) -> None:
    text = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=shell.folder, env=shell.environment, timeout=500)
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "board.tex").exists()
    assert "uniform-method" not in done.stderr
