"""Compressed files are unpacked within limits."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from harness.storage import bounded


def test_every_packing_is_found_by_its_content(tmp_path: Path) -> None:
    content = b"line\n" * 10_000
    several = lzma.compress(content[:500]) + bytes(8) + lzma.compress(content[500:])
    for number, data in enumerate((content, gzip.compress(content), bz2.compress(content), several)):
        path = tmp_path / str(number)
        path.write_bytes(data)
        with bounded.open_unpacked(path) as stream:
            assert stream.readline() == b"line\n"
            assert stream.read() == content[5:]
        if data != content:
            path.write_bytes(data[:-5])
            with pytest.raises(EOFError), bounded.open_unpacked(path) as stream:
                stream.read()


def test_a_file_within_the_limit_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(10))
    assert bounded.read(path, 10) == bytes(10)
    with pytest.raises(bounded.TooLarge, match="is larger than 9 bytes"):
        bounded.read(path, 9)
