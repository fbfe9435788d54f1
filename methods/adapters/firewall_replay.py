"""``replay:URL``: sends the requests to a user's web application firewall; the status of its response is the label.

Uses plain sockets, since an HTTP library would correct malformed requests, which must arrive byte for byte.
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Mapping

from harness import Context, MethodRef, Params, Predictor, TrainingData, UserError, register_method_family

from ..base.answers import AdapterError, Labels, excerpt
from ..base.service import CONNECT_TIMEOUT, Service, ServicePredictor

CLOSED = "closed"  # label of a connection that is closed without a status
SILENT = "silent"  # label of a connection without a response within the timeout
_MAX_LINE_BYTES = 4096  # of a status line
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|\n)")
_PAUSES = (0.2, 0.4, 0.8)  # seconds before each retry of a connection


@register_method_family(
    "replay", version=1, argument="URL", summary="your own web application firewall; the status of its response"
)
class Replay(Service):
    """Sends each payload over a connection of its own."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        if self.url.path.strip("/") or self.url.query or self.url.fragment:
            raise UserError(
                f"--method {ref}: the URL must end after host and port, since each request contains its own path."
            )

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains nothing; returns a predictor that queries the firewall."""
        tls = ssl.create_default_context() if self.url.scheme == "https" else None
        return ServicePredictor(
            _Client(self.address, tls, self.ref.timeout).ask, Labels(self.ref.labels, train, context)
        )


class _Client:
    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None, timeout: float) -> None:
        self._address, self._tls, self._timeout = address, tls, timeout

    def ask(self, number: int, payload: bytes) -> Mapping[str, float]:
        """Returns the label of a payload: a status, `CLOSED` or `SILENT`.

        Raises:
            AdapterError: the connection fails, or the response is not HTTP.
        """
        with self._connection() as connection:
            try:
                connection.settimeout(self._timeout)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    # A firewall may answer and close before it has read the whole request.
                    connection.sendall(payload)
                line = self._line(connection)
            except TimeoutError:
                return {SILENT: 1.0}
            except (ConnectionError, ssl.SSLError):
                return {CLOSED: 1.0}
        if not line:
            return {CLOSED: 1.0}
        if (match := _STATUS.match(line)) is None:
            raise AdapterError(f"it answered {excerpt(line)}, which is not an HTTP response")
        return {match[1].decode(): 1.0}

    def _connection(self) -> socket.socket:
        for pause in (*_PAUSES, None):
            try:
                plain = socket.create_connection(self._address, CONNECT_TIMEOUT)
                return self._tls.wrap_socket(plain, server_hostname=self._address[0]) if self._tls else plain
            except OSError as error:
                if pause is None:
                    reason = error.strerror or error
                    attempts = len(_PAUSES) + 1
                    raise AdapterError(f"the connection failed in {attempts} attempts: {reason}") from error
                time.sleep(pause)
        raise AssertionError

    def _line(self, connection: socket.socket) -> bytes:
        """Returns the first line of the response, or its beginning if the connection is closed or the line is too long.

        Raises:
            TimeoutError: the line is not complete within the timeout, however slowly its bytes arrive.
        """
        end = time.monotonic() + self._timeout
        line = b""
        while b"\n" not in line and len(line) < _MAX_LINE_BYTES and (piece := connection.recv(_MAX_LINE_BYTES)):
            line += piece
            if time.monotonic() > end:
                raise TimeoutError
        return line
