"""Towers: modules that encode each payload as one vector."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from harness import Context, Payloads, byte_ngrams, input_forms

from . import encoders
from .encoders import MINILM, Encoder
from .inputs import ByteInputs, HiddenInputs, Inputs, NgramInputs, TokenInputs, first_bytes
from .text import payload_texts


class Tower(nn.Module):
    """A module from payloads to vectors.

    Every constructor has the argument ``input``: the form in which payloads are read (`harness.input_forms`).

    Attributes:
        width: width of the vectors.
        arguments: of the constructor, plain values, by which a saved tower is compared with that of its method.
    """

    width: int

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments

    def adapt(self, payloads: Payloads) -> None:
        """Sets what the tower takes from the training payloads before training, such as document frequencies."""

    def read(self, payloads: Payloads, context: Context) -> Inputs:
        """Returns payloads as inputs, whose batches are the arguments of `forward`."""
        return self.inputs(self.form(payloads), context)

    def form(self, payloads: Payloads) -> Payloads:
        """Returns payloads in the form that the tower reads."""
        return input_forms.apply(self.arguments["input"], payloads).payloads

    def inputs(self, payloads: Payloads, context: Context) -> Inputs:
        """Returns payloads, which are in the tower's form, as inputs."""
        raise NotImplementedError

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_] | None:
        """Returns which bytes of payloads, in the tower's form, are read, bool (bytes,); None if all are."""
        return None


class ByteCNN(Tower):
    """Gated convolution over bytes with a global maximum (Raff et al. 2018, arXiv 1710.09435), for short payloads.

    Args:
        embedding: width of a byte's embedding.
        channels: number of filters, and the width of the output.
        window: bytes per window.
        stride: bytes between the starts of consecutive windows.
        dropout: on the output.
        longest: later bytes are cut.
    """

    def __init__(
        self,
        embedding: int,
        channels: int,
        window: int,
        stride: int,
        dropout: float = 0.0,
        longest: int = 1024,
        input: str = "raw",
    ) -> None:
        super().__init__(
            embedding=embedding,
            channels=channels,
            window=window,
            stride=stride,
            dropout=dropout,
            longest=longest,
            input=input,
        )
        self.window, self.stride, self.width, self.longest = window, stride, channels, longest
        self.embed = nn.Embedding(257, embedding, padding_idx=0)
        self.filters = nn.Linear(window * embedding, 2 * channels)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> ByteInputs:
        """See `Tower.inputs`."""
        return ByteInputs(payloads, self.longest, shortest=self.window)

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return first_bytes(payloads, self.longest)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, channels) from byte ids (n, width) with width >= window.

        The last window is the first one that reaches the payload's end, so that the result does not depend on the
        other payloads of the batch. Padding is embedded as zero vectors.

        The maximum has a gradient only in the window where it is reached. So the windows are searched without one, and
        the response is computed again in those alone (Raff et al. 2021, arXiv 2012.09390).
        """
        ids = functional.pad(ids, (0, self.stride - 1))
        with torch.no_grad():
            best = self._best_windows(ids, mask)
        # Without the row of the padding, so that it gets no gradient.
        embedding = torch.cat((torch.zeros_like(self.embed.weight[:1]), self.embed.weight[1:]))
        at = self.stride * best[:, :, None] + torch.arange(self.window, device=ids.device)
        chosen = ids.gather(1, at.flatten(1)).flatten()
        windows = embedding.index_select(0, chosen).view(len(ids), self.width, -1)
        weight, bias = self.filters.weight.view(2, self.width, -1), self.filters.bias.view(2, self.width)
        value, gate = torch.einsum("nci,kci->knc", windows, weight) + bias[:, None]
        return cast(torch.Tensor, self.dropout(value * torch.sigmoid(gate)))

    def _best_windows(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns the number of the window in which each filter responds most, int64 (n, channels)."""
        vectors = self.embed(ids)
        n, width, depth = vectors.shape
        steps = (width - self.window) // self.stride + 1
        strides = (width * depth, self.stride * depth, 1)
        # A view of overlapping windows, without a copy; one matrix product then replaces a convolution.
        windows = vectors.as_strided((n, steps, self.window * depth), strides)
        value, gate = self.filters(windows).chunk(2, dim=-1)
        last = -(-(mask.sum(dim=1) - self.window).clamp(min=0) // self.stride)
        beyond = torch.arange(steps, device=ids.device) > last[:, None]
        features = torch.sigmoid(gate).mul_(value).masked_fill_(beyond[:, :, None], -torch.inf)
        # Two-dimensional pooling has a fast loop for channels in the last place; argmax takes ten times as long.
        pooled = functional.adaptive_max_pool2d(features.transpose(1, 2)[:, :, None], (1, 1), return_indices=True)
        return pooled[1].flatten(1)


class AttentionBlock(nn.Module):
    """A pre-norm transformer layer on torch's fused attention, which keeps no (tokens, tokens) matrix in memory."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.project, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.feed = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Returns (n, tokens, size) from the same; ``valid`` is bool (n, tokens)."""
        n, steps, size = hidden.shape
        parts = self.project(self.before(hidden)).view(n, steps, 3, self.heads, size // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=valid[:, None, None])
        hidden = hidden + self.dropout(self.out(attended.transpose(1, 2).reshape(n, steps, size)))
        return cast(torch.Tensor, hidden + self.dropout(self.feed(self.between(hidden))))


class ByteTransformer(Tower):
    """A small transformer over patches of bytes, trained from scratch: gated patch embedding, layers, global maximum.

    Layers are pre-norm (Xiong et al. 2020, arXiv 2002.04745) without a final normalisation, so that the embedding of a
    single patch can reach the maximum; patches as in Yu et al. 2023 (arXiv 2305.07185).

    Args:
        size: width of the vectors.
        depth: number of layers.
        patch: bytes per patch.
        stride: bytes between the starts of consecutive patches; short, since an attack may begin anywhere.
        dropout: in the layers and on the output.
        longest: later bytes are cut.
    """

    HEADS, BYTE = 4, 16

    def __init__(
        self,
        size: int,
        depth: int,
        patch: int,
        stride: int = 2,
        dropout: float = 0.0,
        longest: int = 1024,
        input: str = "raw",
    ) -> None:
        super().__init__(
            size=size, depth=depth, patch=patch, stride=stride, dropout=dropout, longest=longest, input=input
        )
        self.width, self.patch, self.stride, self.longest = size, patch, stride, longest
        self.embed = nn.Embedding(257, self.BYTE, padding_idx=0)
        self.project = nn.Linear(patch * self.BYTE, 2 * size)
        self.position = nn.Parameter(torch.randn(-(-longest // stride), size) * 0.02)
        self.layers = nn.ModuleList(AttentionBlock(size, self.HEADS, dropout) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> ByteInputs:
        """See `Tower.inputs`."""
        return ByteInputs(payloads, self.longest)

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return first_bytes(payloads, self.longest)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, size) from byte ids (n, width): the maximum over patches."""
        vectors = self.embed(functional.pad(ids, (0, self.patch)))  # padded so that the last patch is complete too
        n, width, depth = vectors.shape
        valid = mask[:, :: self.stride].clone()
        steps = valid.shape[1]
        strides = (width * depth, self.stride * depth, 1)
        patches = vectors.as_strided((n, steps, self.patch * depth), strides)
        valid[:, 0] = True  # an empty payload keeps one patch; attention and maximum over none give NaN and -inf
        value, gate = self.project(patches).chunk(2, dim=-1)
        hidden = value * torch.sigmoid(gate) + self.position[:steps]
        for layer in self.layers:
            hidden = layer(hidden, valid)
        return cast(torch.Tensor, self.dropout(hidden.masked_fill(~valid[:, :, None], -torch.inf).amax(dim=1)))


class EncoderTop(Tower):
    """The trained upper layers of an encoder on the activations of its frozen trunk, mean-pooled."""

    def __init__(self, dropout: float = 0.0, name: str = MINILM, trained: int = 1, input: str = "raw") -> None:
        super().__init__(dropout=dropout, name=name, trained=trained, input=input)
        self.encoder = Encoder(name, trained)
        model = encoders.load(name)
        self.layers = encoders.layers_of(model, name)[-trained:]
        self.width = encoders.width(model)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> HiddenInputs:
        """See `Tower.inputs`; the trunk's activations are a shared step."""
        return HiddenInputs(encoders.trunk_of_payloads(self.encoder, payloads, context), context.device)

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return encoders.read_bytes(self.encoder, payloads)

    def read_texts(self, texts: tuple[str, ...], context: Context) -> HiddenInputs:
        """Returns texts as inputs, whose batches are the arguments of `forward`."""
        return HiddenInputs(encoders.trunk_of_texts(self.encoder, texts, context), context.device)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, width) from activations (n, tokens, width)."""
        out = encoders.run_layers(self.layers, hidden, mask)
        return cast(torch.Tensor, self.dropout(encoders.mean_pool(out, mask)))


class SideNetwork(Tower):
    """A narrow transformer beside a frozen encoder, on its embeddings and a lower layer's output, with a maximum.

    After ladder side-tuning (Sung et al. 2022, arXiv 2206.06522): nothing is propagated back through the encoder, so
    that training costs a small part of fine-tuning. The maximum over tokens, in place of the mean, lets a few tokens
    of an attack decide.

    Args:
        dropout: in the layer and on the output.
        name: the encoder.
        size: width of the network.
        depth: number of its layers.
    """

    HEADS = 4

    def __init__(
        self, dropout: float = 0.0, name: str = MINILM, size: int = 96, depth: int = 1, input: str = "raw"
    ) -> None:
        super().__init__(dropout=dropout, name=name, size=size, depth=depth, input=input)
        self.encoder = Encoder(name, 0)
        model = encoders.load(name)
        self.width = encoders.width(model)
        self.taps = len(encoders.taps(len(encoders.layers_of(model, name)), 0))
        self.norms = nn.ModuleList(nn.LayerNorm(self.width) for _ in range(self.taps))
        self.down = nn.ModuleList(nn.Linear(self.width, size) for _ in range(self.taps))
        self.layers = nn.ModuleList(AttentionBlock(size, self.HEADS, dropout) for _ in range(depth))
        self.final, self.up = nn.LayerNorm(size), nn.Linear(size, self.width)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> HiddenInputs:
        """See `Tower.inputs`; the activations are a shared step."""
        return HiddenInputs(encoders.trunk_of_payloads(self.encoder, payloads, context), context.device)

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return encoders.read_bytes(self.encoder, payloads)

    def forward(self, activations: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, width) from the activations of all taps, side by side, (n, tokens, taps * width)."""
        parts = activations.chunk(self.taps, dim=-1)
        hidden = sum(down(norm(part)) for part, norm, down in zip(parts, self.norms, self.down, strict=True))
        for layer in self.layers:
            hidden = layer(hidden, mask)
        # Every text has a first and a last token, so that no maximum is over nothing.
        top = self.final(hidden).masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)
        return cast(torch.Tensor, self.dropout(self.up(top)))


class WholeEncoder(Tower):
    """A whole encoder, trained including its embeddings, mean-pooled."""

    def __init__(self, dropout: float = 0.0, name: str = MINILM, input: str = "raw") -> None:
        super().__init__(dropout=dropout, name=name, input=input)
        self.encoder = Encoder(name, None)
        self.model = encoders.load(name)
        self.width = encoders.width(self.model)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> TokenInputs:
        """See `Tower.inputs`."""
        return TokenInputs(encoders.tokens(self.encoder, payload_texts(payloads)))

    def reads(self, payloads: Payloads) -> npt.NDArray[np.bool_]:
        """See `Tower.reads`."""
        return encoders.read_bytes(self.encoder, payloads)

    def read_texts(self, texts: tuple[str, ...], context: Context) -> TokenInputs:
        """Returns texts as inputs, whose batches are the arguments of `forward`."""
        return TokenInputs(encoders.tokens(self.encoder, list(texts)))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns (n, width) from token ids (n, tokens)."""
        out = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return cast(torch.Tensor, self.dropout(encoders.mean_pool(out, mask)))


class NgramBag(Tower):
    """A bag of hashed byte n-grams: the weighted sum of their vectors (fastText, Joulin et al. 2017, arXiv 1607.01759).

    Args:
        size: width of the vectors.
        longest: bytes of the longest n-gram.
        dropout: on the output.
        bits: log2 of the number of hash buckets.
    """

    def __init__(
        self, size: int = 128, longest: int = 5, dropout: float = 0.0, bits: int = 15, input: str = "raw"
    ) -> None:
        super().__init__(size=size, longest=longest, dropout=dropout, bits=bits, input=input)
        self.width, self.longest, self.bits = size, longest, bits
        self.bag = nn.EmbeddingBag(2**bits, size, mode="sum")
        nn.init.normal_(self.bag.weight, std=size**-0.5)
        self.dropout = nn.Dropout(dropout)

    def inputs(self, payloads: Payloads, context: Context) -> NgramInputs:
        """See `Tower.inputs`."""
        return NgramInputs(payloads, self.longest, self.bits)

    def forward(self, buckets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Returns (n, size) from bucket numbers and their weights, both (n, n-grams)."""
        return cast(torch.Tensor, self.dropout(self.bag(buckets, per_sample_weights=weights)))


class HashedNgrams(Tower):
    """TF-IDF over hashed byte n-grams as one wide vector, so that a linear classifier on it is linear in the n-grams.

    Args:
        longest: bytes of the longest n-gram.
        input: form of the payloads.
        bits: log2 of the number of hash buckets, the width of the vectors.
    """

    idf: torch.Tensor

    def __init__(self, longest: int = 4, input: str = "raw", bits: int = 16) -> None:
        super().__init__(longest=longest, input=input, bits=bits)
        self.width, self.longest, self.bits = 2**bits, longest, bits
        self.register_buffer("idf", torch.ones(self.width))

    def adapt(self, payloads: Payloads) -> None:
        """Sets the inverse document frequencies, smoothed as in scikit-learn's TfidfTransformer."""
        counts = byte_ngrams.hashed_counts(self.form(payloads), 1, self.longest, self.bits)
        rows = torch.from_numpy(np.bincount(counts.indices, minlength=self.width))
        self.idf.copy_(torch.log((1 + len(payloads)) / (1.0 + rows)) + 1)

    def inputs(self, payloads: Payloads, context: Context) -> NgramInputs:
        """See `Tower.inputs`."""
        return NgramInputs(payloads, self.longest, self.bits)

    def forward(self, buckets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Returns (n, 2**bits) from bucket numbers and their weights, both (n, n-grams)."""
        # A bucket occurs once per row, so that the length of the vector is that of its n-grams' weights.
        values = functional.normalize(weights * self.idf[buckets], dim=1)
        return values.new_zeros(len(buckets), self.width).scatter_add_(1, buckets, values)
