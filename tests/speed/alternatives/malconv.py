"""MalConv in plain torch."""

import torch
from torch import nn


class PlainMalConv(nn.Module):
    """The textbook module of the same sizes: embedding, two convolutions, gate, maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(257, 8, padding_idx=0)
        self.value, self.gate = nn.Conv1d(8, 128, 16, 8), nn.Conv1d(8, 128, 16, 8)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors = self.embed(ids).transpose(1, 2)
        return (self.value(vectors) * torch.sigmoid(self.gate(vectors))).amax(2)
