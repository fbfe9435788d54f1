"""Data sets of the Hugging Face Hub by address, from a real server that answers as the Hub does."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Shell

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ADDRESS = f"hf://datasets/acme/attacks@{COMMIT}"
OPTIONS = ("--map", "payload=text,label=kind")


class Hub(ThreadingHTTPServer):
    """Serves the files of one data set; counts the requests for content."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.served, self.broken = files, list[str](), set[str]()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        content = f"/datasets/acme/attacks/resolve/{COMMIT}/"
        if path.startswith(content) and (name := path.removeprefix(content)) in self.server.files:
            body, headers = self.server.files[name], {"X-Repo-Commit": COMMIT}
            headers["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
            if with_body:
                self.server.served.append(name)
                if name in self.server.broken:
                    return
        elif path == f"/api/datasets/acme/attacks/tree/{COMMIT}":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.server.files.items()
            ]
            body, headers = json.dumps(entries).encode(), {"Content-Type": "application/json"}
        elif path.startswith("/api/datasets/acme/attacks"):
            siblings = [{"rfilename": name} for name in self.server.files]
            description = {"id": "acme/attacks", "sha": COMMIT, "siblings": siblings}
            body, headers = json.dumps(description).encode(), {"Content-Type": "application/json"}
        else:
            body, headers = b"{}", {"X-Error-Code": "RepoNotFound"}
            self.send_response(404)
            self.finish_answer(headers, body, with_body)
            return
        self.send_response(200)
        self.finish_answer(headers, body, with_body)

    def finish_answer(self, headers: dict[str, str], body: bytes, with_body: bool) -> None:
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None: ...


def parquet(folder: Path, texts: list[str], kinds: list[int]) -> bytes:
    """Writes a part as `datasets` does: the names of the classes are in the metadata of the schema."""
    feature = {"names": ["benign", "sqli"], "_type": "ClassLabel"}
    described = {"info": {"features": {"kind": feature, "text": {"dtype": "string", "_type": "Value"}}}}
    table = pa.table({"text": texts, "kind": pa.array(kinds, pa.int64())})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(described)}), folder / "part.parquet")
    return (folder / "part.parquet").read_bytes()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {
        ".gitattributes": b"*.parquet filter=lfs\n",
        "README.md": b"---\nlicense: mit\n---\n",
        "data/train-00000-of-00001.parquet": parquet(tmp_path, ["GET /a", "GET /?id=1'--", "GET /b"], [0, 1, 0]),
        "data/test-00000-of-00001.parquet": parquet(tmp_path, ["GET /?id=2'--"], [1]),
    }
    server = Hub(files)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_data_set_is_downloaded_once_and_read_as_a_folder(
    hub: Hub, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = shell("data", "info", f"files:{ADDRESS}", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "files-acme-attacks" in done.stdout
    assert "benign" in done.stdout
    assert "sqli" in done.stdout
    assert sorted(hub.served) == sorted(hub.files)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    again = shell("data", "info", f"files:{ADDRESS}", *OPTIONS)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_a_part_of_a_data_set_is_downloaded_alone(hub: Hub, shell: Shell) -> None:
    part = "data/train-00000-of-00001.parquet"
    done = shell("data", "info", f"files:{ADDRESS}/{part}", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "files-train-00000-of-00001" in done.stdout
    assert hub.served == [part]


def test_an_interrupted_download_is_resumed(hub: Hub, shell: Shell) -> None:
    hub.broken.add("data/test-00000-of-00001.parquet")
    failed = shell("data", "info", f"files:{ADDRESS}/data", *OPTIONS)
    assert failed.returncode == 2
    assert "the same command resumes" in failed.stderr
    hub.broken.clear()
    hub.served.clear()
    done = shell("data", "info", f"files:{ADDRESS}/data", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "data/test-00000-of-00001.parquet" in hub.served
    assert "data/train-00000-of-00001.parquet" not in hub.served


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://datasets/acme/attacks", f"name its commit, which is at present: {ADDRESS}"),
        ("hf://datasets/acme/attacks@v1/data", f"name its commit, which is at present: {ADDRESS}/data"),
        ("hf://datasets/acme/other", "there is no such data set, or it is private and HF_TOKEN is not set."),
        (f"hf://datasets/acme/other@{COMMIT}", "there is no such data set"),
        (f"{ADDRESS}/no/such", "the commit has no file or folder no/such."),
        (f"{ADDRESS}/../../x", "the address must be hf://datasets/OWNER/NAME@COMMIT"),
        ("hf://acme/attacks", "the address must be hf://datasets/OWNER/NAME@COMMIT"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(hub: Hub, shell: Shell, address: str, sentence: str) -> None:
    done = shell("data", "info", f"files:{address}", *OPTIONS)
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
