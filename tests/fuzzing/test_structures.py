"""Damaged, wrong-typed and misnamed files give rows, or one `UserError`; no other exception."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import readers
from tests.security.rounds import FULL

READERS = readers.readers()
EXAMPLES = settings(
    max_examples=1000 if FULL else 15,
    deadline=None,
    derandomize=not FULL,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ODD_TEXTS = ("", " ", "nan", "N/A", "\0", "\ud800", "{{", "{{a}}", "{{md5(", "%", "%zz", "*&x", "9" * 400, "a" * 5000)
ODD_VALUES = ("CVE-", "CWE-", "cpe:2.3:a", "cpe:2.3:a:\\:b:*", "2024-13-45", "GET", "@timeout: x", "\x1b[31m")
TEXTS = st.text(max_size=20) | st.sampled_from(ODD_TEXTS + ODD_VALUES)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.sampled_from([10**400, -(2**63), 2**64, 1e308])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=8
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Returns the path of every node of a document, the document's own first."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """A document in which up to three nodes are replaced, deleted or repeated."""
    document = json.loads(json.dumps(document, default=str))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(document)))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(VALUES)
            continue
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        change = draw(st.sampled_from(["replace", "replace", "delete", "repeat", "rename"]))
        if change == "replace":
            holder[path[-1]] = draw(VALUES)
        elif change == "delete":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[draw(TEXTS)] = holder[path[-1]]
            if change == "rename":
                del holder[path[-1]]
        else:
            holder.append(holder[path[-1]])
    return document


def as_yaml(document: object) -> bytes:
    """Returns a document as YAML; characters that YAML cannot hold are escaped."""
    text: str = yaml.safe_dump(document)
    return text.encode("utf-8", "surrogatepass")


def as_json(document: object) -> bytes:
    """Returns a document as JSON, with NaN and lone surrogates."""
    return json.dumps(document).encode()


def as_lines(document: object) -> bytes:
    """Returns the elements of a list as JSON lines."""
    return b"\n".join(map(as_json, document if isinstance(document, list) else [document]))


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A content that is cut, or in which a few stretches are overwritten, inserted, repeated or deleted."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        change = draw(st.sampled_from(["cut", "overwrite", "insert", "repeat", "delete"]))
        if change == "cut":
            content = content[:start]
        elif change == "repeat":
            content = content[:end] + content[start:end] * draw(st.integers(1, 50)) + content[end:]
        else:
            new = b"" if change == "delete" else draw(st.binary(max_size=12))
            content = content[:start] + new + content[start if change == "insert" else end :]
    return content


@pytest.mark.parametrize("name", READERS)
@EXAMPLES
@given(data=st.data())
def test_damaged_bytes(name: str, data: st.DataObject, tmp_path: Path) -> None:
    reader = READERS[name]
    reader.read(data.draw(damaged(data.draw(st.sampled_from(reader.seeds)))), tmp_path)


STRUCTURES: dict[str, tuple[Any, Callable[[object], bytes]]] = {
    "nuclei": (yaml.safe_load(readers.TEMPLATE), as_yaml),
    "crs": (yaml.safe_load(readers.TESTS), as_yaml),
    "cve-text": (readers.CVE, as_json),
    "cve-text feed": (readers.FEED, as_json),
    "rows.jsonl": (readers.ROWS, as_lines),
    "rows.json": (readers.ROWS, as_json),
    "a.har": (readers.HAR, as_json),
    "audit.log": (readers.AUDIT_JSON, as_json),
    "record": (json.loads(readers.record()), as_json),
}


@pytest.mark.parametrize("name", STRUCTURES)
@EXAMPLES
@given(data=st.data())
def test_values_of_other_types(name: str, data: st.DataObject, tmp_path: Path) -> None:
    document, write = STRUCTURES[name]
    READERS[name.split()[0]].read(write(data.draw(changed(document))), tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_files_of_another_format(name: str, tmp_path: Path) -> None:
    for other in READERS.values():
        for content in other.seeds:
            READERS[name].read(content, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_the_valid_files_are_read(name: str, tmp_path: Path) -> None:
    """Otherwise the tests above would not get past the first line of a reader."""
    for content in READERS[name].seeds:
        outcome = READERS[name].read(content, tmp_path)
        assert outcome == "True" if name in ("record", "predictions", "old-predictions") else int(outcome) >= 0
