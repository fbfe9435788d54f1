"""Keys of committed records: a change of them orphans every record there is."""

import json
from pathlib import Path

import pytest

from harness.records.store import read
from tests.conftest import ROOT

PINNED = {
    "synthetic/cve-disjoint/tfidf-logreg-s0": "68ce92ebcae353fa30d822f3647a93ce954108078de794e2e5976f96adfbb049",
    "synthetic/planted-95/text-guided-s3": "166474b2ee5070847b305eaa43d727b4185e43cb86c43eecd62380918df19f52",
    "synthetic/rare-class/group-dro-s5": "26d0afeb1347c9ccc28681f5f1c7f7d4819116a6052b3bb788e8a6edd9860295",
}


@pytest.mark.parametrize("place", PINNED)
def test_the_keys_of_committed_records_are_what_they_were(place: str) -> None:
    (path,) = (ROOT / "results" / "official").glob(f"{place}-*.json")
    record = read(path)
    assert json.loads(path.read_text(encoding="utf-8"))["key"] == record.key == PINNED[place]
    # The search spaces of today are others, and one of the methods has another name.
    spaces = json.loads((Path(__file__).parent / "spaces_of_protocol_2.json").read_text(encoding="utf-8"))
    assert record.cell.key(spaces[record.cell.method]) == record.key
