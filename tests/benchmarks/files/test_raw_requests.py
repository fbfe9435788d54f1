"""Raw requests, one or many per file, in a folder, an archive or a file, and payloads line by line."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.benchmarks.files.formats import raw_requests

from harness import BenchmarkRef, UserError, registry
from tests.benchmarks.files.reading import labels, load, pairs, payloads
from tests.harness.sources.archives import folder, tar, zipped

GET = "GET http://localhost:8080/shop/{i}?q=%27 HTTP/1.1\nHost: localhost:8080\nAccept: */*\n\n"
POST = (
    "POST http://localhost:8080/shop/{i} HTTP/1.1\nHost: localhost:8080\n"
    "Content-Type: application/x-www-form-urlencoded\nContent-Length: {n}\n\n{body}"
)


def post(i: int, body: str, length: int | None = None) -> str:
    return POST.format(i=i, body=body, n=len(body) if length is None else length)


def split(data: bytes) -> list[bytes | None]:
    return list(raw_requests.split(io.BytesIO(data)))


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


# As in the text of CSIC 2010: an empty line after each request, two after one without a body.
CSIC = [GET.format(i=0), post(1, "id=1&b=2"), GET.format(i=2), post(3, "GET / HTTP/1.1"), post(4, "a=1", 3)]


@pytest.mark.parametrize("encode", [str.encode, crlf], ids=["LF", "CR LF"])
def test_a_text_of_many_requests_is_split_by_their_framing(encode: Callable[[str], bytes]) -> None:
    requests = [encode(text) for text in CSIC]
    assert split(encode("\n") + encode("\n\n").join(requests) + encode("\n\n\n")) == requests
    assert split(encode("\n").join(requests)) == requests


def test_requests_that_follow_each_other_at_once_are_split() -> None:
    requests = [text.encode() for text in CSIC]
    assert split(b"".join(requests)) == requests


def test_a_body_of_another_length_than_stated_ends_before_the_next_request() -> None:
    requests = [post(1, "id=1&b=2", 7).encode(), GET.format(i=2).encode(), post(3, "a=1\n\nb=2", 9000).encode()]
    assert split(b"\n\n".join([*requests, requests[1]])) == [*requests, requests[1]]


HEAD = b"POST / HTTP/1.1\r\nHost: a.example\r\n"
SINGLE = {
    "one request": HEAD + b"\r\n",
    "no HTTP": b"\x00\xff' or 1=1--\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "smuggled behind chunks": HEAD
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "smuggled in a body": HEAD + b"Content-Length: 22\r\n\r\n\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "smuggled behind no body": HEAD + b"Content-Length: 0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    "trailing lines": HEAD + b"\r\n\r\n\r\n\r\n",
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_payload_that_holds_another_request_stays_one_with_all_its_bytes(name: str) -> None:
    assert split(SINGLE[name]) == [SINGLE[name]]


def test_a_text_that_is_larger_than_a_payload_may_be_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_requests, "MAX_PAYLOAD_BYTES", 2000)
    monkeypatch.setattr(raw_requests, "_LOOKAHEAD_BYTES", 200)
    requests = [(GET.format(i=i) if i % 3 else post(i, "x" * (i % 70))).encode() for i in range(300)]
    requests[70] = post(70, "y" * 3000).encode()
    found = split(b"\n".join(requests))
    assert found == [*requests[:70], None, *requests[71:]]


def test_a_folder_of_texts_has_a_row_per_request(tmp_path: Path) -> None:
    files = {"normal/a.txt": "\n".join(CSIC[:3]).encode(), "anomalous/b.txt": b"\n\n".join(map(crlf, CSIC))}
    roots = (
        folder(tmp_path / "csic", files),
        zipped(tmp_path / "csic.zip", files),
        tar(tmp_path / "csic.tar.gz", files),
    )
    for root in roots:
        corpus = load(root, {})
        assert sorted(zip(labels(corpus), payloads(corpus), strict=True)) == sorted(
            [("normal", text.encode()) for text in CSIC[:3]] + [("anomalous", crlf(text)) for text in CSIC]
        )
        assert "a.txt was split into 3 requests" in " ".join(corpus.meta.notes)
        assert {"normal/a.txt", "normal/a.txt:2", "normal/a.txt:3"} <= set(corpus.table.column("sample").to_pylist())
    corpus = load(roots[0], {"payload": "@file"})
    assert sorted(payloads(corpus)) == sorted(files.values())


def test_one_file_of_requests_needs_no_mapping_to_be_classified(tmp_path: Path) -> None:
    path = tmp_path / "requests.txt"
    path.write_bytes(b"\n".join(text.encode() for text in CSIC))
    registry.discover()
    rows = list(registry.open_benchmark(BenchmarkRef("files", str(path))).unlabelled(print))
    assert [payload for _, payload in rows] == [text.encode() for text in CSIC]
    assert rows[1][0] == "requests.txt:2"


def test_each_line_can_be_a_payload(tmp_path: Path) -> None:
    files = {"sqli.txt": b"\xef\xbb\xbf' or 1=1--\r\n\r\n admin'#\n", "xss.txt": b"<script>alert(1)</script>\n\xff{}"}
    root = folder(tmp_path / "lists", files)
    corpus = load(root, {"payload": "@line", "label": "file"})
    rows = [(b"' or 1=1--", "sqli"), (b" admin'#", "sqli"), (b"<script>alert(1)</script>", "xss"), (b"\xff{}", "xss")]
    assert pairs(corpus) == rows
    assert corpus.table.column("sample").to_pylist() == ["sqli.txt:1", "sqli.txt:3", "xss.txt:1", "xss.txt:2"]
    with pytest.raises(UserError, match="at least two classes"):
        load(root / "xss.txt", {"payload": "@line", "label": "file"})
    with pytest.raises(UserError, match="to read each line as a payload, give --map payload=@line"):
        load(root / "sqli.txt")


def test_bytes_that_look_like_utf_16_stay_as_they_are(tmp_path: Path) -> None:
    body = "GET /wide HTTP/1.1".encode("utf-16-le")
    corpus = load(folder(tmp_path / "x", {"a/1.bin": body, "b/1.bin": HEAD + b"\r\n"}), {})
    assert pairs(corpus) == [(body, "a"), (HEAD + b"\r\n", "b")]


def test_files_of_two_kinds_in_one_folder_are_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "x", {"a/1.txt": HEAD, "rows.csv": b"raw,kind\na,b\n"})
    with pytest.raises(UserError, match=r"has files of several formats: rows\.csv \(text table\) and a/1\.txt"):
        load(root)
    archive = zipped(tmp_path / "x.zip", {"a.csv": b"raw,kind\na,b\n", "b.jsonl": b'{"raw": "a"}\n'})
    with pytest.raises(UserError, match=r"a\.csv \(text table\) and b\.jsonl \(JSON lines\)"):
        load(archive)


def test_payloads_with_the_suffix_of_a_document_are_raw_requests(tmp_path: Path) -> None:
    files = {
        "nosqli/1.json": b'{"user": {"$ne": 1}}',
        "xxe/1.xml": b"<?xml version='1.0'?><a/>",
        "xxe/2.log": b"a,b",
    }
    assert sorted(pairs(load(folder(tmp_path / "x", files), {}))) == sorted(
        (data, name.partition("/")[0]) for name, data in files.items()
    )
