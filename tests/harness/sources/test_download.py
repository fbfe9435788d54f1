"""Downloads from a real server: complete, interrupted, resumed, forged, and without a network."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import UserError
from harness.sources.download import download
from tests.benchmarks.test_crs import NEGATIVE, POSITIVE, case, rule
from tests.conftest import Shell
from tests.harness.sources.archives import zipped


class Server(ThreadingHTTPServer):
    """Serves one body; each of the first responses ends after the next number of bytes in ``cuts``."""

    def __init__(self, body: bytes, cuts: list[int], ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.cuts, self.ranges = body, cuts, ranges
        self.requests: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/some%20file.zip?x=1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        range_header = self.headers["Range"]
        self.server.requests.append(range_header)
        start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header and self.server.ranges else 0
        rest = self.server.body[start:]
        if range_header and self.server.ranges and not rest:
            self.send_error(416)
            return
        self.send_response(206 if range_header and self.server.ranges else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.cuts.pop(0)] if self.server.cuts else rest)

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def serve() -> Iterator[object]:
    servers: list[Server] = []

    def start(body: bytes, *cuts: int, ranges: bool = True) -> Server:
        servers.append(Server(body, list(cuts), ranges))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_an_interrupted_download_is_resumed(serve, cache: Path) -> None:  # type: ignore[no-untyped-def]
    body = bytes(range(256)) * 9000
    server = serve(body, 1_000_000, 500_000)
    for size in (1_000_000, 1_500_000):
        with pytest.raises(UserError, match=f"{size} bytes are stored, and the same command resumes"):
            download(server.url, digest(body))
    path = download(server.url, digest(body).upper())
    assert path.read_bytes() == body
    assert path.name == "some-file.zip"
    assert server.requests == [None, "bytes=1000000-", "bytes=1500000-"]
    assert download(server.url, digest(body)) == path
    assert len(server.requests) == 3


def test_a_server_without_ranges_sends_all_again(serve, cache: Path) -> None:  # type: ignore[no-untyped-def]
    body = b"ab" * 400_000
    server = serve(body, 300_000, ranges=False)
    with pytest.raises(UserError, match="300000 bytes are stored"):
        download(server.url, digest(body))
    assert download(server.url, digest(body)).read_bytes() == body


def test_another_checksum_is_refused_and_nothing_stays(serve, cache: Path) -> None:  # type: ignore[no-untyped-def]
    server = serve(b"forged")
    wrong = digest(b"true")
    for _ in range(2):
        with pytest.raises(UserError, match=f"has the checksum {digest(b'forged')}, not {wrong}"):
            download(server.url, wrong)
    assert server.requests == [None, None]


def test_no_network_is_one_sentence(cache: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be downloaded .*Without a network, use a local file"):
        download("http://127.0.0.1:9/x.zip", "0" * 64)
    with pytest.raises(UserError, match="must be pinned by its checksum"):
        download("http://127.0.0.1:9/x.zip", "")


def test_a_corpus_is_built_from_an_address(serve, shell: Shell) -> None:  # type: ignore[no-untyped-def]
    archive = zipped(shell.folder / "a.zip", {"942100.yaml": rule(942100, case(1, POSITIVE), case(2, NEGATIVE))})
    server = serve(archive.read_bytes())
    arguments = ("data", "build", "crs", "--from", server.url)
    process = shell(*arguments, "--sha256", digest(archive.read_bytes()))
    assert process.returncode == 0, process.stderr
    assert "crs: 2 payloads, 2 classes" in process.stdout
    assert shell(*arguments).returncode == 2
    process = shell("data", "build", "crs", "--from", archive, "--sha256", "0" * 64)
    assert process.returncode == 2
    assert "has the checksum" in process.stderr
