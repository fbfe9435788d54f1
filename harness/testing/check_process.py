"""Runs the conformance suite in a separate process: a hang or crash fails one check and not the whole suite."""

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
from harness.execution.local_executor import describe_exit, process_context, start_process
from harness.execution.worker import end_with_parent, limit_memory, redirect_output, restore_environment
from harness.method import MethodInfo
from harness.storage.shared_steps import SharedSteps
from harness.testing.outcome import Check, CheckOutcome
from harness.testing.subject import Subject
from harness.testing.suite import CHECKS, run, skip

_START_SECONDS = 60.0  # extra time of a new process, to load the modules that the method needs
_EXIT_SECONDS = 5.0  # wait for a crashed process to exit, so that its exit code is known


class CheckProcess:
    """A process that checks one method; it is restarted after a check that hangs or crashes.

    Args:
        info: the method.
        plugins: plug-in files to load, among them the one that registers the method.
        seconds: maximum wall time of one check.
        memory: maximum private memory of the process in bytes; None for no limit.
        folder: folder for shared steps and the log.
    """

    def __init__(
        self, info: MethodInfo, plugins: tuple[str, ...], seconds: float, memory: int | None, folder: Path
    ) -> None:
        self._name, self._plugins, self._seconds, self._memory = info.name, plugins, seconds, memory
        self._folder = folder
        self._context = process_context(("harness.testing.check_process", *info.requires))
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def log(self) -> str:
        """Output of the method so far, and the tracebacks of its exceptions."""
        path = self._folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def run(self, check: Check) -> CheckOutcome:
        """Runs one check; kills the process if it does not answer in time."""
        timeout = self._seconds + (_START_SECONDS if self._process is None else 0)
        connection, start_time = self._connection or self._start(), time.monotonic()
        try:
            connection.send(check.name)
            if connection.poll(timeout):
                outcome: CheckOutcome = connection.recv()
                return outcome
            text = f"still running after {self._seconds:g} s (--seconds)"
        except (EOFError, OSError):
            assert self._process is not None
            self._process.join(_EXIT_SECONDS)
            text = describe_exit(self._process.exitcode, self._memory)[1]
        self.close()
        return CheckOutcome(check.name, "failed", text, time.monotonic() - start_time)

    def close(self) -> None:
        """Ends the process, if one is running."""
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = self._connection = None

    def _start(self) -> Connection:
        connection, child_connection = self._context.Pipe()
        arguments = (self._name, self._plugins, self._memory, str(self._folder), child_connection)
        self._process = self._context.Process(target=_serve, args=arguments, daemon=True)  # type: ignore[attr-defined]
        start_process(self._process)
        child_connection.close()  # so that the pipe breaks, and `run` notices, when the child process ends
        self._connection = connection
        return connection


def _serve(name: str, plugins: tuple[str, ...], memory: int | None, folder: str, connection: Connection) -> None:
    """Receives names of checks and sends back their outcomes, until the connection is closed."""
    end_with_parent()
    restore_environment()
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
        os._exit(0)  # without waiting for threads that the method may have started


@contextmanager
def open_check_process(
    info: MethodInfo, plugins: tuple[str, ...], seconds: float, memory: int | None
) -> Iterator[CheckProcess]:
    """Yields a `CheckProcess`; ends the process and deletes its temporary folder afterwards."""
    with tempfile.TemporaryDirectory(prefix="harness-testing-") as folder:
        process = CheckProcess(info, plugins, seconds, memory, Path(folder))
        try:
            yield process
        finally:
            process.close()


def run_checks(process: CheckProcess) -> Iterator[CheckOutcome]:
    """Runs every check and yields each outcome as soon as it is known."""
    outcomes: list[CheckOutcome] = []
    for check in CHECKS:
        outcomes.append(skip(check, outcomes) or process.run(check))
        yield outcomes[-1]
