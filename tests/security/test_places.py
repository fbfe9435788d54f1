"""Folders without locks, closed terminals and killed runs: nothing is lost, left running or left behind."""

import errno
import os
import pty
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import Shell, results_of
from tests.security.rounds import full_rounds

PLUGIN = """
import errno, fcntl, os, sys, time
import numpy as np
from harness import Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes)

@register_method("sleeps", version=1, summary="")
class Sleeps(Method):
    def fit(self, train, validation, params, context):
        print("asleep", flush=True)
        time.sleep(600)

@register_method("even", version=1, summary="")
class Even_(Method):
    def fit(self, train, validation, params, context): return Even(len(context.classes))
"""
NO_LOCKS = """
def refuse(*arguments):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

fcntl.lockf = refuse
"""


def run_of(shell: Shell, mapped: tuple[str, ...], method: str, more: str = "") -> tuple[object, ...]:
    plugin = shell.folder / "plugin.py"
    plugin.write_text(PLUGIN + more, encoding="utf-8")
    return (
        "run",
        *mapped,
        "--plugin",
        plugin,
        "--method",
        method,
        "--scenario",
        "random",
        "--seeds",
        2,
        "--workers",
        2,
    )


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def cells_asleep(shell: Shell) -> bool:
    logs = list((shell.folder / "results/local/.logs").glob("*.log"))
    return len(logs) == 2 and all("asleep" in log.read_text(encoding="utf-8") for log in logs)


def test_a_folder_without_locks_is_used_without_them(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = run_of(shell, mapped, "even", NO_LOCKS)
    for _ in range(2):
        done = shell(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(results_of(shell.folder / "results/local")) == 2
        if "2 to run" in done.stdout:
            assert done.stderr.count("cannot be locked") == 1
            assert f"({os.strerror(errno.ENOLCK)})" in done.stderr
            assert "--shard" in done.stderr


def test_a_lock_file_that_is_a_link_is_not_followed(shell: Shell, mapped: tuple[str, ...]) -> None:
    root = shell.folder / "results/local"
    root.mkdir(parents=True)
    (root / ".claims").symlink_to(shell.folder / "elsewhere")
    done = shell(*run_of(shell, mapped, "even"))
    assert done.returncode == 2
    assert "the file .claims cannot be written there" in done.stderr
    assert not (shell.folder / "elsewhere").exists()


def test_a_closed_terminal_ends_the_run_and_its_workers(shell: Shell, mapped: tuple[str, ...]) -> None:
    terminal, child_side = pty.openpty()

    def take_terminal() -> None:
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    streams = {"stdin": child_side, "stdout": child_side, "stderr": child_side}
    command = shell.command(*run_of(shell, mapped, "even,sleeps"), "--seeds", 1)
    run = subprocess.Popen(command, cwd=shell.folder, env=shell.environment, preexec_fn=take_terminal, **streams)
    os.close(child_side)
    folder = shell.folder / "results/local"
    asleep = "sleeps-random-s0-*.log"
    wait_until(lambda: any(log.stat().st_size for log in (folder / ".logs").glob(asleep)) and results_of(folder))
    children = psutil.Process(run.pid).children(recursive=True)
    os.close(terminal)  # the kernel sends SIGHUP to the foreground process group
    assert run.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert [record["status"] for record in results_of(folder).values()] == ["done"]
    assert list((folder / ".logs").iterdir()) == []
    assert not list(folder.glob(".status-*"))
    done = shell(*run_of(shell, mapped, "even"))
    assert done.returncode == 0, done.stderr
    assert "1 to run, 1 with a record" in done.stdout


@full_rounds
def test_nohup_is_respected(shell: Shell, mapped: tuple[str, ...]) -> None:
    command = ["nohup", *shell.command(*run_of(shell, mapped, "sleeps"))]
    output = (shell.folder / "output").open("wb")
    run = subprocess.Popen(
        command, cwd=shell.folder, env=shell.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    wait_until(lambda: cells_asleep(shell))
    run.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(2)
    run.terminate()
    assert run.wait(60) == 130


@full_rounds
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_no_logs_and_no_temporary_folders(
    shell: Shell, mapped: tuple[str, ...], number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = Path(tempfile.mkdtemp(dir="/tmp"))  # short, since the paths of sockets have at most 107 characters
    monkeypatch.setenv("TMPDIR", str(temporary))
    run = shell.start(*run_of(shell, mapped, "sleeps"))
    wait_until(lambda: cells_asleep(shell))
    assert list(temporary.iterdir())
    children = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(number)
    run.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    temporary.rmdir()  # fails if it is not empty
    done = shell(*run_of(shell, mapped, "even"))  # a later run removes the logs that a killed one had to leave
    assert done.returncode == 0, done.stderr
    assert list((shell.folder / "results/local/.logs").iterdir()) == []


def test_the_note_of_a_worker_reaches_the_user_once(shell: Shell, mapped: tuple[str, ...]) -> None:
    """The folder of shared steps cannot be written, so each cell computes its own step."""
    shell.cache = shell.folder / "cache"
    plugin = shell.folder / "step.py"
    text = PLUGIN.replace("return Even(", 'context.shared("s", "c", lambda: {"a": np.zeros(3)}); return Even(')
    arguments = run_of(shell, mapped, "even")
    plugin.write_text(text, encoding="utf-8")
    arguments = tuple(plugin if argument == shell.folder / "plugin.py" else argument for argument in arguments)
    shell.cache.mkdir()
    (shell.cache / "shared").touch()
    done = shell(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("shared steps are not cached") == 1
    assert len(results_of(shell.folder / "results/local")) == 2


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_cache_is_one_sentence_and_nothing_stays(shell: Shell, full_disk: Path) -> None:
    shell.cache = full_disk / "cache"
    done = shell("run", "--method", "majority")
    assert done.returncode == 2
    assert f"the cache folder {shell.cache} cannot be written to (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in shell.cache.rglob("*") if path.is_file()] == []
