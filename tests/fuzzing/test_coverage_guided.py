"""Coverage-guided fuzzing of every reader: ten minutes in all, in the slow tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Shell
from tests.fuzzing.readers import readers

SECONDS = 600  # of all readers together
READERS = list(readers())


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_input_ends_in_an_exception(
    name: str, tmp_path: Path, shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzzing", name, "--seconds", str(SECONDS // len(READERS))]
    done = subprocess.run(
        [*command, "--corpus", str(tmp_path)],
        capture_output=True,
        text=True,
        errors="replace",
        env=shell.environment,
        cwd=Path(__file__).parents[2],
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-5000:]
    executions = re.search(r"number_of_executed_units: (\d+)", output)
    assert executions
    with capsys.disabled():
        print(f"\n{name}: {executions[1]} executions")
