"""Firewalls as methods: a real socket on this machine that takes requests byte for byte."""

import socketserver
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from harness.methods.base.answers import AdapterError

from harness import Context, Payloads, TrainingData, UserError, registry
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger
from harness.method import MethodRef, Predictor

CLASSES = ("attack", "benign")
BLOCKED = b"GET /?q=<script> HTTP/1.1\r\nHost:  a.example\r\nhost: b.example\r\n\r\n\xff\x00"
PASSED = b"GET / HTTP/1.1\r\n\r\n"
PAYLOADS = Payloads.from_list([BLOCKED, PASSED] * 10)
TRAIN = TrainingData(PAYLOADS, labels=np.tile([0, 1], 10))
MEANING = {"403": "attack", "200": "benign", "closed": "attack", "silent": "-"}


class Handler(socketserver.BaseRequestHandler):
    seen: set[bytes] = set()

    def handle(self) -> None:
        data = self.request.recv(1 << 16)
        self.seen.add(data)
        if b"hang" in data:
            time.sleep(0.6)
        elif b"drip" in data:
            for _ in range(50):
                self.request.sendall(b"H")
                time.sleep(0.02)
        elif b"junk" in data:
            self.request.sendall(b"SSH-2.0-OpenSSH\r\n")
        elif b"drop" not in data:
            self.request.sendall(b"HTTP/1.1 403 No\r\n\r\n" if b"script" in data else b"HTTP/1.1 200 OK\r\n\r\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *arguments: object) -> None:
        """A client that hangs up on the drip is what the test is about."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    registry.discover()
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def fitted(url: str, labels: dict[str, str], timeout: float = 5) -> Predictor:
    context = Context(0, tuple(map(threat_class, CLASSES)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    method = registry.open_method(MethodRef("replay", url, labels, timeout)).factory()
    method.check()
    return method.fit(TRAIN, TRAIN, {}, context)


def test_the_status_is_the_label_and_requests_arrive_as_they_are(url: str) -> None:
    table = fitted(url, MEANING).predict_proba(PAYLOADS)
    assert table.argmax(axis=1).tolist() == [0, 1] * 10
    assert {BLOCKED, PASSED} <= Handler.seen


def test_a_connection_that_ends_or_hangs_has_a_label_of_its_own(url: str) -> None:
    predictor = fitted(url, MEANING, timeout=0.2)
    odd = Payloads.from_list([b"drop it", b"hang on", b"drip"])
    assert predictor.predict_proba(odd).tolist() == [[1, 0], [0.5, 0.5], [0.5, 0.5]]
    assert predictor.notes[0] == "2 of 3 answers held no opinion; the class shares of training stand for them"


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"<script>", "the label '403' is not a class of this corpus"),
        (b"junk", r"'SSH-2\.0.*which is not an HTTP response"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, payload: bytes, complaint: str) -> None:
    with pytest.raises(AdapterError, match=complaint):
        fitted(url, {"200": "benign"}).predict_proba(Payloads.from_list([payload]))


def test_a_mistake_is_one_sentence(url: str) -> None:
    with pytest.raises(UserError, match="the URL must end after host and port"):
        registry.open_method(MethodRef("replay", f"{url}/login"))
    with pytest.raises(UserError, match="the service does not accept connections"):
        registry.open_method(MethodRef("replay", "http://127.0.0.1:9")).factory().check()


def test_a_service_that_is_gone_ends_the_cell(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.methods.adapters.firewall_replay._PAUSES", (0.01,))
    predictor = fitted(url, MEANING)
    monkeypatch.setattr(predictor._ask.__self__, "_address", ("127.0.0.1", 9))  # type: ignore[attr-defined]
    with pytest.raises(AdapterError, match="the connection failed in 2 attempts: Connection refused"):
        predictor.predict_proba(PAYLOADS)
