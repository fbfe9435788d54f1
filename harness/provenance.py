"""How a record came about: versions, machine, source."""

import datetime
import functools
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.method import Precision
from harness.record import Provenance

_PACKAGES = ("numpy", "scipy", "scikit-learn", "xgboost", "optuna", "pyarrow", "torch", "transformers")
_ROOT = Path(__file__).resolve().parent.parent


def here(command: str) -> Provenance:
    """Returns the part of the provenance that is the same for every cell of a run."""
    return Provenance(machine=_machine(), packages=_packages(), source=_source(), command=command)


def now() -> str:
    """Returns the time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@functools.cache
def _machine() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
    }


def precision() -> Precision:
    """Returns the precision torch methods train in here: bfloat16 autocast where the processor multiplies in it."""
    flags = _cpu_fields().get("flags", "").split()
    return "bfloat16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "float32"


def _processor() -> str:
    fields = _cpu_fields()
    wanted = ("model name", "cpu family", "model")
    return ", ".join(fields.get(name, "?") for name in wanted) if fields else platform.processor()


@functools.cache
def _cpu_fields() -> dict[str, str]:
    """Fields of the first processor in ``/proc/cpuinfo``; none where there is no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


@functools.cache
def _packages() -> dict[str, str]:
    found = {}
    for name in ("shortcut-harness", *_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@functools.cache
def _source() -> dict[str, str]:
    digest = hashlib.sha256()
    for package in ("harness", "methods", "benchmarks"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(_ROOT)}\0".encode())
            digest.update(path.read_bytes())
    source = {"digest": digest.hexdigest()}
    if (_ROOT / ".git").exists():
        source["commit"] = _git("rev-parse", "HEAD") or "unknown"
        source["dirty"] = "yes" if _git("status", "--porcelain", "--", "harness", "methods", "benchmarks") else "no"
    return source


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line() -> str:
    """Returns the command that was typed, without the program's folder."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
