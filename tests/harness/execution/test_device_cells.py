"""Cells on a GPU, by errors as a GPU's library raises them."""

from tests.conftest import Shell, results_of

BROKEN = """
from harness import Method, register_method

@register_method("broken", version=1, summary="a GPU without memory", requires=("torch",))
class Broken(Method):
    def fit(self, train, validation, params, context):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 1.00 GiB free. See the docs.")
"""


def test_a_cell_without_device_memory_fails_with_the_reason_and_the_run_goes_on(shell: Shell) -> None:
    (shell.folder / "broken.py").write_text(BROKEN, encoding="utf-8")
    names = ("--method", "broken,majority", "--plugin", "broken.py", "--device", "cpu")
    done = shell("run", *names, "--scenario", "iid", "--results", "out")
    assert done.returncode == 1, done.stdout + done.stderr
    records = {record["cell"]["method"]: record for record in results_of(shell.folder / "out").values()}
    assert records["majority"]["status"] == "done"
    assert records["broken"]["status"] == "failed"
    assert "out of memory on the device cpu: CUDA out of memory" in done.stdout + done.stderr
