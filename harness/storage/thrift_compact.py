"""Reads structs in Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages.

See https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from typing import Any

_MAX_DEPTH = 16  # of structs within each other
_MAX_STRUCTS = 2_000_000  # in a text; a footer of 16 MiB has fewer


class CompactReader:
    """Reads values one after the other.

    Attributes:
        position: of the next byte.

    Raises:
        IndexError: the data end within a value.
        ValueError: the data are damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self.position = data, 0
        self._structs = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Returns the values of a struct by field id: numbers, structs and lists of structs; None for all others."""
        self._structs += 1
        if depth > _MAX_DEPTH or self._structs > _MAX_STRUCTS:
            raise ValueError("its structs are nested too deeply, or too many")
        fields: dict[int, Any] = {}
        field = 0
        while byte := self._byte():
            field = field + (byte >> 4) if byte >> 4 else self._zigzag()
            kind = byte & 0x0F
            fields[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind in (7, 8):
            return self._skip(8 if kind == 7 else self._varint())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"a value has the unknown type {kind}")

    def _list(self, depth: int) -> list[dict[int, Any]] | None:
        byte = self._byte()
        size = byte >> 4 if byte >> 4 < 15 else self._varint()
        if byte & 0x0F == 12:
            return [self.struct(depth + 1) for _ in range(size)]
        for _ in range(size):
            self._value(byte & 0x0F, depth + 1)
        return None

    def _skip(self, size: int) -> None:
        self.position += size
        if self.position > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number has more than 64 bits")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
