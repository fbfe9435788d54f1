"""A saved predictor whose files were changed and whose hashes were computed anew is used safely or refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import UserError, registry
from harness.api.predictions import load_predictor
from harness.records import predictors
from harness.records.store import read
from harness.strategy import PairedMethod
from harness.testing import Subject
from tests.conftest import ROOT, Shell
from tests.security.mutations import change_array, change_json, reseal
from tests.security.rounds import FULL

CHANGES = 0 if FULL else 20  # of one method; 0 for all
registry.discover()


def methods() -> list[str]:
    """All methods that can be saved; in the normal rounds, the cheapest of most that share the code of loading."""
    infos = [i for i in registry.methods().values() if i.origin.startswith("harness.") and predictors.loadable(i)]
    if FULL:
        return [info.name for info in infos]
    chosen: dict[tuple[object, object, bool], str] = {}
    for info in sorted(infos, key=lambda i: (i.kind != "ranked", len(i.tags), i.name)):
        method = info.factory()
        by_loss = isinstance(method, PairedMethod) and method.by_loss
        kind = type(method.learner if isinstance(method, PairedMethod) else method)
        # Encoders take longer than all others together.
        if info.kind != "heavy" and "transformer" not in info.name and ":encoder" not in info.name:
            # On a tower, a loss of the strategy's own changes nothing of what is loaded.
            chosen.setdefault(
                (kind.load, getattr(kind, "tower", None), by_loss and kind.__name__ == "Ngrams"), info.name
            )
    return sorted(chosen.values())


@pytest.mark.parametrize("method", methods())
@pytest.mark.timeout(3600 if FULL else 600)
def test_every_change_is_predicted_with_or_refused(method: str, cache: Path) -> None:
    command = [sys.executable, "-m", "tests.security.load_changed_models", method, str(CHANGES)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # threads that wait for each other make small tensors slow
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-1:]} ended with {done.returncode}: {done.stderr[-2000:]}"
    outcomes = dict(zip(lines[::2], lines[1::2], strict=True))
    sentences = [sentence for outcome, sentence in outcomes.values() if outcome == "refused"]
    assert len(sentences) > len(outcomes) / 4
    for sentence in sentences:
        assert "\n" not in sentence
        assert not any(word in sentence for word in ("MemoryError", "allocate", "Traceback")), sentence


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory: pytest.TempPathFactory, cache: Path, requests_file: Path) -> Shell:
    """A run with saved predictors; tests copy it."""
    shell = Shell(tmp_path_factory.mktemp("saved_run"), cache)
    done = shell(
        *("run", "--method", "nearest-neighbor,tfidf-xgboost,byte-cnn", "--scenario", "random", "--trials", 1),
        *("--save-models", "--bench", f"files:{requests_file}", "--map", "payload=raw,label=class,group=cve"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return shell


def record_of(folder: Path, method: str) -> Path:
    return next(folder.glob(f"results/local/*/random/{method}-s0-*.json"))


def _array(name: str, index: int, value: float, file: str = "arrays") -> Callable[[Path], None]:
    def change(array: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        array = array.copy()
        array[index] = value
        return array

    return lambda folder: change_array(folder / f"{file}.safetensors", name, change)


def _value(file: str, *place: object) -> Callable[[Path], None]:
    *parents, value = place
    return lambda folder: change_json(folder / file, tuple(parents), value)


def _link(folder: Path) -> None:
    (folder / "values.json").rename(folder.parent / "elsewhere.json")
    (folder / "values.json").symlink_to(folder.parent / "elsewhere.json")


def _pipe(folder: Path) -> None:
    (folder / "values.json").unlink()
    os.mkfifo(folder / "values.json")


CRASHES = {  # would end the process, or never end
    "a cycle in a tree": (
        "tfidf-xgboost",
        _array("left_children", 1, 0, "trees"),
        "trees.safetensors: tree 0: a child's number",
    ),
    "a child outside its tree": (
        "tfidf-xgboost",
        _array("left_children", 0, 2**31 - 1, "trees"),
        "trees.safetensors: tree 0: a child's number",
    ),
    "a negative child": (
        "tfidf-xgboost",
        _array("right_children", 0, -(2**31), "trees"),
        "the array right_children has values from",
    ),
    "a column outside the table": (
        "tfidf-xgboost",
        _array("split_indices", 0, 2**30, "trees"),
        "the array split_indices has values from",
    ),
    "nodes of another tree": ("tfidf-xgboost", _array("sizes", 0, 2**31 - 1, "trees"), "the trees must have"),
    "a neighbour's column": ("nearest-neighbor", _array("columns", 0, 2**31 - 1), "the array columns has values from"),
    "a neighbour's end": ("nearest-neighbor", _array("ends", 5, 2**31 - 1), "the array ends must rise from 0"),
    "a pipe": ("nearest-neighbor", _pipe, "values.json is a link or a special file"),
}
REFUSED = {
    "2**60 hash columns": ("nearest-neighbor", _value("tfidf.json", "bits", 60), "bits is 60; it must be an integer"),
    "a link": ("nearest-neighbor", _link, "values.json is a link or a special file"),
    "a million classes": (
        "nearest-neighbor",
        _value("manifest.json", "classes", [f"c{i}" for i in range(10**6)]),
        "manifest.json is larger than 1 MiB",
    ),
    "other classes": (
        "nearest-neighbor",
        _value("manifest.json", "classes", ["a", "b", "c", "d"]),
        "manifest.json: classes differs from that of the record",
    ),
    "another device": ("nearest-neighbor", _value("manifest.json", "device", "meta"), "(device: "),
    "a billion channels": (
        "byte-cnn",
        _value("model.json", "tower", 1, "channels", 10**9),
        "model.json: tower/channels is 1000000000; it must be an integer from 64 to 256",
    ),
    "a billion bytes of stride": (
        "byte-cnn",
        _value("model.json", "tower", 1, "stride", 10**9),
        "model.json: tower/stride is 1000000000; it must be 1",
    ),
    "an encoder of the folder's choice": (
        "byte-cnn",
        _value("model.json", "tower", ["EncoderTop", {"dropout": 0.1, "name": "encoder", "trained": 1}]),
        "model.json: tower is 'EncoderTop'; it must be 'ByteCNN'",
    ),
    "a model of a hub": (
        "byte-cnn",
        _value("model.json", "tower", ["ByteImage", {"backbone": "hf-hub:example/m", "side": 32, "dropout": 0.1}]),
        "model.json: tower is 'ByteImage'; it must be 'ByteCNN'",
    ),
    "a trillion prototypes": (
        "byte-cnn",
        _value(
            "model.json",
            "scorer",
            ["Prototypes", {"width": 128, "size": 128, "count": 2**31, "classes": 4, "projected": False}],
        ),
        "scorer.safetensors: the array linear.bias is unknown",
    ),
}


def changed(saved_run: Shell, folder: Path, method: str, change: Callable[[Path], None]) -> Path:
    """The record in a copy of the run, whose saved predictor was changed."""
    shutil.copytree(saved_run.folder, folder)
    record = record_of(folder, method)
    change(record.with_suffix(".model"))
    reseal(record.with_suffix(".model"))
    return record


@pytest.mark.parametrize("attempt", list(CRASHES))
def test_what_would_crash_or_hang_ends_in_one_sentence(saved_run: Shell, tmp_path: Path, attempt: str) -> None:
    method, change, sentence = CRASHES[attempt]
    record = changed(saved_run, tmp_path / "copy", method, change)
    shell = Shell(tmp_path / "copy", saved_run.cache)
    done = shell("predict", "synthetic", "--record", record.stem[-16:], "--out", "lines.jsonl", timeout=120)
    assert done.returncode == 2, (done.returncode, done.stdout[-500:], done.stderr[-500:])
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (shell.folder / "lines.jsonl").exists()


@pytest.mark.parametrize("attempt", list(REFUSED))
def test_what_a_method_does_not_save_is_refused(saved_run: Shell, tmp_path: Path, attempt: str) -> None:
    method, change, sentence = REFUSED[attempt]
    record = changed(saved_run, tmp_path / "copy", method, change)
    with pytest.raises(UserError, match=re.escape(sentence)) as caught:
        load_predictor(str(record), tmp_path / "copy/results/local")
    assert len(str(caught.value).splitlines()) == 1


def test_the_files_behind_a_methods_name_are_those_of_the_record(saved_run: Shell) -> None:
    path = record_of(saved_run.folder, "nearest-neighbor")
    info, record = registry.method("nearest-neighbor"), read(path)
    predictors.restore_of_record(record, path.with_suffix(".model"), info)
    other = replace(info, content=lambda: {"encoder": "other weights"})
    with pytest.raises(UserError, match="with other files behind this name"):
        predictors.restore_of_record(record, path.with_suffix(".model"), other)


def test_owners_of_prototypes_are_classes(tmp_path: Path) -> None:
    import torch
    from harness.methods.neural import saved
    from harness.methods.neural.scorers import Prototypes
    from harness.methods.neural.training import TorchPredictor

    subject = Subject(registry.method("byte-cnn"))
    method, context = subject.info.factory(), subject.context()
    tower = method.learner.tower({"input": "raw", "channels": 64, "window": 4, "dropout": 0.1})  # type: ignore[attr-defined]
    scorer = Prototypes(64, 8, 3, 4, projected=True)
    scorer.set(torch.eye(3, 8), torch.tensor([0, 3, 2]))
    before = TorchPredictor(tower, scorer, context).predict_proba(subject.toy.test.payloads)
    saved.save(tmp_path, tower, scorer)
    assert np.array_equal(method.load(tmp_path, context).predict_proba(subject.toy.test.payloads), before)
    scorer.owner[1] = 4
    saved.save(tmp_path, tower, scorer)
    with pytest.raises(UserError, match=r"scorer.safetensors: the array owner has a class outside 0 to 3"):
        method.load(tmp_path, context)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_hidden_layers": 10**9}, "the number of layers must be from 0 to 512"),
        ({"vocab_size": 10**9}, "asks for 32000043200 parameters, but model.safetensors has"),
        ({"auto_map": {"AutoConfig": "code.C", "AutoModel": "code.M"}, "model_type": "own"}, "which the harness never"),
    ],
)
def test_an_encoder_of_anyone_runs_no_code_and_has_the_size_of_its_weights(
    change: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    from harness.methods.neural import encoders

    from tests.methods.test_encoders import small_encoder

    folder = small_encoder(tmp_path / "encoder", "bert")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
    marker = tmp_path / "marker"
    (folder / "code.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(UserError, match=sentence) as caught:
        encoders.load(str(folder))
    assert len(str(caught.value).splitlines()) == 1
    assert not marker.exists()
