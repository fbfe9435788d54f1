"""Every place that starts a program, imports by a name that it computes, unpickles or connects, and why it may.

A new place must be added here with the reason why its input is trusted, or why it does no harm.
"""

import ast
import functools
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Names that are reported, with everything inside them.
MODULES = ("subprocess", "runpy", "pty", "pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "ctypes",
           "imp", "webbrowser", "multiprocessing", "socket", "urllib.request", "http.client", "urllib3", "requests",
           "httpx", "yaml", "zipimport", "code", "codeop", "ftplib", "smtplib", "xmlrpc", "torch.hub", "torch.jit",
           "timm", "huggingface_hub", "asyncio")  # fmt: skip
FUNCTIONS = ("importlib.import_module", "importlib.reload", "importlib.util.find_spec", "logging.config",
             "importlib.machinery.PathFinder", "importlib.util.spec_from_file_location", "pydoc.locate",
             "importlib.metadata.entry_points", "numpy.load", "torch.load", "numpy.fromregex", "pandas.read_pickle",
             "pandas.eval", "os.system", "os.popen", "os.startfile", "os.fork", "os.forkpty", "xgboost.Booster",
             "ray.init", "ray.remote", "concurrent.futures.ProcessPoolExecutor")  # fmt: skip
PREFIXES = ("os.exec", "os.spawn", "os.posix_spawn")
BUILT_IN = ("eval", "exec", "compile", "__import__")
METHODS = ("exec_module", "load_module", "from_pretrained", "create_model", "load_model", "find_class")
# Classes, constants and functions of these modules that start, load and contact nothing.
HARMLESS = ("yaml.compose", "yaml.YAMLError",
            "yaml.SafeLoader", "yaml.AliasEvent", "yaml.ScalarEvent", "yaml.MappingStartEvent",
            "yaml.MappingEndEvent", "yaml.SequenceStartEvent", "yaml.SequenceEndEvent",
            "subprocess.PIPE", "subprocess.DEVNULL", "subprocess.SubprocessError", "subprocess.TimeoutExpired",
            "subprocess.CalledProcessError", "urllib.request.Request", "socket.socket",
            "socket.inet_aton", "http.client.HTTPException", "http.client.IncompleteRead", "urllib3.Retry",
            "http.client.PARTIAL_CONTENT", "http.client.REQUESTED_RANGE_NOT_SATISFIABLE", "urllib3.Timeout",
            "urllib3.exceptions", "urllib3.BaseHTTPResponse", "multiprocessing.connection", "multiprocessing.context",
            "multiprocessing.process",
            "multiprocessing.util.get_temp_dir", "http.client.HTTPResponse",
            "multiprocessing.get_all_start_methods", "cloudpickle.dumps", "cloudpickle.register_pickle_by_value",
            "cloudpickle.unregister_pickle_by_value")  # fmt: skip

NAMED = "the user names it on the command line; a record's only with --allow-external"
PLUGIN = "a file that the user names with --plugin"
CLUSTER = "the user asks for Ray with --executor ray"
INSTALLED = "modules of this package, and entry points of installed packages; the current folder is not on the path"
ALLOWED = {
    "benchmarks/crs/document.py load yaml.load": "a loader derived from SafeLoader, which builds plain values",
    "harness/cli/report.py report webbrowser.open": "the page that the user has just written, with --open",
    "harness/dependencies.py _importable importlib.util.find_spec": "names of registered methods; imports nothing",
    "harness/execution/cell.py method_of pickle.loads": "written by the coordinator of the same run",
    "harness/execution/local_executor.py process_context multiprocessing.get_context": "workers with the code of this "
    "package; the current folder is kept off their path",
    "harness/execution/local_executor.py LocalExecutor._start_on_device multiprocessing.get_context": "as the workers",
    "harness/execution/worker.py serve importlib.import_module": "what registered methods declare that they require; "
    "the fork server imports the same for other cells",
    "harness/execution/ray/cluster.py join ray.init": CLUSTER,
    "harness/execution/ray/cluster.py listens socket.create_connection": CLUSTER,
    "harness/execution/ray/executor.py RayExecutor._launch ray.remote": CLUSTER,
    "harness/execution/worker.py end_with_parent ctypes.CDLL": "the C library that Python itself has loaded",
    "harness/__init__.py __getattr__ importlib.import_module": "names in a table of the same file",
    "harness/records/provenance.py _git subprocess.run": "git in the checkout that this code is running from",
    "harness/plugin_code.py _own_modules importlib.machinery.PathFinder.find_spec": "imports nothing",
    "harness/plugin_code.py _top importlib.machinery.PathFinder.find_spec": "imports nothing",
    "harness/plugin_code.py _top importlib.util.find_spec": "a name without a dot: imports nothing",
    "harness/registry.py _execute .exec_module": PLUGIN,
    "harness/registry.py load_plugin importlib.util.spec_from_file_location": PLUGIN,
    "harness/registry.py _import_package importlib.import_module": INSTALLED,
    "harness/registry.py _entry_points importlib.metadata.entry_points": INSTALLED,
    "harness/sources/checkout.py Checkout._git subprocess.Popen": "git of the PATH, outside of the checkout, in a "
    "repository that is made here and has no configuration of the checkout",
    "harness/sources/download.py _fetch urllib.request.urlopen": "a URL that the user gives, with its checksum",
    "harness/sources/hugging_face.py _client huggingface_hub.errors.GatedRepoError": "classes of errors",
    "harness/sources/hugging_face.py _client huggingface_hub.errors.RepositoryNotFoundError": "classes of errors",
    "harness/sources/hugging_face.py _client huggingface_hub.errors.RevisionNotFoundError": "classes of errors",
    "harness/sources/hugging_face.py _commit huggingface_hub.HfApi": "asks for the commit of a data set that the user "
    "names",
    "harness/sources/hugging_face.py _download huggingface_hub.snapshot_download": "files of a commit that the user "
    "names; none of them is run",
    "harness/sources/safe_yaml.py load yaml.load": "with SafeLoader, which builds plain values only",
    "harness/storage/shared_steps.py SharedSteps._read numpy.load": "allow_pickle is False by default",
    "harness/testing/declaration_checks.py imports_light subprocess.run": "imports the method that the user checks, "
    "which is imported already",
    "methods/adapters/firewall_replay.py _Client._connection socket.create_connection": NAMED,
    "methods/adapters/http_service.py _Client.__init__ urllib3.connection_from_url": NAMED,
    "methods/adapters/sklearn_estimator.py _find importlib.machinery.PathFinder.find_spec": "imports nothing",
    "methods/adapters/sklearn_estimator.py _find importlib.util.find_spec": "a name without a dot: imports nothing",
    "methods/adapters/sklearn_estimator.py _load importlib.import_module": f"{NAMED}, and only with its digest",
    "methods/adapters/sklearn_estimator.py _load_alone .exec_module": f"{NAMED}, and only with its digest",
    "methods/adapters/sklearn_estimator.py _load_alone importlib.util.spec_from_file_location": NAMED,
    "methods/base/boosted_trees.py load xgboost.Booster": "a document that is made here, from checked arrays",
    "methods/base/child_process.py Child.__init__ subprocess.Popen": f"/bin/sh with a fixed script; a program: {NAMED}",
    "methods/base/service.py Service.check socket.create_connection": NAMED,
    "methods/neural/byte_image.py ByteImage.__init__ timm.create_model": "one architecture of timm, without weights",
    "methods/neural/encoders.py _from_package importlib.util.find_spec": "a fixed name; imports nothing",
    "methods/neural/encoders.py _check_size .from_pretrained": "JSON of a local folder; no code of the folder",
    "methods/neural/encoders.py load .from_pretrained": "safetensors and JSON of a local folder; no code of the folder",
}


class Finder(ast.NodeVisitor):
    """Collects the reported names of a file, each with the function that it is in."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.place: list[str] = []
        self.found: set[str] = set()

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name.split(".")[0]] = (
                alias.name if alias.asname else alias.name.split(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if not node.level:
                self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.place.append(node.name)
        for child in ast.iter_child_nodes(node):
            if child is not node.returns:
                self.visit(child)
        self.place.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.place.append(node.name)
        self.generic_visit(node)
        self.place.pop()

    def visit_arg(self, node: ast.arg) -> None:
        """Skips annotations."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._dotted(node)
        if name is None:
            if node.attr in METHODS:
                self._report(f".{node.attr}")
            self.generic_visit(node)
        elif not self._check(name) and node.attr in METHODS:
            self._report(f".{node.attr}")

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in BUILT_IN and node.id not in self.names:
            self._report(node.id)
        elif "." in self.names.get(node.id, ""):
            self._check(self.names[node.id])

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute):
            inner = self._dotted(node.value)
            return None if inner is None else f"{inner}.{node.attr}"
        return self.names.get(node.id) if isinstance(node, ast.Name) else None

    def _check(self, name: str) -> bool:
        def within(names: tuple[str, ...]) -> bool:
            return any(name == each or name.startswith(f"{each}.") for each in names)

        if (within(MODULES) or within(FUNCTIONS) or name.startswith(PREFIXES)) and not within(HARMLESS):
            self._report(name)
            return True
        return False

    def _report(self, name: str) -> None:
        self.found.add(f"{'.'.join(self.place) or '(module)'} {name}")


@functools.cache
def places() -> frozenset[str]:
    paths = [path for package in ("harness", "methods", "benchmarks") for path in (ROOT / package).rglob("*.py")]
    return frozenset(name for path in paths for name in found(path.read_text(encoding="utf-8"), path.relative_to(ROOT)))


def found(text: str, path: Path) -> list[str]:
    finder = Finder()
    tree = ast.parse(text)
    for node in ast.walk(tree):  # imports first, wherever they are
        if isinstance(node, ast.Import | ast.ImportFrom):
            finder.visit(node)
    finder.visit(tree)
    return [f"{path.as_posix()} {name}" for name in sorted(finder.found)]


def test_each_place_is_argued() -> None:
    unknown = sorted(places() - set(ALLOWED))
    assert unknown == [], "say in ALLOWED why its input is trusted"


def test_no_argument_is_left_over() -> None:
    assert sorted(set(ALLOWED) - places()) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import subprocess as s\ndef f(): s.run([])", "f subprocess.run"),
        ("from os import execvp\nexecvp('a', [])", "(module) os.execvp"),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", "(module) numpy.load"),
        ("class A:\n    def f(self): return eval('1')", "A.f eval"),
        ("def f(spec): spec.loader.exec_module(1)", "f .exec_module"),
        ("import torch\ntorch.load('x')", "(module) torch.load"),
        ("import yaml\nyaml.unsafe_load('x')", "(module) yaml.unsafe_load"),
        ("def f():\n    from transformers import AutoModel\n    AutoModel.from_pretrained('x')", "f .from_pretrained"),
    ],
)
def test_the_search_finds(text: str, name: str) -> None:
    assert found(text, Path("x.py")) == [f"x.py {name}"]
