"""A scenario whose draw has changed has another version, so that records of two draws never share a board."""

import json

from tests.tools.pinned import FILE, drawn


def test_every_scenario_is_what_its_version_stands_for(cache: object) -> None:
    now, pinned = drawn(), json.loads(FILE.read_text(encoding="utf-8"))
    changed = [name for name in now if now[name] != pinned.get(name)]
    assert not changed, f"{changed}: raise the version, then run python -m tests.tools.pinned"
    assert set(now) == set(pinned)
