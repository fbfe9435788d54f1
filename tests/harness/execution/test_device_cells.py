"""Cells on a GPU: one process for all of them, replaced after a failure. torch's device ``meta`` stands in for a GPU.

What runs on it here computes on the processor; errors are those that a GPU's library raises.
"""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness.api.prepared_run import RunOptions, execute, prepare
from harness.records.schema import Record
from tests.conftest import Shell, results_of

PLUGIN = """
import os
from pathlib import Path
import numpy as np
from harness import Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, k): self.k = k
    def predict_proba(self, payloads): return np.full((len(payloads), self.k), 1 / self.k, np.float32)

@register_method("{name}", version=1, summary="every class alike", requires=("torch",))
class OnGpu(Method):
    def fit(self, train, validation, params, context):
        log = Path({log!r})
        with log.open("a") as stream:
            stream.write(f"{{os.getpid()}} {{context.device}}\\n")
        if len(log.read_text().splitlines()) == 2:
            {fault}
        return Even(len(context.classes))
"""
OUT_OF_MEMORY = (
    'raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 1.00 GiB free. See the docs.")'
)
FAULTS = {
    OUT_OF_MEMORY: ("memory", "out of memory on the device meta: CUDA out of memory"),
    'raise RuntimeError("CUDA error: an illegal memory access was encountered")': ("exception", "illegal memory"),
    "os.kill(os.getpid(), 9)": ("died", "killed by SIGKILL"),
}


def run_on_stand_in(folder: Path, name: str, fault: str, workers: int) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of four cells on the device and four beside them, and the processes that ran the former."""
    plugin = folder / f"{name}.py"
    log = folder / "log"
    plugin.write_text(PLUGIN.format(name=name, log=str(log), fault=fault), encoding="utf-8")
    options = RunOptions(
        methods=f"{name},majority", scenarios=["iid"], seeds=range(4), trials=1, plugins=[str(plugin)],
        results=folder / "out", workers=workers,
    )  # fmt: skip
    prepared = prepare(options)
    cells = tuple(replace(cell, device="meta") if cell.method.name == name else cell for cell in prepared.plan.cells)
    prepared = replace(prepared, plan=replace(prepared.plan, cells=cells))
    outcome = execute(prepared, Console(file=StringIO()), progress=False)
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    return outcome.records, [(process, device) for process, device in lines]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("fault", "workers"), [*zip(FAULTS, (1, 2, 2), strict=True)])
def test_a_failure_ends_the_cell_and_its_process_but_not_the_run(tmp_path: Path, fault: str, workers: int) -> None:
    name = f"faulty-{list(FAULTS).index(fault)}"
    records, processes = run_on_stand_in(tmp_path, name, fault, workers)
    assert len(records) == 8
    (failed,) = [record for record in records if record.status == "failed"]
    assert failed.cell.method == name
    assert failed.failure
    kind, reason = FAULTS[fault]
    assert failed.failure.kind == kind
    assert reason in failed.failure.reason
    assert [device for _, device in processes] == ["meta"] * 4
    first, second, third, fourth = (process for process, _ in processes)
    assert first == second, "one process runs the cells of the device"
    assert third == fourth != second, "another takes its place after the failure"


@pytest.mark.usefixtures("cache")
def test_the_record_says_the_device_and_only_a_gpu_has_memory_of_its_own(tmp_path: Path) -> None:
    records, processes = run_on_stand_in(tmp_path, "healthy", "pass", 2)
    assert len({process for process, _ in processes}) == 1
    assert {(record.cell.method, record.cell.device) for record in records} == {
        ("healthy", "meta"),
        ("majority", "cpu"),
    }
    assert all(record.provenance.peak_device_memory_mb is None for record in records)


def test_a_cell_without_device_memory_fails_with_the_reason(shell: Shell) -> None:
    log = shell.folder / "log"
    log.write_text("1 before\n")
    (shell.folder / "on_gpu.py").write_text(
        PLUGIN.format(name="on-gpu", log=str(log), fault=OUT_OF_MEMORY), encoding="utf-8"
    )
    names = ("--method", "on-gpu,majority", "--plugin", "on_gpu.py", "--device", "cpu", "--trials", 1)
    done = shell("run", *names, "--scenario", "iid", "--results", "out")
    assert done.returncode == 1, done.stdout + done.stderr
    records = {record["cell"]["method"]: record for record in results_of(shell.folder / "out").values()}
    assert records["majority"]["status"] == "done"
    assert records["on-gpu"]["status"] == "failed"
    assert "out of memory on the device cpu: CUDA out of memory" in done.stdout + done.stderr
