"""A scenario whose rows or bytes change needs a new version, so that a board never mixes records of both."""

import json

from tests.tools.pinned import FILE, drawn


def test_every_scenario_is_what_its_version_stands_for(cache: object) -> None:
    now, pinned = drawn(), json.loads(FILE.read_text(encoding="utf-8"))
    differences = [name for name in now if now[name] != pinned.get(name)]
    assert not differences, f"{differences}: increase the version, then run python -m tests.tools.pinned"
    assert set(now) == set(pinned)
