"""The tower of `byte-image`, in a module of its own so that only this method imports timm."""

from typing import cast

import numpy as np
import numpy.typing as npt
import timm
import torch
from torch import nn

from harness import Context, Payloads

from .inputs import ByteInputs, first_bytes
from .towers import Tower


class ByteImage(Tower):
    """A timm backbone without pretrained weights that reads bytes as grey values of a square image, row by row.

    Pixels after the end of the payload are black.

    Args:
        backbone: timm's name of the model.
        side: pixels; the first ``side ** 2`` bytes are read.
        dropout: on the output.
    """

    def __init__(self, backbone: str, side: int, dropout: float = 0.0, input: str = "raw") -> None:
        super().__init__(backbone=backbone, side=side, dropout=dropout, input=input)
        self.side = side
        # Group instead of batch normalisation: a batch may hold a single payload.
        self.model = timm.create_model(
            backbone,
            pretrained=False,
            in_chans=1,
            num_classes=0,
            norm_layer=lambda n, **more: nn.GroupNorm(16, n, **more),
        )
        self.width = cast(int, self.model.num_features)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> ByteInputs:
        """See `Tower.inputs`."""
        return ByteInputs(payloads, self.side**2, shortest=self.side**2)

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return first_bytes(payloads, self.side**2)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, width) from byte ids (n, side * side)."""
        image = (ids.float() / 256).reshape(-1, 1, self.side, self.side)
        return cast(torch.Tensor, self.dropout(self.model(image)))
