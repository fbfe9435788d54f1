import numpy as np
import pyarrow as pa
import pytest

from harness import Corpus, UserError, hashing
from harness.data.corpus_cache import cached, cached_meta


def table(**changes: object) -> pa.Table:
    columns: dict[str, object] = {
        "sample": ["a", "b", "c"],
        "payload": pa.array([b"x", b"", b"\x00\xff"], pa.large_binary()),
        "label": ["one", "two", "one"],
        "vendor": ["v", None, "w"],
        "span": pa.array([[0, 1], [], None], pa.list_(pa.int32())),
    }
    return pa.table({name: value for name, value in {**columns, **changes}.items() if value is not None})


def test_hash_depends_on_every_value_and_not_on_chunks() -> None:
    whole = table()
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert hashing.of_table(whole) == hashing.of_table(chunked)
    for changed in (
        table(label=["one", "two", "two"]),
        table(vendor=["v", "", "w"]),
        table(span=pa.array([[0, 1], None, []], pa.list_(pa.int32()))),
        table(payload=pa.array([b"x", b"\x00", b"\xff"], pa.large_binary())),
    ):
        assert hashing.of_table(changed) != hashing.of_table(whole)


def test_the_cache_returns_what_was_built(cache: object) -> None:
    built = Corpus.create("toy", table(), notes=("a note",))
    loaded = cached("test-fingerprint", lambda: built)
    assert loaded.table.equals(built.table)
    assert loaded.meta == built.meta
    assert cached_meta("test-fingerprint", lambda: pytest.fail("built twice")) == built.meta  # type: ignore[arg-type]
    assert list(loaded.payloads(np.array([2, 0]))) == [b"\x00\xff", b"x"]
    assert loaded.codes("vendor")[0].tolist() == [0, -1, 1]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sample": ["a", "a", "c"]}, "unique"),
        ({"label": ["one", "one", "one"]}, "two classes"),
        ({"label": ["one", None, "two"]}, "no label"),
        ({"payload": None}, "payload is missing"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(changes: dict[str, object], complaint: str) -> None:
    columns = {**{n: table().column(n) for n in table().column_names}, **changes}
    with pytest.raises(UserError, match=complaint):
        Corpus.create("toy", pa.table({n: v for n, v in columns.items() if v is not None}))
