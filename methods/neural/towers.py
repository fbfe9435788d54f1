"""Towers: modules from a padded batch and its mask to one vector per payload."""

from typing import cast

import torch
from torch import nn

from methods.neural import minilm


class ByteCNN(nn.Module):
    """Gated convolution over bytes with a global maximum (Raff et al. 2018, arXiv 1710.09435), for short payloads.

    Args:
        embedding: width of a byte's vector.
        channels: filters, and the width of the output.
        window: bytes a filter sees.
        stride: bytes from one window to the next.
        dropout: on the output.
    """

    def __init__(self, embedding: int, channels: int, window: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.window, self.stride, self.width = window, stride, channels
        self.embed = nn.Embedding(257, embedding, padding_idx=0)
        self.filters = nn.Linear(window * embedding, 2 * channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, channels) from byte ids (n, width) with width >= window; padding reads as zero vectors."""
        vectors = self.embed(ids)
        n, width, depth = vectors.shape
        steps = (width - self.window) // self.stride + 1
        strides = (width * depth, self.stride * depth, 1)
        windows = vectors.as_strided((n, steps, self.window * depth), strides)  # a view: no byte is copied
        value, gate = self.filters(windows).chunk(2, dim=-1)
        features = value * torch.sigmoid(gate)
        return cast(torch.Tensor, self.dropout(features.amax(dim=1)))


class MiniLMTop(nn.Module):
    """The trained layers of MiniLM over its frozen trunk's activations, mean-pooled."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = minilm.load().encoder.layer[-minilm.TRAINED_LAYERS :]
        self.width = minilm.WIDTH
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, `minilm.WIDTH`) from activations (n, tokens, `minilm.WIDTH`)."""
        out = minilm.run_layers(self.layers, hidden, mask)
        return cast(torch.Tensor, self.dropout(minilm.mean_pool(out, mask)))
