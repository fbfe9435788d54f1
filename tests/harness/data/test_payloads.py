import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness import Payloads

byte_strings = st.lists(st.binary(max_size=40), max_size=20)


@given(byte_strings)
def test_holds_what_it_was_given(items: list[bytes]) -> None:
    payloads = Payloads.from_list(items)
    assert list(payloads) == items
    assert [payloads[i] for i in range(len(items))] == items
    assert payloads.lengths.tolist() == [len(item) for item in items]
    assert Payloads.from_arrow(payloads.to_arrow()) == payloads


@given(byte_strings.filter(len), st.data())
def test_take_copies_rows_in_any_order(items: list[bytes], data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, len(items) - 1), max_size=30))
    taken = Payloads.from_list(items).take(indices)
    assert list(taken) == [items[i] for i in indices]


@given(byte_strings, st.integers(1, 50))
def test_padded_cuts_and_pads(items: list[bytes], width: int) -> None:
    matrix, lengths = Payloads.from_list(items).padded(width)
    assert matrix.shape == (len(items), width)
    for row, length, item in zip(matrix, lengths, items, strict=True):
        assert row[:length].tobytes() == item[:width]
        assert not row[length:].any()


def test_is_immutable() -> None:
    payloads = Payloads.from_list([b"abc"])
    assert not payloads.data.flags.writeable
    assert not payloads.take([0]).data.flags.writeable


def test_slices_a_sliced_arrow_array() -> None:
    arrow = Payloads.from_list([b"a", b"bb", b"", b"dddd"]).to_arrow()
    assert list(Payloads.from_arrow(arrow.slice(1, 3))) == [b"bb", b"", b"dddd"]
    assert list(Payloads.from_arrow(arrow.slice(0, 0))) == []
    assert np.array_equal(Payloads.from_arrow(arrow).take([3]).lengths, [4])


def test_concatenated_payloads_are_those_of_the_parts_in_order() -> None:
    parts = [[b"a", b""], [], [b"bc"]]
    joined = Payloads.concatenate([Payloads.from_list(part) for part in parts])
    assert list(joined) == [b"a", b"", b"bc"]
    assert joined == Payloads.from_list([b"a", b"", b"bc"])
