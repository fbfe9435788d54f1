"""Hostile YAML is rejected before any object is built; other YAML loads."""

import pytest

from harness.sources import safe_yaml


def laughs(levels: int) -> bytes:
    lines = ['a0: &a0 ["lol"]']
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines).encode()


def test_plain_documents_and_few_aliases_load() -> None:
    document = b"a: &x {b: [1, 2]}\nc: *x\nd: |\n  GET / HTTP/1.1\n  Host: h\n"
    assert safe_yaml.load(document) == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": "GET / HTTP/1.1\nHost: h\n"}
    assert safe_yaml.load(laughs(3))["a2"][0][0] == ["lol"]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (laughs(12), "aliases expand to"),
        (b"a: &a {<<: *a}", "aliases expand to"),
        (b"[" * 100_000, "nested deeper"),
        (b"- " * 50_000 + b"x", "nested deeper"),
        (b"{a: " * 20_000, "nested deeper"),
        (b"a: &a " + b"x" * 10**6 + b"\nb: [" + b"*a," * 100 + b"]", "million characters"),
        (b"a: [", "not readable"),
        (b"a: 1\n---\nb: 2\n", "not readable"),
        (b"\xff\xfe\x00\xd8", "not readable"),
        (b"? [a]\n: b", "not readable"),
        (b"a: 2021-13-45", "month"),
        (b"a: !!timestamp foo", "not readable"),
        (b"a: !!int ''", "not readable"),
        (b"a: !!float ''", "not readable"),
        (b"a: !!bool maybe", "not readable"),
        (b"a: !!binary '\xc3\xa4'", "not readable"),
        (b"a: !!python/object/apply:os.system [id]", "not readable"),
    ],
)
def test_hostile_or_broken_documents_are_refused(document: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        safe_yaml.load(document)
