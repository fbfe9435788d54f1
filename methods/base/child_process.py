"""A program that is spoken to line by line and leaves nothing behind. Registers nothing."""

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

from .answers import MOST_BYTES, AdapterError

_LOOK = 0.5  # seconds between looks at the clocks
_CHUNK = 1 << 16  # bytes read at a time
_AT_ONCE = 32  # lines joined before they are written
_LAST_WORDS = 300  # characters of its standard error that are shown

# Leads the process group and ends it, itself included, once its input ends: when we say so, or however we die.
_GUARD = ("/bin/sh", "-c", "read line; kill -s KILL 0")


class Died(AdapterError):
    """The program ended before it had answered everything."""


class Child:
    """A running program, in a process group of its own that ends with this object, or with this process.

    Args:
        command: program and arguments.
        timeout: seconds that it may be silent while answers are open.
        charge: told of the compute seconds that it and what it started have used, as they grow.

    Raises:
        AdapterError: it cannot be started.
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
                env={**os.environ, "PYTHONUNBUFFERED": "1"},  # or Python would sit on its answers
                process_group=guard.pid,
            )
        except OSError as error:
            _end(guard, None)
            raise AdapterError(f"{command[0]} cannot be started ({error.strerror})") from error
        self.stop = weakref.finalize(self, _end, guard, self._process)
        self._streams = [_pipe(stream) for stream in (self._process.stdin, self._process.stdout, self._process.stderr)]
        self._unsent = self._read = self._words = b""
        if hasattr(resource, "prlimit"):  # a trial's limit of processor time is ours alone
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self._process.pid, resource.RLIMIT_CPU, (hard, hard))

    def ask(self, lines: Iterator[bytes], take: Callable[[Sequence[bytes]], bool]) -> None:
        """Sends lines as it reads them, and hands on the lines it writes until ``take`` says that these were all.

        Raises:
            AdapterError: it is silent for too long, or writes a line without end.
            Died: it ends, or closes its output.
        """
        writer, reader, errors = self._streams
        heard = looked = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(writer, selectors.EVENT_WRITE)
            selector.register(reader, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(min(_LOOK, self._timeout))}
                if writer in ready and not self._send(lines):
                    selector.unregister(writer)
                if errors in ready and not self._listen():
                    selector.unregister(errors)
                now = time.monotonic()
                if reader in ready and (written := self._lines()):
                    heard = now
                    if take(written):
                        break
                if now - heard >= self._timeout:
                    self._settle()
                    raise AdapterError(f"it gave no answer for {self._timeout:g} s (does it flush its output?)")
                if now - looked >= _LOOK:
                    looked = now
                    self._settle()
        self._settle()

    def _send(self, lines: Iterator[bytes]) -> bool:
        """Writes what there is room for; says whether there may be more that it wants."""
        if not self._unsent:
            self._unsent = b"".join(line + b"\n" for line in itertools.islice(lines, _AT_ONCE))
        if not self._unsent:
            return False
        try:
            self._unsent = self._unsent[os.write(self._streams[0], self._unsent) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return True

    def _listen(self) -> bool:
        """Keeps the end of what it writes to its standard error; says whether there may be more."""
        words = os.read(self._streams[2], _CHUNK)
        self._words = (self._words + words)[-_LAST_WORDS:]
        return bool(words)

    def _lines(self) -> list[bytes]:
        """Reads once and returns the whole lines that there are."""
        read = os.read(self._streams[1], _CHUNK)
        if not read:
            raise self._death()
        *whole, self._read = (self._read + read).split(b"\n")
        for line in (*whole, self._read):
            if len(line) > MOST_BYTES:
                raise AdapterError(f"it wrote a line of more than {MOST_BYTES} bytes")
        return whole

    def _death(self) -> Died:
        self._settle()  # a process that is not waited for yet still tells what it used
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return Died("it closed its output" + self._last_words())
        return Died(f"it ended with exit code {code}" + self._last_words())

    def _last_words(self) -> str:
        with contextlib.suppress(BlockingIOError):
            self._listen()
        words = " ".join(self._words.decode("utf-8", "replace").split())
        return f" ({words})" if words else ""

    def _settle(self) -> None:
        """Charges what was used since the last time."""
        used = max(self._charged, _processor_seconds(self._process.pid))
        more, self._charged = used - self._charged, used
        self._charge(more)


def _pipe(stream: IO[bytes] | None) -> int:
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _processor_seconds(pid: int) -> float:
    """What a process and its descendants have used, those included that it has waited for; 0 where it is gone."""
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += sum(process.cpu_times()[:4])
    return total


def _end(guard: "subprocess.Popen[bytes]", process: "subprocess.Popen[bytes] | None") -> None:
    """Has the guard end the group, and waits for both."""
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait()
    if process is not None:
        process.kill()  # were it to have left the group
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
