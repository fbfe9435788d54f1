"""What a run does about records that another code of the same method made, and `--rerun`."""

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness import UserError, registry
from harness.execution.cell import method_of
from tests.conftest import Shell
from tests.harness.execution.tasks import run_task

PLUGIN = """
import os, time
import numpy as np
from harness import Method, Predictor, predictor_files, register_method
from shares_of_mine import SHARE

class Fixed(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads):
        row = np.full(self.classes, (1 - SHARE) / (self.classes - 1), np.float32)
        row[0] = SHARE
        return np.tile(row, (len(payloads), 1))
    def save(self, folder): predictor_files.write_values(folder, {"classes": self.classes})

@register_method("fixed-share", version=1, summary="gives the first class a fixed share")
class FixedShare(Method):
    def fit(self, train, validation, params, context):
        time.sleep(float(os.environ.get("SECONDS_OF_FIT", 0)))
        return Fixed(len(context.classes))
    def load(self, folder, context): return Fixed(len(context.classes))
"""
RUN = ("run", "--plugin", "plugin.py", "--method", "fixed-share,majority", "--trials", 1, "--scenario", "random")


@pytest.fixture
def plugged(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    (shell.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    (shell.folder / "shares_of_mine.py").write_text("SHARE = 0.5\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{shell.folder}:{Path(harness.__file__).parents[1]}")
    return shell


def records(shell: Shell, method: str) -> dict[Path, dict[str, object]]:
    paths = sorted(shell.folder.glob(f"results/local/*/random/{method}-s*.json"))
    return {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def test_an_edited_plug_in_runs_again_and_says_so(plugged: Shell, mapped: tuple[str, ...]) -> None:
    run = (*RUN, *mapped, "--seeds", 2, "--save-models")
    first = plugged(*run)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "changed since" not in first.stdout
    assert "0 to run, 4 with a record" in plugged(*run).stdout
    (old, *_) = [record["key"] for record in records(plugged, "fixed-share").values()]
    (plugged.folder / "shares_of_mine.py").write_text("SHARE = 0.25\n", encoding="utf-8")

    refused = plugged("predict", *mapped[1:], "--record", old, "--plugin", "plugin.py")
    assert refused.returncode == 2
    plugin = plugged.folder / "plugin.py"
    assert f"fixed-share: the plug-in {plugin} changed since the record was made; run the cell again" in refused.stderr

    again = plugged(*run)
    sentence = f"fixed-share: the plug-in {plugin} changed since 2 records were made; they are stale and its cells run"
    assert f"note: {sentence} again" in again.stdout
    assert "2 to run, 2 with a record" in again.stdout
    assert len(records(plugged, "fixed-share")) == 4
    assert "changed since" not in plugged(*run).stdout, "it is said once"
    board = plugged("results", "board", "--plugin", "plugin.py")
    assert "2 stale records, made by version 1 of fixed-share (plug-in " in board.stdout, board.stdout + board.stderr


def test_a_worker_refuses_a_plug_in_that_changed_after_the_plan(tmp_path: Path) -> None:
    plugin = tmp_path / "later.py"
    plugin.write_text(
        "from harness import Method, register_method\n"
        "@register_method('edited-later', version=1, summary='')\n"
        "class EditedLater(Method):\n"
        "    def fit(self, train, validation, params, context): raise NotImplementedError\n",
        encoding="utf-8",
    )
    registry.discover([str(plugin)])
    task = run_task("edited-later", plugins=(str(plugin),))
    planned = replace(task, cell=task.cell.model_copy(update={"adapter": registry.method("edited-later").adapter}))
    assert method_of(planned).name == "edited-later"
    plugin.write_text(plugin.read_text() + "# edited\n", encoding="utf-8")
    registry.discover([str(plugin)])
    with pytest.raises(UserError, match="is not the one that the run was planned with"):
        method_of(planned)


def test_rerun_replaces_records_and_keeps_their_results(plugged: Shell, mapped: tuple[str, ...]) -> None:
    run = (*RUN, *mapped, "--seeds", 2)
    assert plugged(*run, "--save-models").returncode == 0
    before = records(plugged, "fixed-share")
    for path, record in before.items():
        record["provenance"]["created"] = "2020-01-01T00:00:00+00:00"  # type: ignore[index]
        path.write_text(json.dumps(record), encoding="utf-8")
    halves = [plugged(*run, "--rerun", "--shard", f"{part}/2") for part in (1, 2)]
    assert [done.returncode for done in halves] == [0, 0], halves
    after = records(plugged, "fixed-share")
    assert list(after) == list(before)
    for path, record in after.items():
        assert record["result"] == before[path]["result"]
        assert record["provenance"]["created"] > "2020-02", "the record is a new one"  # type: ignore[index]
        assert not path.with_suffix(".model").exists(), "the predictor belonged to the record that was replaced"


def test_an_interrupted_rerun_keeps_the_record(
    plugged: Shell, mapped: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = (*RUN, *mapped, "--method", "fixed-share")
    assert plugged(*run).returncode == 0
    before = {path: path.read_bytes() for path in records(plugged, "fixed-share")}
    assert len(before) == 1
    monkeypatch.setenv("SECONDS_OF_FIT", "120")
    rerun = plugged.start(*run, "--rerun")
    deadline = time.monotonic() + 60
    while not any('"trial":1' in path.read_text() for path in plugged.folder.glob("results/local/.status-*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    rerun.send_signal(signal.SIGINT)
    assert rerun.wait(60) == 130
    assert {path: path.read_bytes() for path in records(plugged, "fixed-share")} == before


def test_the_same_from_python(
    tmp_path: Path, requests_file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    plugin, shares = tmp_path / "plugin_of_notebook.py", tmp_path / "shares_of_notebook.py"
    plugin.write_text(PLUGIN.replace("shares_of_mine", shares.stem).replace("fixed-share", "notebook-share"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(harness.__file__).parents[1]}")
    shares.write_text("SHARE = 0.5\n")

    def run(**more: bool) -> harness.Results:
        return harness.run(
            "notebook-share", requests_file, scenarios="random", seeds=1, trials=1, plugins=[plugin], progress=False,
            mapping={"payload": "raw", "label": "class", "group": "cve"}, results=tmp_path / "r", **more,
        )  # fmt: skip

    first = run().records[0]
    assert first.status == "done", first.failure
    assert run().records[0] == first
    (file,) = (tmp_path / "r").glob("*/*/*.json")
    written = file.stat().st_mtime_ns  # a rerun within the same second may take the same time
    assert run(rerun=True).records[0].key == first.key
    assert file.stat().st_mtime_ns > written
    shares.write_text("SHARE = 0.25\n")
    with pytest.warns(UserWarning, match="notebook-share: the plug-in .* changed since 1 record was made; it is stale"):
        edited = run().records[0]
    assert edited.key != first.key
    assert edited.status == "done", edited.failure
