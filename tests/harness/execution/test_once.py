"""Work that a run does once, however many cells it has."""

from pathlib import Path

from tests.conftest import Shell

# Loaded by the coordinator and by every worker before they open the data.
COUNTER = """
import os
import numpy as np
from harness import Method, Predictor, hashing, register_method

real = hashing.of_file

def counted(path):
    with open({log!r}, "a") as stream:
        stream.write(f"{{os.getpid()}} {{path}}\\n")
    return real(path)

hashing.of_file = counted

class Even(Predictor):
    def __init__(self, k): self.k = k
    def predict_proba(self, payloads): return np.full((len(payloads), self.k), 1 / self.k, np.float32)

@register_method("even", version=1, summary="every class alike")
class EvenMethod(Method):
    def fit(self, train, validation, params, context): return Even(len(context.classes))
"""


def test_a_data_file_is_hashed_once_per_run(shell: Shell, mapped: tuple[str, ...], requests_file: Path) -> None:
    log = shell.folder / "hashed"
    (shell.folder / "counter.py").write_text(COUNTER.format(log=str(log)), encoding="utf-8")
    done = shell("run", "--plugin", "counter.py", "--method", "even", *mapped, "--scenario", "random", "--seeds", 4)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len({line.split()[0] for line in lines}) > 1  # workers wrote to it too, of other files
    assert [line.split()[1] for line in lines].count(str(requests_file)) == 1
