"""Parquet files are read in batches that follow from their pages, with the values that Arrow reads."""

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import UserError
from harness.sources import batches, open_parquet
from harness.storage.parquet_pages import chunks, pages

ROWS = [
    {"raw": b"x" * (row % 700) + bytes([row % 256]), "kind": None if row % 7 == 0 else "ab"[row % 2], "cwe": cwes}
    for row, cwes in enumerate([["CWE-89", "CWE-79"], None, [], ["CWE-22"]] * 1000)
]
TABLE = pa.Table.from_pylist(ROWS)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"use_dictionary": False},
    {"use_dictionary": False, "column_encoding": {"raw": "DELTA_BYTE_ARRAY", "kind": "DELTA_LENGTH_BYTE_ARRAY"}},
    {"data_page_version": "2.0", "compression": "zstd", "row_group_size": 1500},
    {"store_schema": False, "data_page_size": 200, "dictionary_pagesize_limit": 2000},
]


def write(folder: Path, options: dict[str, Any]) -> Path:
    pq.write_table(TABLE, folder / "x.parquet", **options)
    return folder / "x.parquet"


def read(path: Path) -> list[dict[str, Any]]:
    with open_parquet(path) as file:
        return [row for batch in batches(path, file, TABLE.column_names) for row in batch.to_pylist()]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_encoding_gives_the_same_rows(tmp_path: Path, options: dict[str, Any]) -> None:
    path = write(tmp_path, options)
    assert [{name: row[name] for name in TABLE.column_names} for row in read(path)] == ROWS


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_headers_of_pages_give_the_sizes_of_the_footer(tmp_path: Path, options: dict[str, Any]) -> None:
    path = write(tmp_path, options)
    metadata = pq.read_metadata(path)
    found_chunks = chunks(path.read_bytes()[-8 - metadata.serialized_size : -8])
    assert len(found_chunks) == metadata.num_row_groups
    with path.open("rb") as stream:
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                chunk, place = metadata.row_group(group).column(index), found_chunks[group][index]
                assert (place.values, place.data_page) == (chunk.num_values, chunk.data_page_offset)
                found = list(pages(stream, place))
                assert sum(page.values for page in found if not page.is_dictionary) == chunk.num_values
                assert sum(page.is_dictionary for page in found) == chunk.has_dictionary_page
                # The footer counts the headers too.
                assert 0 < sum(page.size for page in found) < chunk.total_uncompressed_size


def test_a_file_cut_anywhere_or_changed_is_one_sentence(tmp_path: Path) -> None:
    whole = write(tmp_path, {"row_group_size": 1500}).read_bytes()
    path = tmp_path / "y.parquet"
    for length in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="is not a Parquet file"):
            read(path)
    for at in range(4, 400, 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(UserError):  # some bytes are values, which may be any
            read(path)


def test_more_lists_than_a_row_group_may_have_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage.parquet.MAX_LIST_BYTES", 10**4)
    with pytest.raises(UserError, match=r"row group 0: the lists of cwe.*take .* KiB; the limit is 9\.766 KiB"):
        read(write(tmp_path, {}))
