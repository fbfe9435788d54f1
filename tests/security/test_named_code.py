"""Records of others that name a program, a module, a service or a path: no verb opens it unless the user allows it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import hashing, registry
from harness.benchmark import BenchmarkRef
from harness.boards.submission import check
from harness.execution.recorded_methods import NotAllowed, NotRebuilt, method_of
from harness.records.schema import CellInfo, Record
from harness.records.store import Store
from tests.conftest import Shell
from tests.harness.records.kept import kept_predictions
from tests.security.test_checkouts import checkout, gpg, program

__all__ = ["checkout"]  # a fixture

OWN = ("--map", "payload=raw,label=class,group=cve,date=published")


@pytest.fixture(scope="module")
def majority(cache: Path, requests_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of `majority` on a corpus of one's own."""
    shell = Shell(tmp_path_factory.mktemp("majority"), cache)
    arguments = ("--method", "majority", "--scenario", "random", "--seeds", 1, "--results", "r")
    done = shell("run", *arguments, "--bench", f"files:{requests_file}", *OWN)
    assert done.returncode == 0, done.stderr
    assert f"harness report --results r --bench files:{requests_file} --map {OWN[1]} --open" in done.stdout
    return shell.folder / "r"


@pytest.fixture
def folder(majority: Path, shell: Shell) -> Path:
    return Path(shutil.copytree(majority, shell.folder / "r"))


def rename(folder: Path, method: str, adapter: dict[str, Any], kind: str = "fixed") -> Record:
    """Makes the only record of a folder one of another method, with a key that fits."""
    (record,) = Store(folder).contents().records
    changes = {"method": method, "method_version": 1, "kind": kind, "tags": [], "adapter": adapter}
    cell = CellInfo.model_validate(record.cell.model_dump() | changes)
    renamed = record.model_copy(update={"cell": cell, "key": cell.key({})})
    Store(folder).path(record.id).unlink()
    Store(folder).put(renamed)
    return renamed


@contextmanager
def listener() -> Iterator[tuple[str, Callable[[], bool]]]:
    """A service that accepts connections, and whether it was contacted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def contacted() -> bool:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield f"http://127.0.0.1:{server.getsockname()[1]}", contacted


def verify(shell: Shell, requests_file: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return shell("results", "verify", "--results", "r", "--bench", f"files:{requests_file}", *OWN, *arguments)


def test_verify_starts_no_program_that_a_record_names(shell: Shell, folder: Path, requests_file: Path) -> None:
    path, mark = program(shell.folder)
    command = f"{path} --now"
    digest = hashing.of_json([[str(path), hashing.of_file(path)], ["--now", ""]])
    rename(folder, f"exec:{command}", {"digest": digest, "labels": {}, "timeout": 60.0})
    done = verify(shell, requests_file)
    assert done.returncode == 1, done.stdout + done.stderr
    assert not mark.exists()
    text = " ".join(done.stdout.split())
    assert "it names the program" in text
    assert "allow it with --allow-external" in text
    allowed = verify(shell, requests_file, "--allow-external")
    assert mark.exists()
    assert f"note: --allow-external: opening the program {command}" in allowed.stdout
    mark.unlink()
    path.write_text(path.read_text(encoding="utf-8") + "# other\n", encoding="utf-8")
    assert "adapter/digest" in verify(shell, requests_file, "--allow-external").stdout
    assert not mark.exists(), "a program with another digest is not started"


@pytest.mark.parametrize("family", ["http", "replay"])
def test_verify_sends_nothing_to_a_service_that_a_record_names(
    shell: Shell, folder: Path, requests_file: Path, family: str
) -> None:
    with listener() as (url, contacted):
        rename(folder, f"{family}:{url}", {"labels": {}, "timeout": 5.0})
        done = verify(shell, requests_file)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "it names the service" in " ".join(done.stdout.split())
        assert not contacted()


MODULE = """
from pathlib import Path
Path({mark!r}).touch()
def factory(): raise RuntimeError
"""


@pytest.fixture
def module(shell: Shell, folder: Path) -> tuple[Path, Path]:
    """A module in the current folder that leaves a mark, and the mark; the record names the module."""
    path, mark = shell.folder / "their_model.py", shell.folder / "mark"
    path.write_text(MODULE.format(mark=str(mark)), encoding="utf-8")
    rename(folder, "sklearn:their_model:factory", {"digest": hashing.of_file(path), "labels": {}})
    return path, mark


@pytest.mark.parametrize("verb", [("results", "check", "r"), ("report", "--results", "r"), ("predict", "synthetic")])
def test_no_verb_imports_a_module_that_a_record_names(
    shell: Shell, folder: Path, module: tuple[Path, Path], verb: tuple[str, ...]
) -> None:
    record = Store(folder).contents().records[0]
    key = ("--results", "r", "--record", record.key[:16]) if verb[0] == "predict" else ()
    Store(folder).model_path(record.id).mkdir()
    Store(folder).put_predictions(record.id, kept(record, BenchmarkRef("synthetic")))
    done = shell(*verb, *key)
    assert "Traceback" not in done.stderr
    assert not module[1].exists()
    if verb[1] == "check":
        assert (
            "its key was not checked, since the module their_model must be opened for it; allow this with "
            "--allow-external"
        ) in done.stdout


def test_a_module_is_imported_only_with_the_record_s_digest(
    shell: Shell, folder: Path, module: tuple[Path, Path], requests_file: Path
) -> None:
    path, mark = module
    done = verify(shell, requests_file)
    assert done.returncode == 1
    assert not mark.exists()
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}# other\n", encoding="utf-8")
    for verb in (verify(shell, requests_file, "--allow-external"), shell("results", "check", "r", "--allow-external")):
        assert "was not imported" in " ".join(verb.stdout.split()), verb.stdout + verb.stderr
        assert not mark.exists()
    path.write_text(text, encoding="utf-8")
    checked = shell("results", "check", "r", "--allow-external")
    assert mark.exists()
    assert checked.stdout.startswith("note: --allow-external: opening the module their_model\n")
    assert "its key" not in checked.stdout


def test_a_recorded_module_hides_no_installed_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the current folder with the name of an installed module is not what the record names."""
    registry.discover()
    monkeypatch.chdir(shell.folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    mark = shell.folder / "mark"
    (shell.folder / "tabnanny.py").write_text(MODULE.format(mark=str(mark)), encoding="utf-8")
    (shell.folder / "package").mkdir()
    (shell.folder / "package/__init__.py").write_text(MODULE.format(mark=str(mark)), encoding="utf-8")
    (shell.folder / "package/part.py").write_text("def factory(): ...\n", encoding="utf-8")
    digest = hashing.of_file(shell.folder / "tabnanny.py")
    for name, stated in (("tabnanny", digest), ("tabnanny", ""), ("sys", ""), ("package.part", digest), ("no.one", "")):
        cell = cell_of(f"sklearn:{name}:factory", {"digest": stated})
        with pytest.raises(NotRebuilt, match=r"was not imported|there is no file of the module"):
            method_of(cell, allow_external=True)
        assert not mark.exists()


def cell_of(method: str, adapter: dict[str, Any]) -> CellInfo:
    return CellInfo.model_construct(method=method, adapter=adapter)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("exec:touch x", "the program touch x"),
        ("http:http://192.0.2.1/", "the service http://192.0.2.1/"),
        ("modsecurity:{}", "the rules in {}"),
        ("modsecurity-features:{}", "the rules in {}"),
        ("replay:http://192.0.2.1", "the service http://192.0.2.1"),
        ("sklearn:a:b", "the module a"),
        ("transformer:encoder={}:trained=1", "the encoder folder {}"),
        ("text-guided:text-encoder={}", "the encoder folder {}"),
    ],
)
def test_every_family_says_what_it_names(method: str, names: str, tmp_path: Path) -> None:
    registry.discover()
    with pytest.raises(NotAllowed) as caught:
        method_of(cell_of(method.format(tmp_path), {}))
    assert caught.value.names == names.format(tmp_path)


def test_every_family_is_among_those() -> None:
    registry.discover()
    families = {
        "exec",
        "http",
        "modsecurity",
        "modsecurity-features",
        "replay",
        "sklearn",
        "transformer",
        "text-guided",
    }
    assert {name for name, info in registry.families().items() if info.origin.startswith("harness.")} == families


@pytest.mark.parametrize(
    "adapter", [{"labels": [1]}, {"labels": {"a": 1}}, {"timeout": "x"}, {"timeout": float("nan")}]
)
def test_a_malformed_adapter_is_one_sentence(adapter: dict[str, Any]) -> None:
    registry.discover()
    with pytest.raises(NotRebuilt, match="of its adapter"):
        method_of(cell_of("http:http://192.0.2.1/", adapter), allow_external=True)


def test_the_key_of_a_program_s_record_is_checked_without_it(folder: Path) -> None:
    registry.discover()
    record = rename(folder, "exec:./not-here", {"digest": "0" * 64, "labels": {}, "timeout": 60.0})
    texts = [finding.text for finding in check(folder, iter(()))[1]]
    assert [text for text in texts if "key" in text or "program" in text] == []
    path = Store(folder).path(record.id)
    changed = json.loads(path.read_text(encoding="utf-8"))
    changed["cell"]["adapter"]["timeout"] = 61.0
    path.write_text(json.dumps(changed), encoding="utf-8")
    texts = [finding.text for finding in check(folder, iter(()))[1]]
    assert "its key does not match its cell and the method's search space; the cell was changed" in texts


def kept(record: Record, benchmark: BenchmarkRef) -> bytes:
    return kept_predictions(record.key, benchmark, {"id": ([0, 1], [0, 0])})


def test_a_report_opens_no_path_that_predictions_name(shell: Shell, folder: Path, checkout: Path) -> None:
    path, mark = program(shell.folder)
    gpg(checkout, path)
    (record,) = Store(folder).contents().records
    Store(folder).put_predictions(record.id, kept(record, BenchmarkRef("nuclei", str(checkout))))
    done = shell("report", "--results", "r")
    assert done.returncode == 0, done.stderr
    assert not mark.exists()
    text = (shell.folder / "report.html").read_text(encoding="utf-8")
    assert f"the payloads are of nuclei:{checkout}; name the corpus with --bench, as in its run, to show them." in text


def test_a_report_shows_the_payloads_of_the_named_corpus_alone(
    shell: Shell, folder: Path, requests_file: Path, tmp_path: Path
) -> None:
    own = ("--bench", f"files:{requests_file}", *OWN)
    assert shell("report", "--results", "r", *own).returncode == 0
    assert "From random, seed 0" in (shell.folder / "report.html").read_text(encoding="utf-8")
    (shell.folder / "report.html").unlink()
    other = tmp_path / "requests.jsonl"
    lines = requests_file.read_text(encoding="utf-8").splitlines(keepends=True)
    other.write_text("".join(lines[1:]).replace("HTTP/1.1", "HTTP/1.0"), encoding="utf-8")
    for arguments, complaint in (
        (("--bench", f"files:{other}", *OWN), "no record is of this corpus"),
        (("--bench", f"files:{tmp_path}/nowhere", *OWN), "nowhere"),
        (OWN, "belong to --bench CORPUS"),
    ):
        done = shell("report", "--results", "r", *arguments)
        assert done.returncode == 2, done.stdout
        assert complaint in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (shell.folder / "report.html").exists()


HIDING = (
    "sklearn",
    "torch",
    "optuna",
    "pyarrow",
    "plotly",
    "yaml",
    "filelock",
    "cloudpickle",
    "methods",
    "hidden_entry",
)


def test_no_module_of_the_current_folder_is_imported(shell: Shell, folder: Path, requests_file: Path) -> None:
    """In a folder of others: modules with the names of those that verbs and workers import, and an entry point."""
    marks = shell.folder / "marks"
    marks.mkdir()
    names = {name: f"open({str(marks / name)!r}, 'w').close()\n" for name in (*HIDING, "signal", "multiprocessing")}
    for name in HIDING:
        (shell.folder / f"{name}.py").write_text(names[name], encoding="utf-8")
    (shell.folder / "hidden-1.dist-info").mkdir()
    (shell.folder / "hidden-1.dist-info/METADATA").write_text("Name: hidden\nVersion: 1\n", encoding="utf-8")
    entry = "[harness.methods]\nhidden = hidden_entry\n"
    (shell.folder / "hidden-1.dist-info/entry_points.txt").write_text(entry, encoding="utf-8")
    own = ("--bench", f"files:{requests_file}", *OWN)
    for verb in (("results", "check", "r"), ("results", "verify", "--results", "r", *own)):
        done = shell(*verb)
        assert "Traceback" not in done.stderr, done.stderr
        assert list(marks.iterdir()) == [], verb
    # `harness` is a script of another folder, which has not imported these two when a worker starts.
    script = shell.folder / "bin" / "start.py"
    script.parent.mkdir()
    script.write_text("from harness.cli import main\nmain()\n", encoding="utf-8")
    for name in ("signal", "multiprocessing"):
        (shell.folder / f"{name}.py").write_text(names[name], encoding="utf-8")
    command = [sys.executable, "bin/start.py", "results", "verify", "--results", "r", *own]
    done = subprocess.run(command, capture_output=True, text=True, cwd=shell.folder, env=shell.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(marks.iterdir()) == []


def test_programs_of_the_user_import_as_they_do_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.execution.worker import SAFE_PATH, restore_environment

    monkeypatch.setenv("PYTHONSAFEPATH", SAFE_PATH["PYTHONSAFEPATH"])
    restore_environment()
    assert "PYTHONSAFEPATH" not in os.environ
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    restore_environment()
    assert os.environ["PYTHONSAFEPATH"] == "1"
