import json
from pathlib import Path

import numpy as np
import pytest

from harness import Payloads, registry, space
from tests.methods import golden

registry.discover()
STORED = json.loads(golden.FILE.read_text(encoding="utf-8"))
NAMES = sorted(n for n, i in registry.methods().items() if i.origin.startswith("methods."))


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_behaviour_demands_a_new_version(name: str, shared_root: Path) -> None:
    info = registry.method(name)
    advice = f"{name} changed: raise its version, then run `python -m tests.methods.golden {name}`"
    assert name in STORED["methods"], advice
    stored, now = STORED["methods"][name], golden.golden_cell(info, shared_root)
    assert (now["version"], now["space"]) == (stored["version"], stored["space"]), advice
    tolerance = 0.0 if golden.processor() == STORED["processor"] else 0.1
    for figure in ("macro_f1", "cross_entropy"):
        assert now[figure] == pytest.approx(stored[figure], abs=tolerance), advice


@pytest.mark.parametrize("change", ["default", "bound", "loss"])
def test_the_golden_cell_notices(change: str, shared_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import Float
    from methods.neural import heads

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


@pytest.mark.parametrize("name", NAMES)
def test_odd_payloads_get_probabilities(name: str, shared_root: Path) -> None:
    info = registry.method(name)
    train, validation, _, classes = golden.tiny(info.tags)
    context = golden.context(classes, shared_root)
    predictor = info.factory().fit(train, validation, space.defaults(info.space), context)
    odd = Payloads.from_list([b"", b"\x00", b"A" * 65536, bytes(range(256)), b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n"])
    table = predictor.predict_proba(odd)
    assert table.shape == (6, len(classes))
    assert table.dtype == np.float32
    assert np.isfinite(table).all()
    assert np.allclose(table.sum(1), 1, atol=1e-3)
    again = predictor.predict_proba(odd)
    assert np.array_equal(table, again)
