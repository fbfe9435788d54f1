"""The device of a run: what there is, what is planned on it, and that asking is cheap."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import registry
from harness.benchmark import BenchmarkRef
from harness.errors import UserError
from harness.execution.budget import Budget
from harness.execution.devices import choose_device, device_type, why_absent
from harness.execution.plan import make_plan
from harness.protocol import preset
from harness.records.store import Store
from tests.conftest import Shell

HAS_GPU = not why_absent("cuda") or not why_absent("mps")


def test_auto_is_the_processor_without_a_gpu_or_without_torch() -> None:
    assert choose_device("auto", uses_torch=False) == "cpu"
    assert choose_device("auto", uses_torch=True, on_cluster=True) == "cpu"
    if not HAS_GPU:
        assert choose_device("auto", uses_torch=True) == "cpu"


@pytest.mark.parametrize("option", ["gpu", "cuda:", "cuda:x", "cpu:0", "mps:1", "CUDA", ""])
def test_an_unknown_device_is_refused(option: str) -> None:
    with pytest.raises(UserError, match=f"--device {option} is unknown; it must be auto, cpu, cuda, cuda:N or mps"):
        choose_device(option, uses_torch=True)


@pytest.mark.parametrize("option", ["cuda:1", "mps"])
def test_ray_chooses_the_gpu(option: str) -> None:
    with pytest.raises(UserError, match="the device must be cpu or cuda"):
        choose_device(option, uses_torch=True, on_cluster=True)
    assert choose_device("cuda", uses_torch=True, on_cluster=True) == "cuda"


def test_a_device_that_is_not_there_ends_the_command(shell: Shell) -> None:
    done = shell("run", "--method", "byte-cnn", "--device", "cuda:99", "--dry-run")
    assert done.returncode == 2
    assert "--device cuda:99: torch sees" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_device_is_shown_first_if_a_method_uses_torch(shell: Shell) -> None:
    done = shell("run", "--method", "byte-cnn,majority", "--device", "cpu", "--dry-run")
    assert done.stdout.startswith("Torch methods compute on: cpu.\n")
    assert "Torch" not in shell("run", "--method", "majority", "--dry-run").stdout


def test_planning_imports_no_torch_on_the_processor(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from harness.api.prepared_run import RunOptions, prepare\n"
        f"place = {str(tmp_path)!r}\n"
        "prepare(RunOptions(methods='majority,byte-cnn', scenarios=['iid'], results=place, device='cpu'))\n"
        "prepare(RunOptions(methods='majority', scenarios=['iid'], results=place))\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_only_cells_that_use_torch_are_planned_on_a_gpu(tmp_path: Path) -> None:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    names = ("majority", "jtt:ngrams", "irm:ngrams", "byte-cnn", "transformer")
    methods = [registry.method(name) for name in names]
    size = preset("quick")
    (spec,) = [spec for spec in benchmark.scenarios() if spec.name == "iid"]

    def keys(device: str) -> dict[str, tuple[str, str]]:
        plan = make_plan(
            [(spec, methods)], benchmark, benchmark.meta(), [0], Budget(1, 10), size.sizes, "quick", Store(tmp_path),
            device=device,
        )  # fmt: skip
        return {cell.method.name: (cell.info.device, cell.key) for cell in plan.cells}

    gpu, processor = keys("cuda:1"), keys("cpu")
    assert {name: device for name, (device, _) in gpu.items()} == dict(
        zip(names, ("cpu", "cpu", "cuda", "cuda", "cuda"), strict=True)
    )
    assert {name for name in names if gpu[name][1] == processor[name][1]} == {"majority", "jtt:ngrams"}


def test_a_device_without_its_number() -> None:
    assert [device_type(name) for name in ("cpu", "cuda", "cuda:12", "mps")] == ["cpu", "cuda", "cuda", "mps"]
