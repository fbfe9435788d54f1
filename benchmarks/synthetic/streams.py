"""Strict readers of PHP's and Java's serialized data: every length must be exact, to the last byte."""

import re
from collections.abc import Callable

_JAVA_MAGIC = b"\xac\xed\x00\x05"
_PRIMITIVES = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}


def php(data: bytes) -> str | None:
    """Returns None if `data` is one serialized PHP value or a session's list of ``name|value`` pairs, or why not."""
    reader, at = _Php(data), 0
    try:
        session_name = re.compile(rb"[A-Za-z_]\w*\|")
        match = session_name.match(data)
        at = reader.value(match.end() if match else 0)
        while match and (match := session_name.match(data, at)):
            at = reader.value(match.end())
    except ValueError as error:
        return f"not serialized PHP data: {error}"
    if at != len(data):
        return f"{len(data) - at} bytes follow the serialized PHP data"
    return None


class _Php:
    """Recursive descent parser of PHP's serialize() format; each method takes an offset and returns the next one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def value(self, at: int) -> int:
        """Reads one value and returns the offset of its end."""
        kind = self._data[at : at + 2]
        if scalar := re.compile(
            rb"N;|b:[01];|i:[+-]?\d+;|d:[+-]?(?:\d+(?:\.\d+)?(?:E[+-]?\d+)?|INF|NAN);|[rR]:\d+;"
        ).match(self._data, at):
            return scalar.end()
        if kind in (b"s:", b"S:", b"E:"):
            return self._expect(b";", self._text(at + 2, kind == b"S:"))
        if kind == b"a:":
            count, at = self._count(at + 2)
            return self._pairs(count, at)
        if kind == b"O:":
            count, at = self._count(self._expect(b":", self._text(at + 2, False)))
            return self._pairs(count, at)
        if kind == b"C:":
            length, at = self._count(self._expect(b":", self._text(at + 2, False)))
            return self._expect(b"}", self._expect(b"{", at) + length)
        raise ValueError(f"no value at byte {at}")

    def _pairs(self, count: int, at: int) -> int:
        at = self._expect(b"{", at)
        for _ in range(count):
            if self._data[at : at + 1] not in b"isS":
                raise ValueError(f"no key at byte {at}")
            at = self.value(self.value(at))
        return self._expect(b"}", at)

    def _count(self, at: int) -> tuple[int, int]:
        if not (match := re.compile(rb"\+?(\d+):").match(self._data, at)):
            raise ValueError(f"no length at byte {at}")
        return int(match[1]), match.end()

    def _text(self, at: int, escaped: bool) -> int:
        length, at = self._count(at)
        at = self._expect(b'"', at)
        for _ in range(length):
            at += 3 if escaped and self._data[at : at + 1] == b"\\" else 1
        return self._expect(b'"', at)

    def _expect(self, token: bytes, at: int) -> int:
        if self._data[at : at + len(token)] != token:
            raise ValueError(f"no {token.decode()} at byte {at}")
        return at + len(token)


def java(data: bytes) -> str | None:
    """Returns None if `data` is a Java serialization stream (protocol version 5) with valid lengths and handles, or why
    not.
    """
    if not data.startswith(_JAVA_MAGIC):
        return "no Java stream header"
    reader = _Java(data)
    try:
        while reader.at < len(data):
            reader.content()
    except (ValueError, IndexError) as error:
        return f"not a Java stream: {error}"
    return None if reader.at == len(data) > len(_JAVA_MAGIC) else "the Java stream is truncated"


class _ClassDescription:
    """A class: its flags, fields and parent."""

    def __init__(self, flags: int, fields: list[str], parent: "_ClassDescription | None") -> None:
        self.flags, self.fields, self.parent = flags, fields, parent


class _Java:
    """Recursive descent parser of the grammar in the Java Object Serialization Specification, chapter 6."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at, self._handles = data, len(_JAVA_MAGIC), list[object]()

    def content(self) -> object:
        """Reads one content element and returns the object that a handle refers to."""
        tag = self._number(1)
        readers: dict[int, Callable[[], object]] = {
            0x70: lambda: None, 0x71: self._reference, 0x73: self._object, 0x74: lambda: self._string(2),
            0x75: self._array, 0x76: self._class, 0x77: lambda: self._take(self._number(1)),
            0x7C: lambda: self._string(8), 0x7E: self._enum,
        }  # fmt: skip
        if tag in (0x72, 0x7D):
            self.at -= 1
            return self._description()
        if tag not in readers:
            raise ValueError(f"unknown tag {tag:#x} at byte {self.at - 1}")
        return readers[tag]()

    def _take(self, size: int) -> bytes:
        if self.at + size > len(self._data):
            raise ValueError(f"a length runs past the end at byte {self.at}")
        self.at += size
        return self._data[self.at - size : self.at]

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _string(self, size: int) -> str:
        text = self._take(self._number(size)).decode()
        self._handles.append(text)
        return text

    def _reference(self) -> object:
        return self._handles[self._number(4) - 0x7E0000]

    def _description(self) -> _ClassDescription | None:
        tag = self._number(1)
        if tag == 0x70:
            return None
        if tag == 0x71:
            target = self._reference()
            if not isinstance(target, _ClassDescription):
                raise ValueError("a reference to something other than a class")
            return target
        if tag != 0x72:
            raise ValueError(f"no class at byte {self.at - 1}")
        name = self._take(self._number(2)).decode()
        if not re.fullmatch(r"[\w.$\[;]+", name):
            raise ValueError(f"not a class name: {name!r}")
        self._take(8)
        description = _ClassDescription(0, [], None)
        self._handles.append(description)
        description.flags = self._number(1)
        for _ in range(self._number(2)):
            kind = chr(self._number(1))
            self._take(self._number(2)).decode()
            if kind in "[L":
                self.content()
            elif kind not in _PRIMITIVES:
                raise ValueError(f"not a field type: {kind!r}")
            description.fields.append(kind)
        description.fields.append(name)  # the last element: an array reads its element type from it
        self._annotations()
        description.parent = self._description()
        return description

    def _annotations(self) -> None:
        while self._data[self.at] != 0x78:
            self.content()
        self.at += 1

    def _object(self) -> None:
        description = self._description()
        if description is None:
            raise ValueError("an object without a class")
        self._handles.append(object())
        chain = []
        while description is not None:
            chain.append(description)
            description = description.parent
        for part in reversed(chain):
            if part.flags & 2:
                for kind in part.fields[:-1]:
                    self._value(kind)
            if (part.flags & 2 and part.flags & 1) or part.flags & 4:
                self._annotations()

    def _value(self, kind: str) -> None:
        if kind in _PRIMITIVES:
            self._take(_PRIMITIVES[kind])
        else:
            self.content()

    def _array(self) -> None:
        description = self._description()
        if description is None:
            raise ValueError("an array without a class")
        self._handles.append(object())
        for _ in range(self._number(4)):
            self._value(description.fields[-1][1:2])

    def _class(self) -> None:
        self._description()
        self._handles.append(object())

    def _enum(self) -> None:
        self._description()
        self._handles.append(object())
        if not isinstance(self.content(), str):
            raise ValueError("an enum constant without a name")
