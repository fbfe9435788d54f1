"""Connections of urllib3 on which every answer as a whole, head and body, has a deadline and a maximum size.

The timeout of a socket restarts with every byte, so that a service that sends one byte per second would never end.
"""

import functools
import io
import socket
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

_MAX_HEAD_BYTES = 1 << 16  # of an answer


class AnswerTooLong(OSError):
    """An answer has more bytes than it may have."""


def limit_answers(pool: "HTTPConnectionPool", max_bytes: int) -> None:
    """Makes every answer on a pool's connections end within the pool's read timeout and within a size.

    Args:
        pool: an urllib3 pool that has not been used yet.
        max_bytes: largest body in bytes; a further 64 KiB are allowed for its head.
    """
    most = max_bytes + _MAX_HEAD_BYTES

    class Connection(pool.ConnectionCls):  # type: ignore[misc, name-defined]
        response_class = functools.partial(_Response, most)

    pool.ConnectionCls = Connection


class _Response(HTTPResponse):
    def __init__(self, most: int, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), sock, most))


class _LimitedReader(io.RawIOBase):
    """The bytes of one answer, until its deadline.

    Args:
        raw: the unbuffered stream of the socket.
        sock: the socket; its timeout is the time that the answer may take.
        most: maximum number of bytes.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, most: int) -> None:
        self._raw, self._sock, self._left = raw, sock, most
        timeout = sock.gettimeout()
        self._end = None if timeout is None else time.monotonic() + timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise AnswerTooLong("the answer is too long")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
