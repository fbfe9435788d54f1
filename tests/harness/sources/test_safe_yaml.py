"""Hostile YAML is rejected before any object is built; other YAML loads."""

import re

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


def test_a_key_replaces_that_of_a_merged_mapping() -> None:
    document = b"x: &x {k: 1, j: 2}\nb: &b {<<: *x, k: 3}\nc: {<<: *b, k: 4}\nd: *b\ne: {<<: [*x, *b], j: 1}\n"
    own = {"x": {"k": 1, "j": 2}, "b": {"k": 3, "j": 2}, "c": {"k": 4, "j": 2}, "e": {"k": 1, "j": 1}}
    assert safe_yaml.load(document) == {**own, "d": own["b"]}
    assert safe_yaml.load(b"<<: {a: 1}\n<<: {b: 2}") == {"a": 1, "b": 2}
    assert safe_yaml.load(b"a: {k: 1}\nb: {k: 1}\n1: x\n'1': y") == {"a": {"k": 1}, "b": {"k": 1}, 1: "x", "1": "y"}


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (b"a: 1\nb: 2\n'a': 3", "a"),
        (b"- a: {b: {c: 1, d: [2], c: 3}}", "c"),
        (b"x: {<<: {k: 1, k: 2}}", "k"),
        (b"x: &x {k: 1}\ny: {<<: *x, k: 2, k: 3}", "k"),
        (b"010: a\n8: b", "8"),
        (b"on: a\ntrue: b", "true"),
        (b"!!set {a, b, a}", "a"),
        (b"a" * 50 + b": 1\n" + b"a" * 50 + b": 2", "a" * 40),
        (b"'\\': 1\n\"\\\\\": 2", r"\\"),
        (b"".join(b"k%d: 1\n" % number for number in range(50_000)) + b"k49999: 2", "k49999"),
    ],
)
def test_a_key_that_stands_twice_in_a_mapping_is_named(document: bytes, key: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the key '{key}' stands twice in a mapping")):
        safe_yaml.load(document)


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
