"""``replay:URL``: a firewall of the user's that is sent the requests themselves; the status it answers is the label.

A library would mend what it sends, and the requests have to arrive byte for byte: hence a plain socket.
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Mapping

from harness import Context, MethodRef, Params, Predictor, TrainingData, UserError, register_method_family

from ..base.answers import AdapterError, Labels, shown
from ..base.service import CONNECT, Asked, Service

CLOSED = "closed"  # the label of a connection that ends without a status
SILENT = "silent"  # the label of one on which nothing comes for as long as may be
_LINE = 4096  # most bytes of a status line
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|\n)")
_PAUSES = (0.2, 0.4, 0.8)  # seconds before a connection is tried again


@register_method_family(
    "replay", version=1, argument="URL", summary="a firewall of yours: the status that it answers each request with"
)
class Replay(Service):
    """One connection per payload."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        if self.url.path.strip("/") or self.url.query or self.url.fragment:
            raise UserError(f"--method {ref}: the requests bring their own path; the URL ends after host and port.")

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Learns nothing."""
        tls = ssl.create_default_context() if self.url.scheme == "https" else None
        return Asked(_Sends(self.address, tls, self.ref.timeout).ask, Labels(self.ref.labels, train, context))


class _Sends:
    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext | None, timeout: float) -> None:
        self._address, self._tls, self._timeout = address, tls, timeout

    def ask(self, number: int, payload: bytes) -> Mapping[str, float]:
        """Returns the label of a payload: a status, `CLOSED` or `SILENT`.

        Raises:
            AdapterError: there is no connection, or what comes is no HTTP.
        """
        with self._connection() as connection:
            try:
                connection.settimeout(self._timeout)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered already
                    connection.sendall(payload)
                line = self._line(connection)
            except TimeoutError:
                return {SILENT: 1.0}
            except (ConnectionError, ssl.SSLError):
                return {CLOSED: 1.0}
        if not line:
            return {CLOSED: 1.0}
        if (match := _STATUS.match(line)) is None:
            raise AdapterError(f"it answered {shown(line)}, which is no HTTP")
        return {match[1].decode(): 1.0}

    def _connection(self) -> socket.socket:
        for pause in (*_PAUSES, None):
            try:
                plain = socket.create_connection(self._address, CONNECT)
                return self._tls.wrap_socket(plain, server_hostname=self._address[0]) if self._tls else plain
            except OSError as error:
                if pause is None:
                    said = error.strerror or error
                    raise AdapterError(f"no connection was made, tried again and again: {said}") from error
                time.sleep(pause)
        raise AssertionError

    def _line(self, connection: socket.socket) -> bytes:
        """Returns the first line of what comes, or what there is of it, within the time that is allowed."""
        end = time.monotonic() + self._timeout
        line = b""
        while b"\n" not in line and len(line) < _LINE and (piece := connection.recv(_LINE)):
            line += piece
            if time.monotonic() > end:
                raise TimeoutError
        return line
