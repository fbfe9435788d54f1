"""MalConv in plain torch."""

import torch
from torch import nn


class PlainMalConv(nn.Module):
    """The textbook module: embedding, two convolutions, gate, maximum."""

    def __init__(self, embedding: int = 8, window: int = 16, stride: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(257, embedding, padding_idx=0)
        self.value, self.gate = (nn.Conv1d(embedding, 128, window, stride) for _ in range(2))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors = self.embed(ids).transpose(1, 2)
        return (self.value(vectors) * torch.sigmoid(self.gate(vectors))).amax(2)
