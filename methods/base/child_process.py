"""Runs a user's program that reads and writes lines, and kills its whole process group when it is no longer needed."""

import contextlib
import itertools
import os
import resource
import selectors
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from .answers import MAX_ANSWER_BYTES, AdapterError

_POLL_SECONDS = 0.5  # between checks of the timeout and of the processor time
_READ_BYTES = 1 << 16
_LINES_PER_WRITE = 32
_STDERR_TAIL = 300  # bytes of standard error that an error message quotes

# The leader of the program's process group. It kills the group, itself included, when its standard input is closed: by
# `_end`, or by the kernel when this process dies, even by SIGKILL.
_GUARD = ("/bin/sh", "-c", "read line; kill -s KILL 0")


class ProgramDied(AdapterError):
    """The program exited, or closed its output, before it had answered everything."""


class Child:
    """A running program in its own process group, which is killed with this object or with this process.

    Args:
        command: program and arguments.
        timeout: seconds without a line after which an unanswered request fails.
        charge: called with the compute seconds that the program and its descendants have used since the last call.

    Raises:
        AdapterError: the program cannot be started.
    """

    def __init__(self, command: Sequence[str], timeout: float, charge: Callable[[float], None]) -> None:
        self._timeout, self._charge, self._charged = timeout, charge, 0.0
        guard = subprocess.Popen(_GUARD, stdin=subprocess.PIPE, process_group=0)
        try:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},  # a Python program would buffer its answers otherwise
                process_group=guard.pid,
            )
        except OSError as error:
            _end(guard, None)
            raise AdapterError(f"{command[0]} cannot be started ({error.strerror})") from error
        self.stop = weakref.finalize(self, _end, guard, self._process)
        self._streams = [_pipe(stream) for stream in (self._process.stdin, self._process.stdout, self._process.stderr)]
        self._unsent = self._partial_line = self._stderr = b""
        if hasattr(resource, "prlimit"):  # the worker's limit of processor time is inherited; lift it for the program
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self._process.pid, resource.RLIMIT_CPU, (hard, hard))

    def ask(self, lines: Iterator[bytes], take: Callable[[Sequence[bytes]], bool]) -> None:
        """Writes lines to the program and passes its output lines to ``take`` until that returns True.

        Raises:
            AdapterError: the program is silent for too long, or writes a line that is too long.
            ProgramDied: the program exits, or closes its output.
        """
        writer, reader, errors = self._streams
        last_output = last_check = time.monotonic()
        # All three pipes are served in one loop: a program that fills its output or standard error while we only
        # write would block, and so would we.
        with selectors.DefaultSelector() as selector:
            selector.register(writer, selectors.EVENT_WRITE)
            selector.register(reader, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(min(_POLL_SECONDS, self._timeout))}
                if writer in ready and not self._write(lines):
                    selector.unregister(writer)
                if errors in ready and not self._read_stderr():
                    selector.unregister(errors)
                now = time.monotonic()
                if reader in ready and (output := self._read_lines()):
                    last_output = now
                    if take(output):
                        break
                if now - last_output >= self._timeout:
                    self._charge_usage()
                    raise AdapterError(f"it gave no answer for {self._timeout:g} s (does it flush its output?)")
                if now - last_check >= _POLL_SECONDS:
                    last_check = now
                    self._charge_usage()
        self._charge_usage()

    def _write(self, lines: Iterator[bytes]) -> bool:
        """Writes as much as the pipe takes; returns whether there may be more to write."""
        if not self._unsent:
            self._unsent = b"".join(line + b"\n" for line in itertools.islice(lines, _LINES_PER_WRITE))
        if not self._unsent:
            return False
        try:
            self._unsent = self._unsent[os.write(self._streams[0], self._unsent) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return True

    def _read_stderr(self) -> bool:
        """Reads once from standard error and keeps the last bytes; returns whether there may be more."""
        data = os.read(self._streams[2], _READ_BYTES)
        self._stderr = (self._stderr + data)[-_STDERR_TAIL:]
        return bool(data)

    def _read_lines(self) -> list[bytes]:
        """Reads once from standard output and returns the complete lines."""
        data = os.read(self._streams[1], _READ_BYTES)
        if not data:
            raise self._death()
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in (*lines, self._partial_line):
            if len(line) > MAX_ANSWER_BYTES:
                raise AdapterError(f"it wrote a line of more than {MAX_ANSWER_BYTES} bytes")
        return lines

    def _death(self) -> ProgramDied:
        self._charge_usage()  # before wait(): the times of a process cannot be read once it has been reaped
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ProgramDied("it closed its output" + self._stderr_suffix())
        return ProgramDied(f"it ended with exit code {code}" + self._stderr_suffix())

    def _stderr_suffix(self) -> str:
        with contextlib.suppress(BlockingIOError):
            self._read_stderr()
        text = " ".join(self._stderr.decode("utf-8", "replace").split())
        return f" ({text})" if text else ""

    def _charge_usage(self) -> None:
        """Charges the processor seconds used since the last call."""
        # A descendant that has exited may no longer be counted, so the total can fall: never charge less than before.
        total = max(self._charged, _processor_seconds(self._process.pid))
        increase, self._charged = total - self._charged, total
        self._charge(increase)


def _pipe(stream: IO[bytes] | None) -> int:
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _processor_seconds(pid: int) -> float:
    """Returns the processor seconds of a process, its descendants and its reaped children; 0 if it does not exist."""
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])
    return total


def _end(guard: "subprocess.Popen[bytes]", process: "subprocess.Popen[bytes] | None") -> None:
    """Kills the process group through its guard, and waits for both."""
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait()
    if process is not None:
        process.kill()  # in case it has left the group (setsid)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
