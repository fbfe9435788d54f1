"""Method families: how they are named, listed, keyed, mapped and sent."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from harness import UserError, plugin_code, registry
from harness.benchmark import BenchmarkRef
from harness.boards.build import Rules, boards
from harness.execution.cell import method_of
from harness.execution.ray import file_transfer
from harness.method import MethodRef
from harness.records.schema import Record
from tests.conftest import Shell, results_of
from tests.harness.execution.tasks import run_task

PLUGIN = """
import numpy as np
from harness import AdaptedMethod, Predictor, register_method_family

class Constant(Predictor):
    notes = ["says the same to all"]
    def __init__(self, row): self.row = row
    def predict_proba(self, payloads): return np.tile(self.row, (len(payloads), 1))

@register_method_family("constant", version=3, argument="COLUMN", summary="always the same class")
class Always(AdaptedMethod):
    def content(self): return {"labels": dict(self.ref.labels)}
    def fit(self, train, validation, params, context):
        return Constant(np.eye(len(context.classes), dtype=np.float32)[int(self.ref.argument)])
"""


def test_a_plug_in_s_family_stands_on_the_board(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    run = (
        "run",
        "--plugin",
        "plugin.py",
        "--method",
        "constant:0,constant:1,majority",
        *mapped,
        "--scenario",
        "random",
    )
    done = shell(*run)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("constant:0", "constant:1"):
        assert any(f" {name} " in line and " done" in line for line in done.stdout.splitlines()), done.stdout
    assert "note: constant:0, constant:1: says the same to all" in done.stdout
    records = {r["cell"]["method"]: r for r in results_of(shell.folder / "results/local").values()}  # type: ignore[index]
    adapter = records["constant:0"]["cell"]["adapter"]  # type: ignore[index]
    assert adapter == {"labels": {}, "plugin": plugin_code.digest(shell.folder / "plugin.py")}
    assert records["constant:0"]["cell"]["method_version"] == 3  # type: ignore[index]
    assert records["constant:0"]["result"]["limited_by"] == "space"  # type: ignore[index]
    mapped_too = shell(*run, "--labels", "a=open-redirect")
    assert "2 to run, 1 with a record" in mapped_too.stdout


def test_the_list_shows_families(shell: Shell) -> None:
    shown = shell("list", "methods").stdout
    for name in (
        "sklearn:MODULE:FACTORY",
        "exec:PROGRAM",
        "http:URL",
        "replay:URL",
        "modsecurity:CRS_FOLDER",
        "modsecurity-features:CRS_FOLDER",
    ):
        assert f" {name} " in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--method", "exek:./x"), "no method family named exek; did you mean exec"),
        (("--method", "exec:"), "the method family exec requires an argument: exec:PROGRAM"),
        (("--method", "majority", "--labels", "a=sql-injection"), "--method does not name one"),
        (("--method", "exec:cat", "--labels", "a"), "THEIRS=CLASS"),
        (("--method", "exec:cat", "--labels", "a=x,a=y"), "a is mapped twice"),
        (("--method", "exec:cat", "--labels", "a=sql-injektion"), "did you mean sql-injection"),
        (("--method", "exec:cat", "--labels", "nosuch.json"), "cannot be read"),
        (("--method", "exec:cat", "--labels", "list.json"), "the file must map labels to classes"),
        (("--method", "exec:cat", "--labels", "broken.json"), "is not a JSON file"),
        (("--method", "exec:cat", "--timeout", "0"), "--timeout 0"),
        (("--method", "majority", "--timeout", "9"), "--timeout applies to a classifier of your own"),
        (("--method", "http:http://127.0.0.1:9/", "--scenario", "iid"), "the service does not accept connections"),
    ],
)
def test_a_mistake_is_one_sentence(shell: Shell, arguments: tuple[str, ...], complaint: str) -> None:
    (shell.folder / "list.json").write_text("[1]", encoding="utf-8")
    (shell.folder / "broken.json").write_text("{", encoding="utf-8")
    done = shell("run", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (shell.folder / "results").exists()


def test_labels_may_come_from_a_file(tmp_path: Path) -> None:
    from harness.cli import options

    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"a,b": "x", "c=d": "y"}), encoding="utf-8")
    assert options.labels(str(path)) == {"a,b": "x", "c=d": "y"}
    assert options.labels("c=d=y, e=-") == {"c=d": "y", "e": "-"}


def test_a_version_is_that_of_the_family() -> None:
    registry.discover()
    assert registry.version_of("exec:./classifier") == registry.families()["exec"].version
    assert registry.version_of("majority") == registry.method("majority").version
    assert registry.version_of("nosuch:./classifier") is registry.version_of("nosuch") is None


def test_a_family_s_name_is_taken_once() -> None:
    registry.discover()
    with pytest.raises(UserError, match="the method family name exec is registered twice"):
        registry.register_method_family("exec", version=1, argument="X", summary="")(object)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("argument", "sent"),
    [
        ("exec:./sent_program.py rules.txt", {"./sent_program.py", "rules.txt"}),
        ("exec:python3 sent_program.py", {"sent_program.py"}),
        ("sklearn:sent_program:make", {"sent_program"}),
        ("sklearn:package.part:make", {"package.part"}),
        ("sklearn:sklearn.dummy:DummyClassifier", set()),
    ],
)
def test_what_a_method_names_is_sent_where_it_is_missing(
    argument: str, sent: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As between two machines: packed in one folder, which is gone when another is current."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    registry.discover()
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "package").mkdir(parents=True)
    there.mkdir()
    monkeypatch.chdir(here)
    for name in ("sent_program.py", "package/part.py"):
        (here / name).write_text("#!/usr/bin/env python3\ndef make(): return 3\n", encoding="utf-8")
    (here / "sent_program.py").chmod(0o755)
    (here / "rules.txt").write_text("union select\n", encoding="utf-8")
    ref = MethodRef(*argument.split(":", 1))
    bench = BenchmarkRef("synthetic")
    task = run_task(str(ref), benchmark=bench, adapter=ref)
    kept: dict[int, bytes] = {}

    def put(piece: bytes) -> int:
        kept[len(kept)] = piece
        return len(kept) - 1

    files, cargo = file_transfer.pack_method_files(task, put), file_transfer.pack_run_files(task, put)
    assert set(files) == sent
    shutil.rmtree(here)
    monkeypatch.chdir(there)
    for module in ("sent_program", "package.part", "package"):
        sys.modules.pop(module, None)
    delivered = file_transfer.localize(task, cargo, kept.__getitem__, files)
    info = method_of(delivered)
    assert info.name == delivered.cell.method == argument
    assert info.adapter is not None
    places = info.factory().files()  # type: ignore[attr-defined]
    assert all(path.is_relative_to(tmp_path / "cache") for path in places.values())
    assert set(places) == (sent if argument.startswith("exec") else set())


def test_a_long_command_is_still_a_file_name(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    name = f"constant:{'0' * 400}1"
    done = shell("run", "--plugin", "plugin.py", "--method", name, *mapped, "--scenario", "random")
    assert done.returncode == 0, done.stdout + done.stderr


def test_contents_of_one_name_have_lines_of_their_own(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    run = ("run", "--plugin", "plugin.py", "--method", "constant:0", *mapped, "--scenario", "random")
    for labels in ("a=open-redirect", "a=sql-injection"):
        assert shell(*run, "--labels", labels).returncode == 0
    records = [Record.model_validate_json(path.read_bytes()) for path in shell.folder.glob("results/local/*/*/*.json")]
    (board,) = boards(records, Rules(lambda record: False, lambda preset: False, lambda name: ()))
    names = [row.method for row in board.rows]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"constant:0 \([0-9a-f]{6}\)", name) for name in names)
