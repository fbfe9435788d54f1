"""Conformance checks of a method's declaration: its registration record, its imports, and saving and loading."""

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
from harness.testing.subject import Subject, report_exceptions

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


def declares_itself(subject: Subject) -> str:
    """The method has a valid version and a one-line summary, and `Method.check` accepts its requirements."""
    info = subject.info
    if isinstance(info.version, bool) or not isinstance(info.version, int) or info.version < 1:
        raise CheckFailed(f"version is {info.version!r}; it must be an integer from 1, raised when results may change")
    if not info.summary.strip() or "\n" in info.summary:
        raise CheckFailed("summary must be one line that says what the method is; `harness list methods` shows it")
    with report_exceptions("check"):
        info.factory().check()
    return f"version {info.version}"


def imports_light(subject: Subject) -> str:
    """Importing the module loads no heavy library, so that listing and planning methods is fast."""
    origin = subject.info.origin
    file = getattr(sys.modules.get(origin), "__file__", None)
    if file is None:
        raise NotApplicable(f"{origin} is not a file that can be imported by itself")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-P", "-c", _IMPORT, origin, file]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        raise CheckFailed(f"importing {Path(file).name} by itself failed: {lines[-1]}")
    libraries = sorted(set(HEAVY) & set(result.stdout.split()))
    if libraries:
        raise CheckFailed(
            f"importing {Path(file).name} loads {', '.join(libraries)}; import them inside fit, list them in requires"
        )
    return ""


def saves_and_loads(subject: Subject) -> str:
    """A predictor that is saved and loaded gives identical predictions, and its files hold no pickle."""
    predictor = subject.predictor
    if type(predictor).save is Predictor.save:
        raise NotApplicable("its predictor does not define save")
    if not predictors.loadable(subject.info):
        raise CheckFailed(f"{type(predictor).__name__} defines save, but the method has no load that reads these files")
    with tempfile.TemporaryDirectory(prefix="harness-testing-") as root:
        folder = Path(root) / "model"
        with report_exceptions("save"):
            predictors.save(predictor, subject.info, subject.context(), folder)
        size = _no_pickle(folder)
        with report_exceptions("load"):
            loaded, _ = predictors.restore(folder, subject.info, shared=subject.shared)
    for what, payloads in (
        ("ordinary payloads", subject.toy.test.payloads),
        ("odd payloads", Payloads.from_list(PAYLOADS.values())),
    ):
        before, after = subject.predict(predictor, payloads), subject.predict(loaded, payloads)
        if not np.array_equal(before, after):
            difference = float(np.abs(before - after).max())
            raise CheckFailed(f"the loaded predictor's probabilities of {what} differ by up to {difference:.2g}")
    return f"{size / 1024:.0f} KB"


def _no_pickle(folder: Path) -> int:
    """Returns the total size in bytes of all files in a folder, after checking that none is a pickle.

    Raises:
        CheckFailed: a file is a pickle or an archive with one; loading it could run any code.
    """
    total = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total += path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(2)
        members = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
        if start in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or any(m.endswith(".pkl") for m in members):
            raise CheckFailed(
                f"save wrote {path.name}, which is a pickle: loading it can run any code; write arrays with "
                "harness.predictor_files.write_arrays and the rest with write_values"
            )
    return total
