"""Converts payloads to text, and texts to token ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import Payloads

# A request of `synthetic` has 118 tokens on average as fields. Of its attacks' bytes 1.6 % are cut at 128 tokens, and
# 0.02 % at 192, for 8 % more tokens.
MAX_TOKENS = 192
_BLANK_LINE, _LINE_END = re.compile(rb"\r?\n\r?\n"), re.compile(rb"\r?\n")


@dataclass(frozen=True)
class Ragged:
    """n sequences of different lengths in one array.

    Attributes:
        values: (total, ...), the concatenated sequences.
        offsets: int64 (n + 1,), where each sequence begins, and the end of the last.
    """

    values: npt.NDArray[np.generic]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of each sequence, int64 (n,)."""
        return np.diff(self.offsets)


def payload_text(payload: bytes) -> str:
    """Returns a payload as text: request line, body, then headers, so that a cut at `MAX_TOKENS` loses least.

    Bytes are decoded as Latin-1. A payload that is not a request is returned unchanged.
    """
    return b"\n".join(payload[start:end] for start, end in _reading_order(payload)).decode("latin-1")


def _reading_order(payload: bytes) -> list[tuple[int, int]]:
    """Returns where request line, body and headers are in a payload, in this order, without those that are empty."""
    blank = _BLANK_LINE.search(payload)
    head, body = blank.span() if blank else (len(payload), len(payload))
    line = _LINE_END.search(payload, 0, head)
    end, headers = line.span() if line else (head, head)
    return [(a, b) for a, b in ((0, end), (body, len(payload)), (headers, head)) if a < b]


def tokenize(tokenizer_file: str, texts: list[str], limit: int = MAX_TOKENS) -> Ragged:
    """Returns the token ids of texts, int64, truncated to ``limit`` including the closing token."""
    ids = [encoding.ids for encoding in _encoded(tokenizer_file, texts, limit)]
    offsets = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in ids], out=offsets[1:])
    return Ragged(np.array([token for row in ids for token in row], dtype=np.int64), offsets)


def read_bytes(tokenizer_file: str, payloads: Payloads) -> npt.NDArray[np.bool_]:
    """Returns which bytes of payloads come before the cut at `MAX_TOKENS` in their texts, bool (bytes,)."""
    mask = np.zeros(len(payloads.data), dtype=np.bool_)
    for number, encoding in enumerate(_encoded(tokenizer_file, payload_texts(payloads), MAX_TOKENS)):
        # The last token is the closing one. What follows the one before it was cut, if anything was.
        left = encoding.offsets[-2][1] if encoding.overflowing else len(payloads.data)
        first = payloads.offsets[number]
        for start, end in _reading_order(payloads[number]):
            mask[first + start : first + min(end, start + max(left, 0))] = True
            left -= end - start + 1  # the line end between two parts
    return mask


def _encoded(tokenizer_file: str, texts: list[str], limit: int) -> Iterator[Any]:
    """Yields the encodings of texts, truncated to ``limit`` tokens including the closing one."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    yield from tokenizer.encode_batch(texts)


def payload_texts(payloads: Payloads) -> list[str]:
    """Returns the text of every payload."""
    return [payload_text(payload) for payload in payloads]
