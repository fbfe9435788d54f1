"""Rank agreement of two boards, on records whose true order is known, and the command line's output."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.boards.agreement import agreement
from harness.boards.model import Board
from harness.protocol import FALLBACK
from harness.records.store import Store
from tests.conftest import Shell
from tests.harness.boards.boards import record, records
from tests.harness.boards.test_build import board_of

ORDER = ("a", "b", "c", "d", "e")
APART = dict(zip(ORDER, (0.9, 0.75, 0.6, 0.45, 0.3), strict=True)) | {FALLBACK: 0.05}


def reversed_skills() -> dict[str, float]:
    return {name: 1 - skill for name, skill in APART.items() if name != FALLBACK} | {FALLBACK: 0.05}


@pytest.fixture(scope="module")
def apart() -> Board:
    return board_of(records(APART))


def test_the_same_order_gives_1_and_the_opposite_minus_1(apart: Board) -> None:
    second = board_of(records(reversed_skills(), seeds=3, corpus="d" * 64))
    same, opposite = agreement(apart, apart), agreement(apart, second)
    assert (same.tau, same.between, *same.within) == pytest.approx((1, 1, 1, 1))
    assert (opposite.tau, opposite.between, *opposite.within) == pytest.approx((-1, -1, 1, 1))
    assert same.p == opposite.p == pytest.approx(2 / 120)  # two of the 5! orders
    assert tuple(same.methods) == ORDER
    assert same.exclusions == (f"{FALLBACK}: the fallback for failed cells",)


def test_of_two_neighbours_changed_tau_loses_two_pairs_in_ten(apart: Board) -> None:
    changed = APART | {"a": APART["b"], "b": APART["a"]}
    found = agreement(apart, board_of(records(changed, seeds=3, corpus="d" * 64)))
    assert found.tau == pytest.approx(1 - 2 / 10)


def test_equal_methods_agree_across_boards_as_little_as_within_one() -> None:
    alike = dict.fromkeys(ORDER, 0.6)
    found = agreement(board_of(records(alike)), board_of(records(alike, corpus="d" * 64)))
    for tau in (found.between, *found.within):
        assert tau is not None
        assert abs(tau) < 0.4


def test_what_cannot_be_compared_is_named_and_one_seed_has_no_order_to_agree_with() -> None:
    first = [
        *records(APART, seeds=1),
        *records({"checks": 0.5}, seeds=1, kind="control"),
        *records({"only-here": 0.5}, seeds=1),
        record("cut-short", "iid", 0, 0.5),
    ]
    second = records(APART | {"cut-short": 0.5}, seeds=2)
    found = agreement(board_of(first), board_of(second))
    assert found.exclusions == (
        "checks: kind control, which is not ranked",
        "cut-short: cells missing on the first board",
        f"{FALLBACK}: the fallback for failed cells",
        "only-here: not on the second board",
    )
    assert found.within == (None, pytest.approx(1))


def test_scores_that_all_tie_have_no_order(apart: Board) -> None:
    tied = replace(apart, rows=tuple(replace(r, by_seed=dict.fromkeys(r.by_seed, 0.5)) for r in apart.rows))
    with pytest.raises(ValueError, match="all methods have the same score"):
        agreement(apart, tied)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("folders")
    for name, skills in (("one", APART), ("two", reversed_skills())):
        store = Store(root / name)
        for made in records(skills, seeds=2):
            store.put(made)
    return root / "one", root / "two"


def test_the_command_prints_both_places_of_every_method_and_tau(shell: Shell, folders: tuple[Path, Path]) -> None:
    done = shell("results", "agreement", *folders)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    places = {line[0]: (line[1], line[3]) for line in lines if line and line[0] in ORDER}
    assert places == dict(zip(ORDER, zip("12345", "54321", strict=True), strict=True))
    assert "Kendall's tau over 5 methods: -1.00 (p = 0.017 for no association)." in done.stdout
    assert (
        "Between single seeds: -1.00 across the boards, +1.00 within the first, +1.00 within the second." in done.stdout
    )
    assert f"not compared: {FALLBACK}: the fallback for failed cells" in done.stdout


def test_a_folder_of_two_boards_of_none_or_of_two_methods_is_refused(shell: Shell, folders: tuple[Path, Path]) -> None:
    one, _ = folders
    few, two = Store(shell.folder / "few"), Store(shell.folder / "two")
    for made in records({"a": 0.6, "b": 0.5}, seeds=1):
        few.put(made)
    for made in (*records({"a": 0.6}, seeds=2), *records({"a": 0.6}, seeds=1, preset="quick")):
        two.put(made)
    for second, sentence in (
        (two.root, "the records form 2 boards (synthetic cccccccc, standard, 300 s; "),
        (shell.folder / "nowhere", "nowhere: there is no such folder"),
        (
            few.root,
            "both boards share 2 ranked methods with all cells (majority not counted); at least 3 are required.",
        ),
    ):
        done = shell("results", "agreement", one, second)
        assert (done.returncode, done.stdout) == (2, "")
        assert sentence in done.stderr
        assert len(done.stderr.splitlines()) == 1
