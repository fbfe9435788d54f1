"""JSON is measured before it is parsed; compressed files are unpacked within limits."""

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest

from harness.storage import bounded


@pytest.mark.parametrize("text", ["[]," * 1000, '{"": 0},' * 1000, "1000," * 3000, '"ab",' * 3000])
def test_json_that_takes_much_memory_is_refused(text: str) -> None:
    data = f"[{text}0]".encode()
    with pytest.raises(bounded.TooLarge, match=r"takes more than 48\.83 KiB of memory as JSON values"):
        bounded.load_json(data, 50_000)
    assert bounded.load_json(data) == json.loads(data)


def test_commas_and_brackets_within_strings_cost_nothing() -> None:
    value = {"a": '[,{\\",' * 5000, "b": "\\" * 301, "c": [1]}
    data = json.dumps(value).encode()
    assert bounded.load_json(data, 5 * len(data)) == value


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"[" * 10**5, "it is nested too deeply"),
        (b"9" * 5000, "it has an integer of more than 4300 digits"),
        (b'"\xff"', "it is not UTF-8"),
        (b"[1,", "Expecting value"),
    ],
)
def test_other_json_is_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        bounded.load_json(data)


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
