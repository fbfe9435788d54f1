"""Reads Universal Binary JSON (https://ubjson.org), in which XGBoost saves its models, from untrusted bytes."""

from typing import Any

import numpy as np

_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_MAX_DEPTH = 32  # of nested lists and objects; XGBoost's models have 7


def parse(content: bytes) -> Any:
    """Returns the value of a document; arrays of one type of numbers become NumPy arrays.

    The result is not larger than a small multiple of the content, since every length is compared with the bytes that
    follow it.

    Raises:
        ValueError: the content is not one complete document.
    """
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(content):
        raise ValueError(f"{len(content) - reader.at} bytes follow the end of the document")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._content) - self.at:
            raise ValueError(f"a length of {count} at byte {self.at} exceeds the document")
        self.at += count
        return self._content[self.at - count : self.at]

    def value(self, marker: bytes, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError(f"values are nested deeper than {_MAX_DEPTH} levels")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._list(depth)
        if marker == b"S":
            return self._string()
        if marker in _NUMBERS:
            return self._numbers(marker, 1)[0].item()
        if marker in (b"T", b"F"):
            return marker == b"T"
        raise ValueError(f"unknown type {marker!r} at byte {self.at - 1}")

    def _length(self) -> int:
        marker = self.take(1)
        if marker not in (b"i", b"U", b"I", b"l", b"L"):
            raise ValueError(f"a length of type {marker!r} at byte {self.at - 1}")
        return int(self._numbers(marker, 1)[0])

    def _numbers(self, marker: bytes, count: int) -> "np.ndarray[Any, Any]":
        dtype = np.dtype(_NUMBERS[marker])
        values = np.frombuffer(self.take(count * dtype.itemsize), dtype)
        return values.astype(dtype.newbyteorder("="))

    def _string(self) -> str:
        return self.take(self._length()).decode("utf-8")

    def _object(self, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while self._content[self.at : self.at + 1] != b"}":
            name = self._string()
            if name in out:
                raise ValueError(f"two values have the name {name!r}")
            out[name] = self.value(self.take(1), depth + 1)
        self.take(1)
        return out

    def _list(self, depth: int) -> Any:
        marker = b""
        if self._content[self.at : self.at + 1] == b"$":
            marker = self.take(2)[1:]
            if marker not in _NUMBERS:
                raise ValueError(f"a list of type {marker!r} at byte {self.at - 1}")
        if self._content[self.at : self.at + 1] == b"#":
            self.take(1)
            count = self._length()
            if marker:
                return self._numbers(marker, count)
            if count > len(self._content) - self.at:
                raise ValueError(f"a list of {count} values at byte {self.at} exceeds the document")
            return [self.value(self.take(1), depth + 1) for _ in range(count)]
        out = []
        while self._content[self.at : self.at + 1] != b"]":
            out.append(self.value(self.take(1), depth + 1))
        self.take(1)
        return out
