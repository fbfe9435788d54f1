"""Every byte of a Parquet footer changed: where Arrow gives access to a damaged footer, it ends the process."""

from pathlib import Path

import pytest

from tests.fuzzing import readers
from tests.security.rounds import FULL


@pytest.mark.parametrize("change", [1, 2, 16, 128, 255] if FULL else [1])
def test_a_footer_with_any_byte_changed_is_read_or_refused(change: int, tmp_path: Path) -> None:
    reader, content = readers.readers()["rows.parquet"], readers.parquet()
    length = int.from_bytes(content[-8:-4], "little")
    outcomes = set()
    for place in range(len(content) - 8 - length, len(content) - 8):
        damaged = bytearray(content)
        damaged[place] = (damaged[place] + change) % 256
        outcomes.add(reader.read(bytes(damaged), tmp_path))
    assert len(outcomes) > 10
    assert reader.read(content, tmp_path) == "3"
