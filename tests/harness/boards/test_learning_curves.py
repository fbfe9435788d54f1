"""Learning curves from records: scores as on boards, which leave them out; what is not shown is named."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.api.contrasts import in_scenario
from harness.boards import check, submission
from harness.boards.build import Rules, boards
from harness.boards.curve_tables import notes, tables
from harness.boards.json_export import to_json
from harness.boards.learning_curves import LearningCurves, learning_curves
from harness.boards.render import markdown
from harness.protocol import CURVE
from harness.records.schema import Record
from harness.records.store import Entry
from harness.report.learning_curves import curve_sections
from tests.harness.boards.boards import record, records

RULES = Rules(lambda record: False, lambda preset: preset == "standard", lambda method: ())
SCENARIO = "cve-disjoint"
ROWS = (100, 200, 400)


def cell(method: str, seed: int, rows: int, skill: float, *, trained: int | None = None, **more: Any) -> Record:
    """A cell of a learning curve."""
    scenario = more.pop("scenario", SCENARIO)
    sizes = [rows, rows // 3, 220]
    made = record(method, scenario, seed, skill, **{"preset": CURVE, "sizes": sizes, **more})
    key = hashlib.sha256(f"{method} {scenario} {seed} {rows} {more}".encode()).hexdigest()
    result = made.result
    if result is not None:
        result = result.model_copy(update={"rows": {"train": trained or rows, "validation": rows // 3}})
    return made.model_copy(update={"key": key, "result": result})


def curve(method: str, skills: Sequence[float], seeds: int = 6, **more: Any) -> list[Record]:
    return [cell(method, s, n, k, **more) for n, k in zip(ROWS, skills, strict=True) for s in range(seeds)]


def only(found: list[Record], rules: Rules = RULES) -> LearningCurves:
    (curves,) = learning_curves(found, rules)
    return curves


@pytest.fixture(scope="module")
def crossing() -> list[Record]:
    """`slow` overtakes `quick` between 100 and 400 rows; `slow` is far ahead of `none`."""
    return [*curve("quick", (0.6, 0.62, 0.64)), *curve("slow", (0.5, 0.61, 0.8)), *curve("none", (0.2, 0.2, 0.2))]


def test_a_point_is_the_score_of_the_board_of_these_records(crossing: list[Record]) -> None:
    curves = only(crossing)
    assert [size.rows for size in curves.sizes] == list(ROWS)
    for place, rows in enumerate(ROWS):
        same = [r for r in crossing if r.cell.sizes[0] == rows]
        (board,) = boards(
            [r.model_copy(update={"cell": r.cell.model_copy(update={"preset": "standard"})}) for r in same], RULES
        )
        assert {row.method: row.score for row in board.rows} == {c.method: c.scores[place] for c in curves.curves}
    assert [c.method for c in curves.curves] == ["slow", "quick", "none"]


def test_the_crossing_is_between_the_sizes_where_the_order_changes(crossing: list[Record]) -> None:
    curves = only(crossing)
    pairs = {(pair.method, pair.other): pair for pair in curves.crossings}
    assert set(pairs) == {("slow", "quick"), ("slow", "none"), ("quick", "none")}
    found = pairs["slow", "quick"].crossing
    assert found.rows is not None
    assert found.interval is not None
    assert (found.changes, found.smallest, found.largest) == (1, -1, 1)
    means = [[c.scores[p].mean for p in range(3)] for c in curves.curves[:2]]
    assert (means[0][1] > means[1][1]) == (100 < found.rows < 200)
    assert pairs["slow", "none"].crossing.rows is None
    sides = (
        {r.cell.seed: r for r in crossing if r.cell.method == m and r.cell.sizes[0] == 400} for m in ("slow", "quick")
    )
    expected = in_scenario(SCENARIO, *sides)
    difference = pairs["slow", "quick"].difference
    assert (difference.mean, difference.low) == pytest.approx((expected["difference"], expected["low"]))


def test_a_board_is_the_same_with_and_without_records_of_curves(crossing: list[Record]) -> None:
    plain = records({"quick": 0.6, "slow": 0.5, "majority": 0.05}, seeds=2)
    sizes = [1320, 330, 550]  # those of the board
    likewise = [cell("quick", seed, 1320, 0.9) for seed in range(6)]
    likewise = [r.model_copy(update={"cell": r.cell.model_copy(update={"sizes": sizes})}) for r in likewise]
    assert boards([*likewise, *plain, *crossing], RULES) == boards(plain, RULES)
    assert boards(crossing, RULES) == []
    assert learning_curves(plain, RULES) == []


def test_rows_that_were_not_there_are_said_and_no_size_is_shown_twice() -> None:
    found = [
        *(cell("a", s, 100, 0.5) for s in range(3)),
        *(cell("a", s, 300, 0.6, trained=240 + s) for s in range(3)),
        *(cell("a", s, 1000, 0.6, trained=240 + s) for s in range(3)),
    ]
    curves = only(found)
    assert [(size.requested, size.rows, size.range) for size in curves.sizes] == [
        (100, 100, (100, 100)),
        (300, 241, (240, 242)),
    ]
    assert "300 rows requested: training has only 240 to 242" in curves.notes
    assert "1,000 rows requested: not shown, since training has no more rows than with 300 requested" in curves.notes
    (_, header, lines), *_ = tables(curves)
    assert header == ["method", "100", "241", "seeds"]
    assert len(lines) == 1


def test_a_failed_cell_counts_with_the_fallback_and_is_marked() -> None:
    failing = [*curve("a", (0.5, 0.6, 0.7), 3)[:-1], cell("a", 2, 400, 0.7, failure="out of memory")]
    with_fallback = only([*failing, *curve("majority", (0.05, 0.05, 0.05), 3)])
    (_, _, lines), *_ = tables(with_fallback)
    assert lines[0][0] == "a"
    assert [text.endswith("‡") for text in lines[0][1:4]] == [False, False, True]
    assert lines[0][4] == "3"
    assert not any("‡" in text for text in lines[1])  # the fallback itself
    assert "a at 400 rows, seed 2: failed: out of memory" in with_fallback.notes
    assert "‡: failed cells count with the scores of majority" in notes(with_fallback)
    without = only(failing)
    assert without.curves[0].seeds == (0, 1)
    assert "a: seed 2 not counted, since some size has no score of it" in without.notes


def test_missing_cells_of_a_stopped_run_are_named() -> None:
    curves = only([*curve("a", (0.5, 0.6, 0.7), 3)[:-2], *curve("b", (0.5, 0.5, 0.5), 3)[3:]])
    by_name = {one.method: one for one in curves.curves}
    assert by_name["a"].seeds == (0,)
    assert "a: seeds 1, 2 not counted, since some size has no score of them" in curves.notes
    assert by_name["b"].scores.keys() == {1, 2}
    assert "b: no score at 100 rows" in curves.notes
    (pair,) = curves.crossings
    assert pair.sizes == (1, 2)
    assert pair.crossing.interval is None  # of one seed
    assert "one seed gives no interval" in notes(curves)


def test_curves_that_share_too_little_are_not_compared() -> None:
    apart = only([*curve("a", (0.5, 0.6, 0.7), 2)[:4], *curve("b", (0.5, 0.5, 0.5), 2)[2:4]])
    assert apart.crossings == ()
    assert "a and b are not compared: they have no two sizes in common" in apart.notes


def test_two_curves_are_compared_over_the_sizes_and_seeds_of_both() -> None:
    """`b` has a larger size and is listed first; over the sizes and seeds of both, `a` is ahead."""
    short = [r for r in curve("a", (0.3, 0.6, 0.7), 3) if r.cell.sizes[0] < 400]
    long = [r for r in curve("b", (0.5, 0.4, 0.8), 3) if r.cell.seed > 0]
    curves = only([*short, *long])
    assert [one.method for one in curves.curves] == ["b", "a"]
    (pair,) = curves.crossings
    assert (pair.method, pair.other, pair.sizes) == ("a", "b", (0, 1))
    assert (pair.crossing.smallest, pair.crossing.largest, pair.crossing.changes) == (-1, 1, 1)
    at_200 = ({r.cell.seed: r for r in own if r.cell.sizes[0] == 200} for own in (short, long))
    expected = in_scenario(SCENARIO, *at_200)
    assert expected["seeds"] == 2
    assert (pair.difference.mean, pair.difference.low) == pytest.approx((expected["difference"], expected["low"]))


def test_probes_have_no_curve() -> None:
    found = curve("a", (0.5, 0.6, 0.7), 2)
    views = [r.model_copy(update={"cell": r.cell.model_copy(update={"view": "carrier"})}) for r in found]
    assert learning_curves(views, RULES) == []


def test_a_test_of_one_class_is_not_scored_as_on_boards() -> None:
    curves = only(curve("a", (0.5, 0.6, 0.7), 2, units=1))
    assert curves.metric == "id"
    assert "cve-disjoint/test: not scored, since a test has rows of a single class" in curves.notes


def test_stale_records_do_not_count_and_are_said() -> None:
    stale = Rules(lambda r: r.cell.method_version == 1, RULES.ranks, RULES.contrasts)
    found = [*curve("a", (0.5, 0.6, 0.7), 2, method_version=2), *curve("a", (0.9, 0.9, 0.9), 2)]
    curves = only(found, stale)
    assert curves.curves == only(found[:6]).curves
    assert "6 stale records, made by version 1 of a" in curves.notes


def test_other_budgets_tests_and_corpora_have_curves_of_their_own() -> None:
    plain = curve("a", (0.5, 0.6, 0.7), 2)
    others = [curve("a", (0.5, 0.6, 0.7), 2, **more) for more in ({"trials": 2}, {"corpus": "d" * 64}, {"seconds": 1})]
    assert len(learning_curves([r for each in (plain, *others) for r in each], RULES)) == 4
    one = learning_curves([*plain, *curve("a", (0.5, 0.6, 0.7), 2, scenario="planted-95")], RULES)
    assert [curves.scenario for curves in one] == [SCENARIO, "planted-95"]


def test_a_scenario_that_is_not_scored_shows_id() -> None:
    found = curve("a", (0.5, 0.6, 0.7), 3, scenario="iid")
    curves = only(found)
    assert curves.metric == "id"
    of_size = [r.result.metrics["id"]["macro_f1"] for r in found if r.result and r.cell.sizes[0] == 400]
    assert curves.curves[0].scores[2].mean == pytest.approx(sum(of_size) / 3)


def test_equal_curves_do_not_cross() -> None:
    same = curve("a", (0.5, 0.6, 0.7), 2)
    twin = [r.model_copy(update={"key": r.key[::-1], "cell": r.cell.model_copy(update={"method": "b"})}) for r in same]
    *_, (_, _, lines) = tables(only([*same, *twin]))
    assert lines == [["a", "b", "none: equal at all sizes", "–", "+0.000 ± 0.000"]]


def test_the_page_and_the_json_have_curves_only_if_the_folder_has(crossing: list[Record]) -> None:
    plain = boards(records({"a": 0.5}, seeds=1), RULES)
    curves = learning_curves(crossing, RULES)
    page = markdown(plain, curves)
    assert page.startswith(markdown(plain))
    assert "## Learning curves on cve-disjoint: synthetic" in page
    assert markdown([], curves).count("| slow | quick |") == 1
    assert "No records yet" not in markdown([], curves)
    assert "curves" not in to_json(plain, {})
    (one,) = json.loads(json.dumps(to_json(plain, {}, curves), allow_nan=False))["curves"]
    assert [each["rows"] for each in one["sizes"]] == list(ROWS)
    assert {each["method"]: len(each["scores"]) for each in one["methods"]} == {"slow": 3, "quick": 3, "none": 3}
    crossed = next(each for each in one["crossings"] if each["other"] == "quick")
    assert crossed["interval"]["low"] < crossed["rows"] < crossed["interval"]["high"]


def test_every_key_of_the_json_is_described(crossing: list[Record]) -> None:
    page = (Path(__file__).parents[3] / "docs/curves.md").read_text(encoding="utf-8")
    (one,) = to_json([], {}, learning_curves(crossing, RULES))["curves"]
    crossed = next(each for each in one["crossings"] if each["interval"])
    parts = (one, one["sizes"][0], one["methods"][0], one["methods"][0]["scores"][0], crossed, crossed["interval"])
    assert [key for part in parts for key in part if f"`{key}`" not in page] == []


def test_the_chart_has_the_values_and_their_intervals(crossing: list[Record]) -> None:
    curves = only(crossing)
    (section,) = curve_sections([curves])
    traces = {trace["name"]: trace for trace in section.chart.figure["data"]}
    assert set(traces) == {"slow", "quick", "none"}
    for one in curves.curves:
        assert list(traces[one.method]["y"]) == [one.scores[place].mean for place in range(3)]
        assert list(traces[one.method]["error_y"]["array"]) == [one.scores[place].half_width for place in range(3)]
        assert traces[one.method]["x"] == pytest.approx(ROWS, rel=0.03)
    assert section.chart.table[1] == ["method", "100", "200", "400", "seeds"]


def test_without_a_result_the_page_says_why() -> None:
    curves = only([cell("a", 0, rows, 0.5, failure="on purpose") for rows in ROWS])
    assert curves.curves == ()
    assert "a at 100 rows, seed 0: failed: on purpose" in curves.notes
    assert "100 rows requested: no cell has a result" in curves.notes
    (section,) = curve_sections([curves])
    assert section.chart.table[2] == []


def test_sizes_of_a_curve_are_no_other_budget(crossing: list[Record]) -> None:
    entries = [Entry(f"{at}.json", "0" * 16, r) for at, r in enumerate(crossing)]
    found = check.check(entries, {}, RULES)
    assert found.notes == []
    assert [line for line in found.differences if "budget" in line] == []
    assert list(submission._budget(crossing[0])) == []
    assert list(submission._other_settings([("x", crossing[0])], crossing)) == []
