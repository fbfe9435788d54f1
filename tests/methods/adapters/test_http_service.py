"""Services as methods: a real server on this machine, well and unwell."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from harness.methods.base.answers import AdapterError

from harness import Context, Payloads, TrainingData, UserError, registry
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger
from harness.method import MethodInfo, MethodRef, Predictor

CLASSES = ("sql-injection", "path-traversal", "open-redirect")
PAYLOADS = Payloads.from_list([b"GET /?id=%d \xff HTTP/1.1\r\n\r\n" % (i % 2) for i in range(30)])
TRAIN = TrainingData(PAYLOADS, labels=np.repeat([0, 1], 15))


class Handler(BaseHTTPRequestHandler):
    """Behaves as the path says."""

    protocol_version = "HTTP/1.1"
    seen: Counter[str] = Counter()

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        label = "open-redirect" if b"id=1" in base64.b64decode(request["payload"]) else "path-traversal"
        answer = json.dumps({"id": request["id"], "label": label}).encode()
        way = self.path.strip("/")
        type(self).seen[way] += 1
        type(self).seen[f"{way} {request['id']}"] += 1
        if way == "hang":
            time.sleep(1)
        elif way == "drop":
            self.close_connection = True
        elif way == "busy" or (way == "flaky" and self.seen[f"flaky {request['id']}"] < 3):
            self.reply(503, b"")
        elif way == "elsewhere":
            self.reply(302, b"", Location=f"http://localhost:{self.server.server_port}/classify")  # type: ignore[attr-defined]
        elif way == "drip":
            self.reply(200, b"", length=1000)
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.02)
        elif way == "huge":
            self.reply(200, answer, length=10**8)
            for _ in range(1000):
                self.wfile.write(b" " * 10**5)
        elif way == "bomb":
            self.reply(200, b"\x1f\x8b" + bytes(100), **{"Content-Encoding": "gzip"})
        else:
            bodies = {"prose": b"SQL injection", "id": b'{"id": 99, "label": "sql-injection"}', "empty": b""}
            self.reply(404 if way == "missing" else 200, bodies.get(way, answer))

    def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *arguments: object) -> None:
        """A client that hangs up on the huge answer is what the test is about."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    registry.discover()
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def opened(url: str, timeout: float = 5) -> MethodInfo:
    return registry.open_method(MethodRef("http", url, timeout=timeout))


def fitted(url: str, timeout: float = 5) -> Predictor:
    context = Context(0, tuple(map(threat_class, CLASSES)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    method = opened(url, timeout).factory()
    method.check()
    return method.fit(TRAIN, TRAIN, {}, context)


@pytest.mark.parametrize("path", ["/classify?model=2", "/flaky", ""])
def test_answers_reach_their_payloads(url: str, path: str) -> None:
    predictor = fitted(url + path)
    table = predictor.predict_proba(PAYLOADS)
    assert table.argmax(axis=1).tolist() == [1, 2] * 15
    assert len(predictor.predict_proba(Payloads.from_list([]))) == 0
    assert predictor.notes == ["the compute seconds of the service are not known, and not charged"]


@pytest.mark.parametrize(
    ("way", "complaint"),
    [
        ("hang", "no answer after several attempts: ReadTimeoutError"),
        ("drop", "no answer after several attempts: ProtocolError"),
        ("busy", "no answer after several attempts: ResponseError, too many 503"),
        ("elsewhere", "status 302; 200 is required, and redirects are not followed"),
        ("missing", "status 404"),
        ("drip", "too slowly"),
        ("huge", "more than 65536 bytes"),
        ("bomb", "not JSON"),
        ("prose", "'SQL injection', which is not JSON"),
        ("empty", "not JSON"),
        ("id", "the id 99 to the request with the id"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, way: str, complaint: str) -> None:
    predictor = fitted(f"{url}/{way}", timeout=0.3 if way in ("hang", "drip") else 20)
    before = Handler.seen["classify"]
    began = time.monotonic()
    with pytest.raises(AdapterError, match=complaint):
        predictor.predict_proba(PAYLOADS)
    assert time.monotonic() - began < 15
    assert Handler.seen["classify"] == before


def test_the_key_holds_url_and_labels(url: str) -> None:
    info = registry.open_method(MethodRef("http", url, {"a": "b"}, 3))
    assert info.name == f"http:{url}"
    assert info.kind == "fixed"
    assert info.adapter == {"labels": {"a": "b"}, "timeout": 3}


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("//127.0.0.1/x", "the name of the family must come before the URL: http:http://127.0.0.1/x"),
        ("ftp://127.0.0.1/", "an http or https URL is required"),
        ("file:///etc/passwd", "an http or https URL is required"),
        ("http:///x", "an http or https URL is required"),
        ("http://127.0.0.1:99999/", "is not a valid URL"),
        ("http://user:secret@127.0.0.1/", "must not contain a user or password"),
    ],
)
def test_a_mistake_is_one_sentence(url: str, argument: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as caught:
        registry.open_method(MethodRef("http", argument))
    assert "secret" not in str(caught.value)


def test_a_run_does_not_start_where_nothing_listens(url: str) -> None:
    with pytest.raises(UserError, match="the service does not accept connections"):
        opened("http://127.0.0.1:9/").factory().check()
