"""A plain training loop over a tower, and the payloads for it."""

import time

import numpy as np
import torch
from harness.methods.neural.inputs import ByteInputs
from harness.methods.neural.training import batches
from torch import nn
from torch.nn import functional

from harness import Payloads


def payloads_of_512_bytes(count: int) -> tuple[Payloads, np.ndarray]:
    """Random bytes, and random labels of eleven classes."""
    rng = np.random.default_rng(0)
    payloads = Payloads(rng.integers(0, 256, 512 * count).astype(np.uint8), np.arange(count + 1, dtype=np.int64) * 512)
    return payloads, rng.integers(11, size=count)


def epoch(tower: nn.Module, inputs: ByteInputs, labels: np.ndarray) -> float:
    """Seconds of one epoch of cross-entropy training, data included."""
    head = nn.Linear(128, 11)
    optimizer = torch.optim.AdamW([*tower.parameters(), *head.parameters()], lr=1e-3)
    targets = torch.from_numpy(labels)
    tower.train()
    began = time.perf_counter()
    for rows in batches(inputs.lengths, 32, np.random.default_rng(0)):
        loss = functional.cross_entropy(head(tower(*inputs.batch(rows))), targets[torch.from_numpy(rows)])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return time.perf_counter() - began
