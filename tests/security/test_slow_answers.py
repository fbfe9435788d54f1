"""Services and programs that answer byte by byte for ever: the cell ends at its timeout."""

import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness import Context, Payloads, TrainingData, registry
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger
from harness.method import MethodRef, Predictor

CLASSES = ("sql-injection", "path-traversal")
PAYLOADS = Payloads.from_list([b"GET /?id=1 HTTP/1.1\r\n\r\n"])
TRAIN = TrainingData(Payloads.from_list([b"a", b"b"]), labels=np.array([0, 1]))
TIMEOUT = 0.5

HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {  # first part, and the part that is repeated for ever
    "status line": (b"", b"H"),
    "header line": (HEAD, b"X"),
    "headers": (HEAD, b"X-A: b\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a service that answers what the parameter says, every 20 ms a part."""
    begin, part, pause = request.param
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(begin)
                while not stopped.wait(pause):
                    connection.sendall(part)
            except OSError:
                pass  # the client has hung up

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    stopped.set()
    listener.close()


def fitted(family: str, argument: str) -> Predictor:
    registry.discover()
    method = registry.open_method(MethodRef(family, argument, timeout=TIMEOUT)).factory()
    context = Context(0, tuple(map(threat_class, CLASSES)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    return method.fit(TRAIN, TRAIN, {}, context)


def assert_ends(predictor: Predictor, error: str = "slow|no answer|incomplete") -> None:
    """Predicts in a thread, which is left alone if it never ends."""
    errors: list[Exception] = []

    def predict() -> None:
        try:
            predictor.predict_proba(PAYLOADS)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=predict, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "it does not end"
    assert re.search(error, str(errors[0]))


@pytest.mark.parametrize("service", [(*parts, 0.02) for parts in ANSWERS.values()], indirect=True, ids=ANSWERS)
def test_a_service_that_answers_byte_by_byte(service: str) -> None:
    assert_ends(fitted("http", service))


@pytest.mark.parametrize(
    "service",
    [(ANSWERS["continue"][0], ANSWERS["continue"][1] * 100, 0), (HEAD, b"X" * 1000, 0)],
    indirect=True,
    ids=["continue", "header line"],
)
def test_a_service_whose_head_is_endless(service: str) -> None:
    assert_ends(fitted("http", service))


@pytest.mark.parametrize("service", [(b"", b"H", 0.02)], indirect=True)
def test_a_firewall_that_answers_byte_by_byte(service: str) -> None:
    assert_ends(fitted("replay", service), "silent")  # which is not a class, and not mapped to one


def test_a_program_that_writes_byte_by_byte_without_a_line_end(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import time\nwhile True:\n    print(' ', end='', flush=True)\n    time.sleep(0.02)\n")
    assert_ends(fitted("exec", f"{sys.executable} {program}"))
