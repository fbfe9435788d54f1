"""Recognizes text in UTF-16 and UTF-32, with or without a byte order mark, and gives it as UTF-8."""

import codecs
import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MARKS = (  # that of UTF-32 first, since it begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Which of four bytes are zero in text that is mostly ASCII.
_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_SAMPLE_BYTES = 1024
_USUAL_SHARE = 0.9  # of the characters of a sample that must be ASCII
_BLOCK_BYTES = 2**16


def encoding_of(head: bytes) -> str:
    """Returns the codec of a text in UTF-16 or UTF-32; empty for any other content.

    Args:
        head: the first bytes of the text.
    """
    for mark, name in _MARKS:
        # FF FE 00 00 is the mark of UTF-32, or the mark of UTF-16 and a NUL, with which no text begins.
        if head.startswith(mark):
            return name
    sample = head[:_SAMPLE_BYTES]
    quarters = [sample[at::4] for at in range(4)]
    if len(sample) < 8:
        return ""
    zeros = [quarter.count(0) / len(quarter) for quarter in quarters]
    if any(1 - _USUAL_SHARE < share < _USUAL_SHARE for share in zeros):
        return ""
    return _ZEROS.get(tuple(share > 0.5 for share in zeros), "")


def as_utf8(head: bytes, encoding: str) -> bytes:
    """Returns the first bytes of a text as UTF-8, for a look at them; other bytes do not change."""
    if not encoding:
        return head
    text = head[: len(head) // 4 * 4].decode(encoding, "replace")
    return text.removeprefix("\ufeff").encode("utf-8", "replace")


def recoded(stream: IO[bytes], encoding: str) -> IO[bytes]:
    """Returns a stream of text in an encoding of `encoding_of` as one of UTF-8, without its byte order mark.

    Reading raises OSError at bytes that are not text in that encoding. A lone surrogate stays one.
    """
    return io.BufferedReader(_Recoded(stream, encoding), _BLOCK_BYTES)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._text = b""
        self._begins, self._ended = True, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._text and not self._ended:
            block = self._stream.read(_BLOCK_BYTES)
            self._ended = not block
            try:
                text = self._decoder.decode(block, final=self._ended)
            except UnicodeDecodeError as error:
                raise OSError(f"it is not text in {self._encoding.upper()} ({error.reason})") from error
            if self._begins and text:
                text, self._begins = text.removeprefix("\ufeff"), False
            self._text = text.encode("utf-8", "surrogatepass")
        piece, self._text = self._text[: len(target)], self._text[len(target) :]
        target[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
