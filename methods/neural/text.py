"""Converts payloads to text, and texts to token ids."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness import Payloads

MAX_TOKENS = 128


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
    head, _, body = payload.replace(b"\r\n", b"\n").partition(b"\n\n")
    line, _, headers = head.partition(b"\n")
    return b"\n".join(part for part in (line, body, headers) if part).decode("latin-1")


def tokenize(tokenizer_file: str, texts: list[str]) -> Ragged:
    """Returns the token ids of texts, int64, truncated to `MAX_TOKENS` including the closing token."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    offsets = np.zeros(len(ids) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in ids], out=offsets[1:])
    return Ragged(np.array([token for row in ids for token in row], dtype=np.int64), offsets)


def payload_texts(payloads: Payloads) -> list[str]:
    """Returns the text of every payload."""
    return [payload_text(payload) for payload in payloads]
