"""`harness results power`: how many repeats show a difference, and what it needs for that."""

from pathlib import Path

import pytest

from tests.conftest import Shell

PAIR = ("results", "power", "nearest-neighbor", "majority")


@pytest.fixture(scope="module")
def shell_with_run(tmp_path_factory: pytest.TempPathFactory, cache: Path, mapped: tuple[str, ...]) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("power"), cache)
    methods = ("--method", "nearest-neighbor,majority", "--scenario", "group-disjoint,random", *mapped)
    for seeds, folder in ((8, "two"), (3, "one")):  # six folds: seeds 6 and 7 are second repeats
        done = shell("run", *methods, "--seeds", seeds, "--results", folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return shell


def test_more_repeats_detect_smaller_differences_at_a_higher_cost(shell_with_run: Shell) -> None:
    done = shell_with_run(*PAIR, "--results", "two", "--scenario", "group-disjoint", "--repeats", "1,2,8")
    assert done.returncode == 0, done.stderr
    assert "nearest-neighbor minus majority is +" in done.stdout
    assert "over 8 seeds of 6 folds" in done.stdout
    assert "test units" in done.stdout
    assert "repeats of a fold" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    assert [line[:2] for line in lines] == [["1", "6"], ["2", "12"], ["8", "48"]]
    detectable = [float(line[2]) for line in lines]
    assert detectable == sorted(detectable, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((*PAIR, "--results", "one"), "two repeats of one of them, such as seeds 0 and 6"),
        ((*PAIR, "--results", "two", "--repeats", "0"), "--repeats 0: the value must be whole numbers above 0"),
        ((*PAIR, "--results", "two", "--scenario", "randon"), "has no record of it; did you mean random?"),
        ((*PAIR, "--results", "nowhere"), "there is no such folder"),
        (("results", "power", "majorit", "majority", "--results", "two"), "did you mean majority?"),
    ],
)
def test_what_it_lacks_is_one_sentence(shell_with_run: Shell, arguments: tuple[str, ...], complaint: str) -> None:
    done = shell_with_run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
