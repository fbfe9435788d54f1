"""Boards against a second computation from the same records, which shares no code with the harness."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.boards.build import Rules, boards
from harness.boards.model import Board
from harness.protocol import FALLBACK, PROTOCOL_VERSION
from harness.records.schema import Record
from harness.statistics.components import estimates
from tests.conftest import ROOT
from tests.harness.boards import second_computation
from tests.harness.boards.boards import record
from tests.harness.boards.second_computation import Second, Values

SKILLS = {"strong": 0.72, "close": 0.715, "weak": 0.4, "grouped": 0.6, FALLBACK: 0.05}
SCENARIOS = ("planted-95", "cve-disjoint", "product-disjoint", "rare-class", "iid")  # of three shift types and none
CONTRASTS = {
    "strong": ("weak", FALLBACK),
    "weak": ("close",),
    "close": ("strong",),
    "grouped": ("weak",),
    FALLBACK: ("grouped",),
}
FAILED = [("weak", "rare-class", 2), ("close", "cve-disjoint", 4)]


def cell(method: str, scenario: str, seed: int, skill: float) -> Record:
    """A cell whose test units are those of its fold, as in a real corpus; two scenarios number their own."""
    if (method, scenario, seed) in FAILED:
        return record(method, scenario, seed, 0, failure="RuntimeError: no")
    made = record(method, scenario, seed, skill, tags=["groups"] if method == "grouped" else [])
    assert made.result is not None
    units = [f"CVE-{seed % 6}-{number}" for number in range(len(made.result.units))]
    if scenario in ("product-disjoint", "rare-class"):
        units = [str(100 * (seed % 6) + number) for number in range(len(units))]
    return made.model_copy(update={"result": made.result.model_copy(update={"units": units})})


@pytest.fixture(scope="module")
def found() -> tuple[Board, Second]:
    """Nine seeds: three folds have two repeats, so that the samples are unbalanced."""
    records = [cell(m, s, seed, skill) for m, skill in SKILLS.items() for s in SCENARIOS for seed in range(9)]
    rules = Rules(
        is_stale=lambda record: False,
        ranks=lambda preset: True,
        contrasts=lambda method: CONTRASTS.get(method, ()),
        can_act=lambda r: "groups" not in r.cell.tags or r.cell.shift == "spurious-correlation",
    )
    (board,) = boards(records, rules)
    return board, Second([json.loads(r.model_dump_json()) for r in records], CONTRASTS, FALLBACK)


def test_the_second_computation_imports_nothing_of_the_harness() -> None:
    source = ast.parse(Path(second_computation.__file__).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in ast.walk(source) if isinstance(node, ast.Import) for name in node.names]
    assert {name.partition(".")[0] for name in imported} == {"collections", "numpy", "scipy", "statistics", "typing"}


def test_scores_and_intervals_agree(found: tuple[Board, Second]) -> None:
    board, second = found
    assert board.setting.protocol == PROTOCOL_VERSION
    assert second.complete == set(SKILLS)
    for row in board.rows:
        same = second.score(row.method)
        assert row.score is not None
        assert row.sample is not None
        assert row.score == (pytest.approx(same.mean), pytest.approx(same.half_width()))
        # The interval shows the widest of these alone.
        assert np.array(estimates(*row.sample)) == pytest.approx(np.array(same.errors()))
        assert list(row.by_seed.values()) == pytest.approx(same.values)
        assert list(row.by_shift) == ["attribute-generalization", "class-imbalance", "spurious-correlation"]
        for shift, value in row.by_shift.items():
            own = second.score(row.method, shift)
            assert value == (pytest.approx(own.mean), pytest.approx(own.half_width()))


def test_verdicts_and_their_levels_agree(found: tuple[Board, Second]) -> None:
    board, second = found
    verdicts = second.verdicts()
    assert {claim.method: claim.verdict for claim in board.claims} == {m: v for m, (v, _) in verdicts.items()}
    assert len({claim.verdict for claim in board.claims}) >= 3
    for claim in board.claims:
        assert claim.level == pytest.approx(verdicts[claim.method][1])
        for step, same in zip(claim.contrasts, second.differences(claim.method), strict=True):
            assert step.difference == (pytest.approx(same.mean), pytest.approx(same.half_width()))
            assert step.seeds == len(same.values)
            assert (step.p, step.equivalence_p) == (pytest.approx(same.p()), pytest.approx(same.equivalence_p()))


def test_a_mean_square_of_draws_widens_the_interval_as_computed_by_hand() -> None:
    """The second computation itself: three folds with two, one and three repeats, as in `test_components`."""
    values = Values([0, 6, 1, 2, 8, 14], [1.0, 3.0, 5.0, 6.0, 8.0, 10.0], [{"a": 0.0, **dict.fromkeys("bcd", 0.0)}] * 6)
    (total, _), (draws, freedom), _ = values.errors()
    component = (43.5 / 2 - 10 / 3) / ((6 - 14 / 6) / 2)
    assert total**2 == pytest.approx(14 / 36 * component + 10 / 18 + 0.2 / 5 * (component + 10 / 3))
    assert (draws**2, freedom) == (pytest.approx(10 / 18), 3)


def test_the_committed_leaderboard_agrees() -> None:
    """Its claims, and the scores of three methods, from the committed records alone, by the rules of their protocol."""
    committed = json.loads((ROOT / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    ranked = [board for board in committed if board["ranked"]]
    assert ranked
    files = [*(ROOT / "results/official").glob("*/*/*.json")]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    for board in ranked:
        rows = {row["method"]: row for row in board["methods"]}
        claims = {claim["method"]: claim for claim in board["claims"]}
        own = [r for r in records if of_board(r["cell"], board) and of_row(r["cell"], rows)]
        contrasts = {m: [step["other"] for step in claim["contrasts"]] for m, claim in claims.items()}
        second = Second(own, contrasts, FALLBACK)
        for name in [name for name in rows if name in second.complete][:3]:
            same = second.score(name)
            expected = {
                "mean": pytest.approx(same.mean, abs=1e-6),
                "half_width": pytest.approx(same.half_width(), abs=1e-6),
            }
            assert rows[name]["score"] == expected
            for shift, value in rows[name]["score_by_shift"].items():
                same = second.score(name, shift)
                assert (value["mean"], value["half_width"]) == pytest.approx((same.mean, same.half_width()), abs=1e-6)
        verdicts = second.verdicts()
        for name, claim in claims.items():
            assert (claim["verdict"], claim["level"]) == (verdicts[name][0], pytest.approx(verdicts[name][1], abs=1e-6))


def of_board(cell: dict[str, Any], board: dict[str, Any]) -> bool:
    names = (
        "protocol",
        "benchmark",
        "corpus",
        "preset",
        "trials",
        "seconds",
        "sampler",
        "pruner",
        "precision",
        "sizes",
    )
    return all(cell[name] == board[name] for name in names)


def of_row(cell: dict[str, Any], rows: dict[str, Any]) -> bool:
    """Whether the board uses the record: of the version of the method that it shows."""
    return cell["method"] in rows and cell["method_version"] == rows[cell["method"]]["version"]
