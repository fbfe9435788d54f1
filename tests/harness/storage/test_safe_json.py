"""JSON is measured before it is parsed, and what the standard does not define is refused."""

import json

import pytest

from harness.storage import bounded, safe_json


@pytest.mark.parametrize("text", ["[]," * 1000, '{"": 0},' * 1000, "1000," * 3000, '"ab",' * 3000])
def test_json_that_takes_much_memory_is_refused(text: str) -> None:
    data = f"[{text}0]".encode()
    with pytest.raises(bounded.TooLarge, match=r"takes more than 48\.83 KiB of memory as JSON values"):
        safe_json.loads(data, 50_000)
    assert safe_json.loads(data) == json.loads(data)


def test_commas_and_brackets_within_strings_cost_nothing() -> None:
    value = {"a": '[,{\\",' * 5000, "b": "\\" * 301, "c": [1]}
    data = json.dumps(value).encode()
    assert safe_json.loads(data, 5 * len(data)) == value


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
        safe_json.loads(data)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[NaN]", "NaN is not a JSON number"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
        ('{"a": 1, "b": 2, "a": 3}', "it has the key a more than once"),
    ],
)
def test_values_that_readers_read_differently_are_refused_in_strict_reading_only(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        safe_json.loads(text)
    safe_json.loads(text, strict=False)
