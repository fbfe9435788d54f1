"""Checks of what a method says of itself: its record, its imports, and how its predictors are kept."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from harness.data.payloads import Payloads
from harness.method import Predictor
from harness.records import predictors
from harness.testing.oddities import PAYLOADS
from harness.testing.outcome import CheckFailed, NotApplicable
from harness.testing.subject import Subject, guarded

HEAVY = (
    *("torch", "torchvision", "transformers", "tokenizers", "timm", "tensorflow", "jax", "keras"),
    *("sklearn", "scipy", "xgboost", "lightgbm", "catboost", "pandas", "polars", "pyarrow", "optuna", "matplotlib"),
)
_IMPORT = """
import importlib, importlib.util, sys
name, file = sys.argv[1:3]
try:
    importlib.import_module(name)
except ModuleNotFoundError as error:
    if error.name not in (name, name.partition(".")[0]):
        raise
    spec = importlib.util.spec_from_file_location(name, file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
print(" ".join(sorted({module.partition(".")[0] for module in sys.modules})))
"""


def says_what_it_is(subject: Subject) -> str:
    """Has a version and a one-line summary, and finds what it needs."""
    info = subject.info
    if isinstance(info.version, bool) or not isinstance(info.version, int) or info.version < 1:
        raise CheckFailed(f"version is {info.version!r}; an integer from 1 is needed, raised when results may change")
    if not info.summary.strip() or "\n" in info.summary:
        raise CheckFailed("summary must be one line that says what the method is; `harness list methods` shows it")
    with guarded("check"):
        info.factory().check()
    return f"version {info.version}"


def imports_nothing_heavy(subject: Subject) -> str:
    """Loads no heavy library when its module is imported, so that listing and planning stay quick."""
    origin = subject.info.origin
    file = getattr(sys.modules.get(origin), "__file__", None)
    if file is None:
        raise NotApplicable(f"{origin} is no file that could be imported by itself")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place or os.getcwd() for place in sys.path)}
    command = [sys.executable, "-c", _IMPORT, origin, file]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise CheckFailed(f"importing {Path(file).name} by itself failed: {lines[-1]}")
    loaded = sorted(set(HEAVY) & set(done.stdout.split()))
    if loaded:
        raise CheckFailed(
            f"importing {Path(file).name} loads {', '.join(loaded)}; import them inside fit, and name them in requires"
        )
    return ""


def saves_and_loads(subject: Subject) -> str:
    """Loads from its files a predictor that gives the same bytes."""
    predictor = subject.predictor
    if type(predictor).save is Predictor.save:
        raise NotApplicable("its predictor keeps the default, which refuses to save")
    if not predictors.loadable(subject.info):
        raise CheckFailed(f"{type(predictor).__name__} has a save, and the method has no load that reads what it wrote")
    with tempfile.TemporaryDirectory(prefix="harness-testing-") as root:
        folder = Path(root) / "model"
        with guarded("save"):
            predictors.keep(predictor, subject.info, subject.context(), folder)
        size = _no_pickle(folder)
        with guarded("load"):
            loaded, _ = predictors.restore(folder, subject.info, shared=subject.shared)
    for what, rows in (
        ("ordinary payloads", subject.toy.test.payloads),
        ("odd payloads", Payloads.from_list(PAYLOADS.values())),
    ):
        before, after = subject.predict(predictor, rows), subject.predict(loaded, rows)
        if not np.array_equal(before, after):
            most = float(np.abs(before - after).max())
            raise CheckFailed(f"the loaded predictor's probabilities of {what} differ by up to {most:.2g}")
    return f"{size / 1024:.0f} KB"


def _no_pickle(folder: Path) -> int:
    """Returns the bytes of all files of a folder.

    Raises:
        CheckFailed: one of them is a pickle, or an archive that holds one: loading it could run anything.
    """
    total = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total += path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(2)
        members = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
        if start in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or any(m.endswith(".pkl") for m in members):
            raise CheckFailed(
                f"save wrote {path.name}, which is a pickle: loading one can run any code; write arrays with "
                "harness.predictor_files.write_arrays and the rest with write_values"
            )
    return total
