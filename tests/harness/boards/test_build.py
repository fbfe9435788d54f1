"""Boards of records whose true order is known, and that no text from them reaches the page unescaped."""

import io
import json
import re
from collections import Counter
from dataclasses import replace
from statistics import fmean

import pytest
from rich.console import Console

from harness.boards import tables
from harness.boards.build import Rules, boards
from harness.boards.by_environment import scenarios
from harness.boards.json_export import to_json
from harness.boards.model import Board, Row
from harness.boards.notes import merge_numbers, merge_subjects
from harness.boards.render import markdown, terminal_lines, terminal_tables
from harness.boards.scores import score, shares
from harness.protocol import FALLBACK, PROTOCOL_VERSION
from harness.records.schema import EnvironmentInfo, Record
from harness.safe_text import in_markdown, printable
from tests.harness.boards.boards import CUES, OF_TRIALS, record, records

SKILLS = {"best": 0.8, "second": 0.79, "third": 0.5, "fourth": 0.4, FALLBACK: 0.05}


def rules(claims: dict[str, tuple[str, ...]] | None = None) -> Rules:
    return Rules(
        is_stale=lambda record: record.cell.method_version != 1,
        ranks=lambda preset: preset == "standard",
        contrasts=lambda method: (claims or {}).get(method, ()),
    )


def board_of(found: list[Record], claims: dict[str, tuple[str, ...]] | None = None) -> Board:
    (board,) = boards(found, rules(claims))
    return board


@pytest.fixture(scope="module")
def plain_records() -> list[Record]:
    return records(SKILLS)


@pytest.fixture(scope="module")
def plain_board(plain_records: list[Record]) -> Board:
    return board_of(plain_records)


def test_ranks_have_intervals_and_methods_that_do_not_differ_share_a_letter(plain_board: Board) -> None:
    rows = {row.method: row for row in plain_board.rows}
    assert [row.rank for row in plain_board.rows] == [1, 2, 3, 4, 5]
    assert rows["best"].ranks == rows["second"].ranks == (1, 2)
    assert rows["third"].ranks == (3, 3)
    assert set(rows["best"].letters) & set(rows["second"].letters)
    assert not set(rows["best"].letters) & set(rows["third"].letters)
    low, high = rows["best"].bootstrap or (1, 0)
    assert rows["best"].score is not None
    assert low < rows["best"].score.mean < high
    group, tenth = rows["best"].worst_group, rows["best"].worst_tenth
    assert group is not None
    assert tenth is not None
    assert group.low < 0.7 + 0.3 / 11 < group.high  # the true one of every group
    assert tenth.mean < 0.7  # the worst of groups that are equal
    assert not any("flip.all" in name for name in group.names)


def test_tracks_are_ranked_apart(plain_records: list[Record]) -> None:
    grouped = records({"grouped": 0.9}, tags=["groups"])
    board = board_of([*plain_records, *grouped])
    (row,) = board.of_track("groups")
    assert (row.rank, row.ranks) == (1, (1, 1))
    assert board.of_track("free")[0].rank == 1
    text = markdown([board])
    assert text.index("### Track free") < text.index("### Track groups")


def test_a_failed_cell_counts_with_the_fallback_and_a_missing_one_unranks(
    plain_records: list[Record], plain_board: Board
) -> None:
    broken = record("third", "cve-disjoint", 2, 0, failure="RuntimeError: no")
    kept = [r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) != ("third", "cve-disjoint", 2)]
    rows = {row.method: row for row in board_of([*kept, broken]).rows}
    whole = {row.method: row for row in plain_board.rows}
    assert rows["third"].by_seed[2] < whole["third"].by_seed[2] - 0.1
    assert rows["third"].rank is not None
    lacking = {row.method: row for row in board_of(kept).rows}["third"]
    assert (lacking.rank, lacking.missing) == (None, (("cve-disjoint", 2),))
    assert "third: cve-disjoint, seed 2" in markdown([board_of(kept)])


def test_a_claim_ends_in_one_sentence_and_a_table(plain_records: list[Record]) -> None:
    text = markdown([board_of(plain_records, {"best": ("third", "fourth")})])
    assert "best is superior to third, fourth: its score minus that of fourth is +0." in text
    assert re.search(r"\(p .* at the level 0.05\)", text)
    assert "| best | 1 | third | +0." in text
    few = board_of(records({"ours": 0.5, "theirs": 0.5}, units=15), {"ours": ("theirs",)})
    assert "the test detects a true difference of 0." in markdown([few])
    assert few.claims[0].verdict == "inconclusive"
    assert "third is inferior to best: its score minus" in markdown([board_of(plain_records, {"third": ("best",)})])
    assert "is not tested" in markdown([board_of(plain_records, {"third": ("control-absent",)})])


def test_a_claim_is_judged_where_all_its_methods_have_cells(plain_records: list[Record]) -> None:
    run = ("cve-disjoint", "iid")  # iid is not scored
    control = [record("control", name, seed, 0.5, kind="control") for name in run for seed in range(4)]
    board = board_of([*plain_records, *control], {"best": ("third", "control")})
    (claim,) = board.claims
    assert (claim.verdict, claim.scenarios) == ("superior", ("cve-disjoint",))
    assert [step.seeds for step in claim.contrasts] == [4, 4]
    assert "over 4 seeds of cve-disjoint" in markdown([board])
    row = board.rows[-1]  # its score is over other cells, whatever it is
    assert (row.method, row.rank) == ("control", None)
    assert "of its cells" in markdown([board])


def test_a_heavy_method_is_ranked_if_it_has_all_cells(plain_records: list[Record]) -> None:
    places = sorted({(r.cell.scenario, r.cell.seed) for r in plain_records})
    heavy = [record("costly", *place, 0.99, kind="heavy") for place in places]
    ranks = {row.method: row.rank for row in board_of([*plain_records, *heavy], {}).rows}
    assert (ranks["costly"], ranks["best"]) == (1, 2)
    partial = {row.method: row for row in board_of([*plain_records, *heavy[1:]], {}).rows}
    assert (partial["costly"].rank, partial["costly"].unranked_reason) == (None, "missing cells")


def test_a_contrast_that_failed_is_not_beaten(plain_records: list[Record]) -> None:
    def failed(*seeds: int) -> Board:
        places = {("cve-disjoint", seed) for seed in seeds}
        kept = [r for r in plain_records if r.cell.method != "second" or (r.cell.scenario, r.cell.seed) not in places]
        broken = [record("second", *place, 0, failure="RuntimeError: no") for place in sorted(places)]
        return board_of([*kept, *broken], {"best": ("second",)})

    (claim,) = failed(4, 5).claims
    assert claim.verdict != "superior"
    assert (claim.contrasts[0].seeds, claim.scenarios) == (4, ("cve-disjoint", "planted-95"))
    assert "second failed on cve-disjoint, seed 4; second failed on" in markdown([failed(4, 5)])
    (everywhere,) = failed(*range(6)).claims
    assert everywhere.scenarios == ("planted-95",)
    own = record("best", "cve-disjoint", 1, 0, failure="RuntimeError: no")
    kept = [r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) != ("best", "cve-disjoint", 1)]
    (claim,) = board_of([*kept, own], {"best": ("second",)}).claims
    assert claim.contrasts[0].difference is not None
    assert claim.contrasts[0].difference.mean < -0.03  # its own failure counts


def test_a_claim_is_judged_where_its_method_can_act(plain_records: list[Record]) -> None:
    """Without two environments in training, a method that compares environments has nothing to act on."""
    act_on_cues = replace(rules({"best": ("second",)}), can_act=lambda record: record.cell.scenario == "planted-95")
    (board,) = boards(plain_records, act_on_cues)
    (claim,) = board.claims
    assert claim.scenarios == ("planted-95",)
    assert "over 6 seeds of planted-95 (best has nothing to act on in cve-disjoint: not counted)" in markdown([board])
    rows = {row.method: row for row in board.rows}
    scored = [column for column in board.columns if column[1].startswith(("flip", "novel"))]
    means = [fmean(rows[name].metric(column) or 0.0 for column in scored) for name in ("best", "second")]
    assert claim.contrasts[0].difference is not None
    assert claim.contrasts[0].difference.mean == pytest.approx(means[0] - means[1])


@pytest.mark.parametrize(("protocol", "weights"), [(2, (1 / 4, 1 / 4, 1 / 2)), (3, (1 / 3, 1 / 3, 1 / 3))])
def test_the_score_is_the_mean_over_scenarios_and_before_protocol_3_over_shift_types_first(
    protocol: int, weights: tuple[float, ...]
) -> None:
    """Two scenarios of one shift type and one of another."""
    places = (("planted-95", 0.9), ("planted-80", 0.3), ("cve-disjoint", 0.6))
    by_scenario = {name: record("any", name, 0, skill, protocol=protocol) for name, skill in places}

    def mean(r: Record) -> float:
        assert r.result is not None
        return fmean(r.result.metrics[env]["macro_f1"] for env in r.cell.scored)

    expected = sum(weight * mean(r) for weight, r in zip(weights, by_scenario.values(), strict=True))
    assert score(by_scenario) == pytest.approx(expected)
    assert sum(shares(by_scenario).values()) == pytest.approx(1)


def test_calibration_is_weighed_as_the_score_is(plain_board: Board) -> None:
    """`planted-95` has nine scored environments and `cve-disjoint` one: each scenario is half of the figure."""
    row = plain_board.rows[0]
    of = {column: metrics["calibration_error"] for column, metrics in row.metrics.items()}
    planted = fmean(v for (scenario, env), v in of.items() if scenario == "planted-95" and env[:4] in ("flip", "nove"))
    assert row.calibration[1] == pytest.approx((planted + of["cve-disjoint", "test"]) / 2)
    assert row.calibration[0] == pytest.approx((of["planted-95", "id"] + of["cve-disjoint", "id"]) / 2)


def test_seeds_beyond_the_folds_are_repeats(plain_board: Board) -> None:
    """Twelve seeds are six folds and two repeats, so the board can tell the draws from the folds."""
    once = {row.method: row for row in plain_board.rows}["best"]
    twice = {row.method: row for row in board_of(records({"best": 0.8, FALLBACK: 0.05}, seeds=12)).rows}["best"]
    assert once.components is not None
    assert twice.components is not None
    assert once.components.draws is None
    assert twice.components.draws is not None
    assert twice.sample is not None
    assert list(twice.sample.folds) == [*range(6)] * 2
    assert once.components.sampling == pytest.approx(twice.components.sampling, rel=0.2)


def test_effects_are_the_differences_from_the_first_contrast(plain_records: list[Record]) -> None:
    board = board_of(plain_records, {"third": ("best", "fourth"), "fourth": ("absent",), "best": ()})
    (effect,) = board.effects
    rows = {row.method: row for row in board.rows}
    assert (effect.method, effect.base) == ("third", "best")
    assert set(effect.id) == {"planted-95", "cve-disjoint", "iid"}
    assert set(effect.shifted) == {"planted-95", "cve-disjoint"}  # iid is not scored
    for env, found in (("id", effect.id), ("test", effect.shifted)):
        figures = [rows[name].metric(("cve-disjoint", env)) or 0.0 for name in ("third", "best")]
        assert found["cve-disjoint"].mean == pytest.approx(figures[0] - figures[1])
        assert found["cve-disjoint"].high < 0
    rates = [rows[name].metric(("planted-95", "flip.host"), "flip_rate") or 0.0 for name in ("third", "best")]
    assert effect.flip_rate["host"].mean == pytest.approx(rates[0] - rates[1])
    text = markdown([board])
    (line,) = re.findall(
        r"### Difference in macro-F1 from the first comparison method.*?\n\n.*?\n.*?\n(.*?)\n", text, re.DOTALL
    )
    assert re.fullmatch(r"\| third \| best \| -0\.\d+ ± 0\.\d+ ▼ / -0\.\d+ ± 0\.\d+ ▼ \| -0\.\d+ .* / – \| .*", line)


def test_a_cell_in_which_either_method_failed_has_no_effect(plain_records: list[Record]) -> None:
    failed = [("third", "cve-disjoint", 2), ("best", "cve-disjoint", 3)]
    kept = [r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) not in failed]
    broken = [record(*cell, 0, failure="RuntimeError: no") for cell in failed]
    (effect,) = board_of([*kept, *broken], {"third": ("best",)}).effects
    neither = {(name, "cve-disjoint", seed) for name in ("third", "best") for seed in (2, 3)}
    without = [r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) not in neither]
    (same,) = board_of(without, {"third": ("best",)}).effects
    assert effect == same


def test_records_of_an_older_draw_are_left_out_and_named(plain_records: list[Record]) -> None:
    newer = records({"best": 0.1}, scenario_version=2)
    newer = [r.model_copy(update={"key": f"{i:064x}"}) for i, r in enumerate(newer)]
    board = board_of([*plain_records, *newer])
    assert [row.method for row in board.rows] == ["best"]
    assert board.rows[0].score is not None
    assert board.rows[0].score.mean < 0.3
    assert "6 stale records, made by version 1 of iid or of its environments" not in board.notes  # of five methods
    assert "30 stale records, made by version 1 of iid or of its environments" in board.notes


def test_a_second_record_of_a_cell_adds_its_derived_tests_and_nothing_else(
    plain_records: list[Record], plain_board: Board
) -> None:
    (plain,) = (r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) == ("best", "iid", 0))
    assert plain.result is not None
    perturbed = EnvironmentInfo(kind="perturbed", subject="encoding")
    cell = plain.cell.model_copy(
        update={
            "environments": {
                **plain.cell.environments,
                "perturbed.encoding": perturbed,
            }
        }
    )
    figures = {"id": {"macro_f1": 0.0, "rows": 1.0}, "perturbed.encoding": {"macro_f1": 0.5, "rows": 1.0}}
    result = plain.result.model_copy(update={"metrics": {**figures, "id": plain.result.metrics["id"]}})
    more = plain.model_copy(update={"cell": cell, "result": result, "key": "f" * 64})
    one, two = plain_board.rows[0], board_of([*plain_records, more]).rows[0]
    assert two.metric(("iid", "perturbed.encoding")) == 0.5
    assert (two.id, two.score, two.cost.trials, two.worst) == (one.id, one.score, one.cost.trials, one.worst)


def test_a_cell_that_few_methods_have_unranks_none_and_counts_in_no_score(
    plain_records: list[Record], plain_board: Board
) -> None:
    extra = record("best", "iid", 9, 0.9), record("best", "cve-disjoint", 9, 0.1)
    one, two = plain_board, board_of([*plain_records, *extra])
    assert [(row.method, row.rank, row.score) for row in one.rows] == [(r.method, r.rank, r.score) for r in two.rows]
    assert any(
        "best: cells that at least half of the methods lack" in note and "cve-disjoint, seed 9" in note
        for note in two.notes
    )


def test_a_seed_counts_once_it_has_every_scored_scenario() -> None:
    every = records(SKILLS, seeds=4)
    early = [r for r in every if r.cell.seed < 3 or r.cell.scenario in ("iid", "cve-disjoint")]
    before, after = board_of([r for r in every if r.cell.seed < 3]), board_of(early)
    assert [(row.method, row.rank, row.score) for row in after.rows] == [
        (row.method, row.rank, row.score) for row in before.rows
    ]
    assert after.seeds == (0, 1, 2)
    (note,) = (note for note in after.notes if "in no score" in note)
    assert note.startswith("seed 3 in no score: at least half of the methods have no record of planted-95, seed 3")
    unscored = [r for r in every if r.cell.seed < 3 or r.cell.scenario != "iid"]
    assert board_of(unscored).seeds == (0, 1, 2, 3)


def test_a_score_is_of_all_there_is_where_no_seed_is_whole() -> None:
    split = [r for r in records(SKILLS, seeds=2) if (r.cell.scenario, r.cell.seed) not in
             (("cve-disjoint", 0), ("planted-95", 1))]  # fmt: skip
    board = board_of(split)
    assert board.seeds == (0, 1)
    assert all(row.score for row in board.rows)


def test_a_failed_cell_counts_with_the_fallbacks_figures_everywhere(plain_records: list[Record]) -> None:
    kept = [r for r in plain_records if (r.cell.method, r.cell.scenario) != ("third", "cve-disjoint")]
    broken = [record("third", "cve-disjoint", seed, 0, failure="RuntimeError: no") for seed in range(6)]
    (row,) = (row for row in board_of([*kept, *broken]).rows if row.method == "third")
    assert row.worst is not None
    assert row.worst[1] == "cve-disjoint/test"
    assert row.worst[0] < 0.2
    assert row.gap is not None
    assert row.gap == pytest.approx(0.1, abs=0.05)  # the world's own: a failure is no shift


def test_scenarios_that_are_not_scored_weigh_in_no_gap() -> None:
    skills = {"a": 0.5, "b": 0.5}
    found = [r for r in records(skills) if r.cell.scenario != "iid"]
    easy = [record(m, "iid", seed, 1.0, scored=[]) for m in skills for seed in range(6)]
    assert [row.gap for row in board_of([*found, *easy]).rows] == [row.gap for row in board_of(found).rows]


def test_notes_that_differ_in_numbers_are_one() -> None:
    notes = [
        "a: 7 of 330 rows",
        "a: 12 of 330 rows",
        "tests begin at 2021-03-04",
        "tests begin at 2021-05-01",
        "v1.2.3: 1",
    ]
    assert merge_numbers(notes) == [
        "a: 7 to 12 of 330 rows",
        "tests begin at 2021-03-04",
        "tests begin at 2021-05-01",
        "v1.2.3: 1",
    ]


def test_notes_of_several_subjects_with_one_text_are_one() -> None:
    notes = ["coral: the penalty is zero", "jtt: other", "no subject", "v-rex: the penalty is zero"]
    assert merge_subjects(notes) == ["coral, v-rex: the penalty is zero", "jtt: other", "no subject"]


def test_methods_that_lack_the_same_cells_share_a_line(plain_records: list[Record]) -> None:
    lacking = [record(name, "iid", seed, 0.5) for name in ("partial-1", "partial-2") for seed in range(6)]
    text = markdown([board_of([*plain_records, *lacking])])
    assert re.search(
        r"^- partial-\d, partial-\d: cve-disjoint, seeds 0, 1, 2, 3, 4, 5; planted-95, seeds 0", text, re.M
    )
    (table,) = re.findall(r"### planted-95 \(shift.*?\n\n(.*?)\n\n", text, re.DOTALL)
    assert "best" in table
    assert "partial-1" not in table  # it has no result there


def test_effective_robustness_is_fitted_on_methods_that_claim_none(plain_records: list[Record]) -> None:
    grouped = records({"grouped": 0.9}, tags=["groups"])
    found = board_of([*plain_records, *grouped], {"second": ("best",)}).robustness
    assert found is not None
    assert found.baselines == ("best", "fourth", "third")
    assert "needs 4 baselines, and the board has 3" in found.unavailable_reason
    more = board_of([*plain_records, *records({"fifth": 0.6})])
    assert more.robustness is not None
    assert abs(more.robustness.effective["third"]) < 0.1


def test_zero_shot_has_a_table_of_its_own(plain_records: list[Record]) -> None:
    shots = [record(m, "zero-shot", s, skill) for m, skill in SKILLS.items() for s in range(6)]
    text = markdown([board_of([*plain_records, *shots])])
    (line,) = re.findall(r"### zero-shot \(not scored\).*?\n\n.*?\n.*?\n\| best \| (.*?) \|\n", text, re.DOTALL)
    seen, unseen, harmonic = map(float, line.split(" | "))
    assert harmonic == pytest.approx(2 * seen * unseen / (seen + unseen), abs=0.01)


def test_a_stale_record_is_left_out_and_named(plain_records: list[Record]) -> None:
    board = board_of([*plain_records, *records({"old": 0.9}, method_version=0)])
    assert "old" not in {row.method for row in board.rows}
    assert "18 stale records, made by version 0 of old" in board.notes


def test_a_board_that_does_not_rank_is_brief_beside_one_that_does(plain_records: list[Record]) -> None:
    quick = records({"best": 0.8, FALLBACK: 0.1}, seeds=1, preset="quick")
    found = boards([*quick, *plain_records], rules())
    assert [board.ranked for board in found] == [True, False]
    assert "The details of this board are in" in markdown(found)


def test_a_full_board_fits_in_300_lines(plain_records: list[Record]) -> None:
    many = [r for i in range(20) for r in records({f"method-{i}": 0.5}, seeds=1)]
    board = board_of([*many, *records({FALLBACK: 0.05}, seeds=1)], {"method-1": ("method-2",)})
    assert len(markdown([board]).splitlines()) <= 300


def test_where_the_records_were_made_and_what_they_cost_is_added_up(
    plain_records: list[Record], plain_board: Board
) -> None:
    count = len(plain_records)
    moved = plain_records[0].provenance.model_copy(update={"machine": {"processor": "other"}, "shared_seconds": 1800.0})
    board = board_of([plain_records[0].model_copy(update={"provenance": moved}), *plain_records[1:]])
    assert board.provenance["processor"] == f"any ({count - 1} records), other (1 records)"
    assert board.provenance["core-hours"] == (
        f"{count * 12.5 / 3600:.2f} of tuning, {count / 3600:.2f} of scoring, "
        "0.00 of scoring trials that were not selected, "
        "0.50 of shared steps, charged to each cell"
    )
    assert plain_board.provenance["processor"] == "any"


def test_the_order_of_records_changes_nothing(plain_records: list[Record]) -> None:
    there, back = (to_json([board_of(found)], {}) for found in (plain_records, plain_records[::-1]))
    assert json.dumps(there, sort_keys=True) == json.dumps(back, sort_keys=True)


HOSTILE = "a | b <script>x</script> &lt; `code` [l](http://x.test) **b** \u202eevil\u202c \x1b[31mred @someone $x$ _i_"


def test_text_from_data_and_plug_ins_is_escaped(plain_records: list[Record]) -> None:
    broken = record("third", "cve-disjoint", 2, 0, failure=HOSTILE)
    kept = [r for r in plain_records if (r.cell.method, r.cell.scenario, r.cell.seed) != ("third", "cve-disjoint", 2)]
    board = replace(board_of([*kept, broken]), notes=(HOSTILE,))
    text = markdown([board])
    for line in text.splitlines():
        assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", line)
        assert "<script" not in line
    assert r"a \| b &lt;script&gt;x&lt;/script&gt; &amp;lt; \`code\` \[l\](http" in text
    assert r"\\u202eevil\\u202c \\u001b\[31mred &#64;someone \$x\$ \_i\_" in text
    shown = "\n".join(terminal_lines(board))
    assert "\\u001b[31mred" in shown
    assert "\x1b" not in shown
    for caption, _, _ in terminal_tables(board, 160):
        assert caption.isprintable()


@pytest.mark.parametrize("width", [60, 80, 120, 160, 300])
def test_a_table_fits_its_terminal_and_says_which_columns_do_not(plain_records: list[Record], width: int) -> None:
    board = board_of(plain_records, {"best": ("third",)})
    console = Console(width=width, file=io.StringIO())
    hidden = ""
    for _, table, note in terminal_tables(board, width):
        console.print(table)
        hidden += note
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= width
    assert ("columns hidden (terminal too narrow): " in hidden) == (width < 300)
    assert ("shared steps s" in hidden) == (width < 300)
    cells = {cell for _, _, lines in tables.main_tables(board) for line in lines for cell in line[1:3]}
    assert all(f" {cell} " in shown for cell in cells)  # names and scores are whole


def test_a_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 400).endswith("… (100 more characters)")
    assert in_markdown("tfidf-logreg") == "tfidf-logreg"


def test_the_default_configurations_and_the_best_trials_have_scores_of_their_own(
    plain_records: list[Record], plain_board: Board
) -> None:
    for row in plain_board.rows:
        assert row.score is not None
        assert row.default is not None
        assert row.default.mean == pytest.approx(row.score.mean * OF_TRIALS[0])
        assert row.selection_gap == pytest.approx(row.score.mean * (max(OF_TRIALS) - 1))
        assert row.not_default == 1
    assert "Default configurations (trial 0)" in markdown([plain_board])
    old = [without_tests(r) for r in plain_records]
    assert {(row.default, row.selection_gap) for row in board_of(old).rows} == {(None, None)}
    assert "Default configurations" not in markdown([board_of(old)])


def test_the_share_of_the_attacks_that_is_not_read_is_shown(plain_records: list[Record]) -> None:
    cut, shares = [], []
    for number, one in enumerate(plain_records):
        assert one.result is not None
        share = number / 10_000 if one.cell.method == "best" else None
        shares += [] if share is None else [share]
        cut.append(one.model_copy(update={"result": one.result.model_copy(update={"unread": share})}))
    board = board_of(cut)
    by_method = {row.method: row.unread for row in board.rows}
    assert by_method.pop("best") == pytest.approx(fmean(shares))
    assert set(by_method.values()) == {None}
    assert f"| {fmean(shares):.2%} |" in markdown([board])


def test_the_inputs_of_the_selected_configurations_are_counted(plain_records: list[Record]) -> None:
    read = []
    for one in plain_records:
        assert one.result is not None
        params = {"input": "raw" if one.cell.seed == 0 else "fields"} if one.cell.method != FALLBACK else {}
        read.append(one.model_copy(update={"result": one.result.model_copy(update={"params": params})}))
    board = board_of(read)
    by_method = {row.method: row for row in board.rows}
    assert by_method[FALLBACK].inputs == {}
    seeds = Counter(one.cell.seed for one in read if one.cell.method == "best")
    expected = {"raw": seeds[0], "fields": seeds.total() - seeds[0]}
    assert by_method["best"].inputs == expected
    assert f"| fields {expected['fields']}, raw {expected['raw']} |" in markdown([board])


def test_the_validation_curve_is_that_of_the_random_trials() -> None:
    """Trials 1 to 3 have 0.6, 0.7 and 0.8 on validation; trial 0, with 0.5, is the default and no random draw."""
    found = records({"one": 0.5, FALLBACK: 0.05}, seeds=1)
    for row in board_of(found).rows:
        assert row.curve == pytest.approx((0.7, (0.7 + 0.8 + 0.8) / 3, 0.8))


def test_the_worst_environment_is_a_scored_one() -> None:
    """`iid` is lower than all tests under shift, and not scored."""
    skills = {"planted-95": 0.8, "cve-disjoint": 0.6, "iid": 0.2}
    found = [record(m, name, 0, skill) for m in ("one", FALLBACK) for name, skill in skills.items()]
    for row in board_of(found).rows:
        assert row.worst is not None
        assert row.worst == (row.metric(("cve-disjoint", "test")), "cve-disjoint/test")


def without_tests(record: Record) -> Record:
    assert record.result is not None
    trials = [trial.model_copy(update={"test_macro_f1": {}}) for trial in record.result.trials]
    return record.model_copy(update={"result": record.result.model_copy(update={"trials": trials})})


def test_the_score_is_the_mean_over_scenarios_and_each_shift_type_has_a_rank(plain_records: list[Record]) -> None:
    more = [record(name, "rare-class", seed, skill) for name, skill in RARE.items() for seed in range(6)]
    board = board_of([*plain_records, *more])
    for row in board.rows:
        by_scenario = {"planted-95": mean_of(row, "planted-95"), "cve-disjoint": mean_of(row, "cve-disjoint")}
        by_scenario["rare-class"] = mean_of(row, "rare-class")
        assert row.score is not None
        assert row.score.mean == pytest.approx(sum(by_scenario.values()) / 3)
        assert row.by_shift["class-imbalance"].mean == pytest.approx(by_scenario["rare-class"])
    ranks = {row.method: (row.shift_ranks["attribute-generalization"], row.rank) for row in board.rows}
    assert ranks["best"] == (1, 1)
    by_rare = sorted(board.rows, key=lambda row: row.shift_ranks["class-imbalance"])
    assert by_rare[0].method == "fourth"


RARE = {"best": 0.7, "second": 0.7, "third": 0.5, "fourth": 0.9, FALLBACK: 0.05}


def mean_of(row: Row, scenario: str) -> float:
    values = [row.metrics[scenario, env]["macro_f1"] for env in scored_environments(scenario)]
    return sum(values) / len(values)


def scored_environments(scenario: str) -> list[str]:
    return record("any", scenario, 0, 0.5).cell.scored


def test_records_of_two_protocols_never_share_a_board(plain_records: list[Record]) -> None:
    new, old = boards([r for each in plain_records for r in (of_protocol_2(each), each)], rules())
    assert (new.setting.protocol, old.setting.protocol) == (PROTOCOL_VERSION, 2)
    assert [row.done for row in new.rows] == [row.done for row in old.rows]


def of_protocol_2(record: Record) -> Record:
    cell = record.cell.model_copy(update={"protocol": 2})
    return record.model_copy(update={"cell": cell, "key": record.key[::-1]})


def test_planted_cues_starve_and_mislead(plain_board: Board) -> None:
    header, lines = next((h, table) for caption, h, table in scenarios(plain_board) if caption.startswith("planted-95"))
    assert header[-3:] == ["starvation", "reliance", "reliance / neutral"]
    row = next(row for row in plain_board.rows if row.method == "best")
    neutral = row.metrics["planted-95", "neutral"]["macro_f1"]
    flips = [row.metrics["planted-95", f"flip.{cue}"]["macro_f1"] for cue in CUES if cue != "all"]
    loss = neutral - sum(flips) / len(flips)
    starved = row.metrics["iid", "neutral"]["macro_f1"] - neutral
    line = next(line for line in lines if line[0] == "best")
    assert line[-3:] == [f"{starved:.3f}", f"{loss:.3f}", f"{loss / neutral:.0%}"]
