"""The ports that Ray opens if a run starts it."""

import importlib.util
import time

import psutil
import pytest

from tests.conftest import Shell
from tests.harness.execution.ray.test_ray import PLUGIN
from tests.security.rounds import full_rounds

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
LOOPBACK = ("127.", "::1", "::ffff:127.")


def listening(run: psutil.Process) -> set[tuple[str, str]]:
    """Returns name and address of every TCP socket on which a process or one of its descendants listens."""
    found = set()
    for process in [run, *run.children(recursive=True)]:
        try:
            sockets = process.net_connections(kind="inet")
            found |= {(process.name(), s.laddr.ip) for s in sockets if s.status == psutil.CONN_LISTEN}
        except psutil.NoSuchProcess:
            continue
    return found


@full_rounds
def test_the_ray_of_a_run_listens_on_loopback_only(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin, marks = shell.folder / "plugin.py", shell.folder / "marks"
    marks.mkdir()
    plugin.write_text(PLUGIN.format(marks=str(marks)), encoding="utf-8")
    arguments = ("run", *mapped, "--plugin", plugin, "--method", "sleeps", "--scenario", "random", "--seeds", 1)
    run = shell.start(*arguments, "--workers", 1, "--executor", "ray")
    try:
        deadline = time.monotonic() + 200
        while not list(marks.iterdir()) and time.monotonic() < deadline and run.poll() is None:
            time.sleep(0.2)
        assert list(marks.iterdir()), run.poll()
        found = listening(psutil.Process(run.pid))
        assert {"gcs_server", "raylet"} <= {name for name, _ in found}
        assert [socket for socket in sorted(found) if not socket[1].startswith(LOOPBACK)] == []
    finally:
        run.terminate()
        run.communicate(timeout=60)
