"""Runs that share a folder, die, or find the disk full: no cell twice, none lost, no half-written file."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Shell, results_of

FAST = ("run", "--method", "majority,nearest-neighbor,tfidf-logreg", "--trials", 2, "--seeds", 2)
CELLS = 18
KILLS = 200 if os.environ.get("HARNESS_FULL_ROUNDS") else 5
THREE = ("--scenario", "random,group-disjoint,long-tail")


def finished(output: str) -> int:
    return len(re.findall(r"^\[\d+/\d+\]", output, re.M))


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, mapped: tuple[str, ...]
) -> dict[str, dict[str, object]]:
    shell = Shell(tmp_path_factory.mktemp("undisturbed"), cache)
    done = shell(*FAST, *THREE, *mapped)
    assert done.returncode == 0, done.stdout + done.stderr
    results = results_of(shell.folder / "results/local")
    assert len(results) == CELLS
    return results


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".writing-") or path.suffix == ".tmp"]


def test_two_runs_on_one_folder_share_the_cells(shell: Shell, mapped: tuple[str, ...], undisturbed: dict) -> None:
    runs = [shell.start(*FAST, *THREE, *mapped, "--workers", 1) for _ in range(2)]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert [finished(output) > 0 for output in outputs] == [True, True], outputs
    assert sum(map(finished, outputs)) == CELLS
    assert results_of(shell.folder / "results/local") == undisturbed


def test_shards_together_are_the_whole(shell: Shell, mapped: tuple[str, ...], undisturbed: dict) -> None:
    counts = []
    for part in (1, 2, 3):
        done = shell(*FAST, *THREE, *mapped, "--shard", f"{part}/3")
        assert done.returncode == 0, done.stderr
        counts.append(finished(done.stdout))
    assert sum(counts) == CELLS
    assert max(counts) < CELLS
    assert results_of(shell.folder / "results/local") == undisturbed


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b"])
def test_a_shard_that_is_none_is_one_sentence(shell: Shell, text: str) -> None:
    done = shell("run", "--shard", text)
    assert done.returncode == 2
    assert f"--shard {text}: the value must have the form I/N" in done.stderr


@pytest.mark.timeout(3600)
def test_kill_9_at_any_moment_loses_and_leaves_nothing(
    shell: Shell, mapped: tuple[str, ...], undisturbed: dict
) -> None:
    rng = random.Random(0)
    folder = shell.folder / "results/local"
    for _ in range(KILLS):
        run = shell.start(*FAST, *THREE, *mapped)
        time.sleep(rng.uniform(0.3, 3))
        run.kill()
        run.communicate()
        if len(results_of(folder)) == CELLS:
            shutil.rmtree(folder)
    assert shell(*FAST, *THREE, *mapped).returncode == 0
    assert results_of(folder) == undisturbed
    assert leftovers(folder) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_and_the_command_goes_on(
    shell: Shell, mapped: tuple[str, ...], undisturbed: dict, number: signal.Signals
) -> None:
    folder = shell.folder / "results/local"
    run = shell.start(*FAST, *THREE, *mapped, "--workers", 1)
    deadline = time.monotonic() + 120
    while not list(folder.glob("*/*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(number)
    output = run.communicate(timeout=60)[0]
    assert run.returncode == 130, output
    assert "Interrupted; finished cells are kept" in output
    assert "Traceback" not in output
    assert leftovers(folder) == []
    assert shell(*FAST, *THREE, *mapped).returncode == 0
    assert results_of(folder) == undisturbed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_the_rest_is_finished_later(
    shell: Shell, mapped: tuple[str, ...], undisturbed: dict, small_disk: Path
) -> None:
    arguments = (*FAST, *THREE, *mapped, "--results", small_disk / "results")
    full = shell(*arguments)
    assert full.returncode == 1, full.stdout + full.stderr
    assert "No space left on device" in full.stdout
    assert "Traceback" not in full.stdout + full.stderr
    assert 0 < len(results_of(small_disk / "results")) < CELLS
    assert leftovers(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert shell(*arguments).returncode == 0
    assert results_of(small_disk / "results") == undisturbed
