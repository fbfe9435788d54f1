"""The examples run as they stand, each in an empty folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Shell

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, shell: Shell) -> None:
    command = [sys.executable, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=shell.folder, env=shell.environment, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_notebook_runs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("HARNESS_CACHE", str(shell.cache))
    notebook = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(shell.folder)}})
    with client.setup_kernel():
        for _ in range(2):  # a cell that is run again replaces its class
            for place, cell in enumerate(notebook.cells):
                client.execute_cell(cell, place)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("<table>" in output.get("data", {}).get("text/html", "") for output in outputs)
    assert (shell.folder / "board.tex").read_text(encoding="utf-8").startswith(r"\begin{tabular}")
