"""The suite in a process of its own: code that hangs or crashes costs the check it does so in, and nothing else."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from harness import registry
from harness.execution.local_executor import death, processes, start
from harness.execution.worker import end_with_parent, limit_memory, redirect_output
from harness.method import MethodInfo
from harness.storage.shared_steps import SharedSteps
from harness.testing.outcome import Check, Outcome
from harness.testing.subject import Subject
from harness.testing.suite import CHECKS, passed_over, run

_START = 60.0  # seconds beside those of a check that a new process may take to load what the method needs
_LAST_WORDS = 5.0  # seconds that a process may take to end after it was told


class Bench:
    """A process that checks one method, started anew when a check has cost it.

    Args:
        info: of the method, whose plug-in files are ``plugins``.
        plugins: files that register what is not built in.
        seconds: most wall time of one check.
        memory: most bytes of private memory of the process; None for no limit.
        folder: for shared steps and the log.
    """

    def __init__(
        self, info: MethodInfo, plugins: tuple[str, ...], seconds: float, memory: int | None, folder: Path
    ) -> None:
        self._name, self._plugins, self._seconds, self._memory = info.name, plugins, seconds, memory
        self._folder = folder
        self._context = processes(("harness.testing.apart", *info.requires))
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def log(self) -> str:
        """What the method printed so far, and the tracebacks of what it raised."""
        path = self._folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def run(self, check: Check) -> Outcome:
        """Runs one check; a process that does not answer in time is killed."""
        allowed = self._seconds + (_START if self._process is None else 0)
        connection, began = self._connection or self._start(), time.monotonic()
        try:
            connection.send(check.name)
            if connection.poll(allowed):
                outcome: Outcome = connection.recv()
                return outcome
            text = f"still running after {self._seconds:g} s (--seconds)"
        except (EOFError, OSError):
            assert self._process is not None
            self._process.join(_LAST_WORDS)
            text = death(self._process.exitcode, self._memory)[1]
        self.close()
        return Outcome(check.name, "failed", text, time.monotonic() - began)

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = self._connection = None

    def _start(self) -> Connection:
        ours, theirs = self._context.Pipe()
        arguments = (self._name, self._plugins, self._memory, str(self._folder), theirs)
        self._process = self._context.Process(target=_serve, args=arguments, daemon=True)  # type: ignore[attr-defined]
        start(self._process)
        theirs.close()
        self._connection = ours
        return ours


def _serve(name: str, plugins: tuple[str, ...], memory: int | None, folder: str, connection: Connection) -> None:
    """Answers names of checks with their outcomes, until nobody asks."""
    end_with_parent()
    redirect_output(Path(folder) / "log")
    if memory is not None:
        limit_memory(memory)
    registry.discover(plugins)
    subject = Subject(registry.method(name), SharedSteps(Path(folder) / "shared"))
    checks = {check.name: check for check in CHECKS}
    try:
        while True:
            outcome = run(checks[connection.recv()], subject)
            sys.stdout.flush()
            connection.send(outcome)
    except EOFError:
        os._exit(0)  # nothing of the method's may outlive the checks


@contextmanager
def bench(info: MethodInfo, plugins: tuple[str, ...], seconds: float, memory: int | None) -> Iterator[Bench]:
    """Yields a `Bench`, and leaves nothing of it behind."""
    with tempfile.TemporaryDirectory(prefix="harness-testing-") as folder:
        made = Bench(info, plugins, seconds, memory, Path(folder))
        try:
            yield made
        finally:
            made.close()


def outcomes(made: Bench) -> Iterator[Outcome]:
    """Runs every check and yields what comes of it, as it comes."""
    so_far: list[Outcome] = []
    for check in CHECKS:
        so_far.append(passed_over(check, so_far) or made.run(check))
        yield so_far[-1]
