"""Records that older versions wrote stay readable: one fixture per schema version."""

import json
from pathlib import Path

import pytest

from harness.records.schema import SCHEMA
from harness.records.store import read

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_a_record_of_every_schema_version_is_read(version: int) -> None:
    path = FIXTURES / f"record-{version}.json"
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == version
    record = read(path)
    assert record.schema_version == SCHEMA
    assert record.result is not None
    assert len(record.provenance.trials) == len(record.result.trials)
    assert record.cell.pruner == "none"
