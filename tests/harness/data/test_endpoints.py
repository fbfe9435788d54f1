"""The endpoint of a request: its path."""

import pytest

from harness.data.endpoints import endpoint


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"GET /a/b.php?id=1 HTTP/1.1\r\nHost: h\r\n\r\n", b"/a/b.php"),
        (b"POST /a/b.php HTTP/1.1\nHost: h\n\n/c?d", b"/a/b.php"),
        (b"GET /a/?x HTTP/1.1\n", b"/a"),
        (b"GET /a#top HTTP/1.1\n", b"/a"),
        (b"GET http://h.example:80/a?b=/c HTTP/1.1\n", b"/a"),
        (b"GET / HTTP/1.1\n", None),
        (b"GET /?q=1 HTTP/1.1\n", None),
        (b"<script>alert(1)</script>", None),
        (b"", None),
    ],
)
def test_an_endpoint_is_the_path_without_method_and_query(payload: bytes, expected: bytes | None) -> None:
    assert endpoint(payload) == expected
