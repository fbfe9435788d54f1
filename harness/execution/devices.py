"""The device on which the torch methods of a run compute: the processor or a GPU."""

import contextlib
import gc
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError
from harness.records.schema import CPU

KNOWN = "auto, cpu, cuda, cuda:N or mps"
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of the drivers of NVIDIA, of WSL and of ROCm
# torch counts GPUs by the driver's management library, so that asking does not start CUDA in this process.
_COUNT_ONLY = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
# cuBLAS is deterministic only with a fixed workspace, and reads the variable when CUDA starts.
DETERMINISTIC = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def device_type(device: str) -> str:
    """Returns a device without its number: ``cpu``, ``cuda`` or ``mps``."""
    return device.partition(":")[0]


def choose_device(option: str, uses_torch: bool, on_cluster: bool = False) -> str:
    """Returns the device of a run: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` is the first of cuda, mps and cpu that is there. torch is imported only if the machine shows a sign of a
    GPU, and then only if a method of the run uses torch.

    Args:
        option: value of ``--device``.
        uses_torch: whether a method of the run uses torch.
        on_cluster: whether the cells run on other machines, whose GPUs cannot be seen here.

    Raises:
        UserError: the device is unknown, or is not on this machine.
    """
    if option == "auto":
        return _best_device() if uses_torch and not on_cluster else CPU
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", option):
        raise UserError(f"--device {option} is unknown; it must be {KNOWN}.")
    if on_cluster and option not in ("cpu", "cuda"):
        raise UserError(f"--device {option}: with --executor ray the device must be cpu or cuda; Ray chooses the GPU.")
    if option != CPU and not on_cluster and (problem := why_absent(option)):
        raise UserError(f"--device {option}: {problem}; use --device cpu, or auto.")
    return option


def _best_device() -> str:
    if any(Path(file).exists() for file in _GPU_FILES) and not why_absent("cuda"):
        return "cuda"
    if sys.platform == "darwin" and platform.machine() == "arm64" and not why_absent("mps"):
        return "mps"
    return CPU


def why_absent(device: str) -> str:
    """Returns why torch cannot use a device on this machine; empty if it can."""
    if device == CPU:
        return ""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    if device == "mps":
        return "" if torch.backends.mps.is_available() else "torch sees no Apple GPU on this machine"
    with _environment(_COUNT_ONLY):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        return "torch sees no CUDA device on this machine"
    number = int(device.partition(":")[2] or 0)
    if number >= count:
        return f"torch sees {count} CUDA {'device' if count == 1 else 'devices'}, numbered from 0"
    return ""


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets environment variables and restores them at the end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def start_device(device: str) -> None:
    """Makes a device usable in this process, which must not have used a GPU before; for the processor nothing.

    A GPU that was chosen by its number becomes the only one that this process and its children see.
    """
    if device == CPU:
        return
    os.environ.update(DETERMINISTIC)
    number = device.partition(":")[2]
    if number:
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[int(number)] if visible else number
    import torch

    torch.zeros(1, device=device_type(device))  # starts CUDA, which no method is charged for


def forget_tasks(device: str, seed: int) -> None:
    """Frees what earlier tasks of this process left, and sets torch's global state to what a new process would have."""
    import torch

    gc.collect()
    torch.use_deterministic_algorithms(False)
    torch.manual_seed(seed)  # a method that does not seed torch must not depend on the cells before
    if device_type(device) == "cuda":
        torch.cuda.empty_cache()


def reset_peak_memory(device: str) -> None:
    """Resets the peak of the memory that torch has allocated on a GPU."""
    if device_type(device) == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()


def peak_megabytes(device: str) -> float | None:
    """Returns the most memory of a GPU that torch had allocated since `reset_peak_memory`, in MB; None if unknown."""
    if device_type(device) != "cuda":
        return None
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error reports that memory ran out, as those of torch, of CUDA and of XGBoost do."""
    words = ("can't allocate memory", "bad_alloc", "out of memory")
    return isinstance(error, MemoryError) or any(part in str(error).lower() for part in words)


def is_device_memory(error: Exception) -> bool:
    """Whether the memory that ran out is that of a GPU."""
    return re.search(r"\b(CUDA|HIP|MPS)\b.*out of memory", str(error), re.DOTALL) is not None
