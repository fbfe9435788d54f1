import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry, space
from tests.tools import golden
from tests.tools.rounds import is_slow

registry.discover()
STORED = json.loads(golden.FILE.read_text(encoding="utf-8"))
NAMES = sorted(n for n, i in registry.methods().items() if i.origin.startswith("harness.methods."))


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    return tmp_path_factory.mktemp("shared")


def cases() -> Iterator[object]:
    """Yields all methods; those that `is_slow` names are slow tests."""
    for name in NAMES:
        yield pytest.param(name, marks=[pytest.mark.slow] if is_slow(registry.method(name)) else [])


@pytest.mark.parametrize("name", list(cases()))
def test_a_change_of_behaviour_demands_a_new_version(name: str, shared_root: Path) -> None:
    info = registry.method(name)
    advice = f"{name} changed: raise its version, then run `python -m tests.tools.golden {name}`"
    assert name in STORED["methods"], advice
    stored, now = STORED["methods"][name], golden.golden_cell(info, shared_root)
    assert (now["version"], now["space"]) == (stored["version"], stored["space"]), advice
    tolerance = 0.0 if now["machine"] == stored["machine"] else 0.1
    for figure in ("macro_f1", "cross_entropy"):
        assert now[figure] == pytest.approx(stored[figure], abs=tolerance), advice


@pytest.mark.parametrize("change", ["default", "bound", "loss"])
def test_the_golden_cell_notices(change: str, shared_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.methods.neural import heads

    from harness import Float

    info = registry.method("byte-cnn")
    before = STORED["methods"]["byte-cnn"]
    if change == "loss":
        monkeypatch.setattr(heads.CrossEntropyHead, "loss", lambda self, v, y, r: (self.scorer(v) ** 2).mean())
        after = golden.golden_cell(info, shared_root)
        assert after["cross_entropy"] != before["cross_entropy"]
    else:
        dimension = Float(5e-4, 1e-2, default=1e-3, log=True) if change == "default" else Float(1e-4, 1e-2, 3e-3, True)
        changed = {**info.space, "learning_rate": dimension}
        assert golden.hashing.of_json(space.describe(changed))[:16] != before["space"]
