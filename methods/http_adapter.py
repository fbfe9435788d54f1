"""``http:URL``: a service on this machine or the user's network that answers JSON, as a fixed method.

urllib3 does the work: it has connection pools for threads, retries with back-off, limits of redirects and bounded
reading, in one package without dependencies of its own; httpx with tenacity would bring seven.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import numpy as np
import numpy.typing as npt

from harness import (
    AdaptedMethod,
    Context,
    MethodRef,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    register_method_family,
)
from methods.answers import MOST_BYTES, AdapterError, Labels, parse, probabilities, request

if TYPE_CHECKING:
    import urllib3

AT_ONCE = 8  # requests under way
CONNECT = 5.0  # seconds that a connection may take
_BUSY = (429, 502, 503, 504)  # what is worth asking again for


@register_method_family(
    "http", version=1, argument="URL", summary="a service of yours: answers JSON over HTTP", requires=("urllib3",)
)
class Http(AdaptedMethod):
    """Asks for one payload per request, several at a time."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        if ref.argument.startswith("//"):
            raise UserError(f"--method {ref}: the family comes before the URL: http:{ref}.")
        try:
            self._parts = urlsplit(ref.argument)
            self._port = self._parts.port or {"http": 80, "https": 443}.get(self._parts.scheme, 0)
        except ValueError as error:
            raise UserError(f"--method {ref}: {ref.argument} is no URL ({error}).") from error
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise UserError(f"--method {ref}: a URL of http or https is needed, as in http:http://127.0.0.1:8080/.")
        if "@" in self._parts.netloc:
            raise UserError("--method http:…: a user or password in the URL would stand in every record; leave it out.")

    def content(self) -> Mapping[str, Any]:
        """Nothing of the service, whose version cannot be known."""
        return {"labels": dict(self.ref.labels), "timeout": self.ref.timeout}

    def check(self) -> None:
        """Refuses to start where nothing listens."""
        try:
            socket.create_connection((self._parts.hostname, self._port), CONNECT).close()
        except OSError as error:
            raise UserError(f"--method {self.ref}: nothing answers there ({error.strerror or error}).") from error

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Learns nothing."""
        return _Asked(self._parts, self.ref.timeout, Labels(self.ref.labels, train, context))


class _Asked(Predictor):
    def __init__(self, url: SplitResult, timeout: float, labels: Labels) -> None:
        self._target = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        self._service = f"{url.scheme}://{url.netloc}"
        self._timeout, self._labels = timeout, labels

    @property
    def notes(self) -> Sequence[str]:
        return [*self._labels.notes, "the compute seconds of the service are not known, and not charged"]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        import urllib3

        retries = urllib3.Retry(
            total=3,
            read=1,
            redirect=0,
            status_forcelist=_BUSY,
            allowed_methods=None,
            backoff_factor=0.2,
            backoff_jitter=0.1,
            retry_after_max=int(min(self._timeout, 30)),
        )
        timeout = urllib3.Timeout(connect=CONNECT, read=self._timeout)
        with urllib3.connection_from_url(self._service, maxsize=AT_ONCE, retries=retries, timeout=timeout) as pool:
            threads = ThreadPoolExecutor(AT_ONCE)
            try:
                answers = list(threads.map(lambda item: self._ask(pool, *item), enumerate(payloads)))
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
        table = np.zeros((len(payloads), self._labels.width), dtype=np.float32)
        for row, said in enumerate(answers):
            table[row] = self._labels.table(list(said), np.array([list(said.values())]))[0]
        return table

    def _ask(self, pool: "urllib3.HTTPConnectionPool", number: int, payload: bytes) -> Mapping[str, float]:
        answer = parse(self._post(pool, request(number, payload)))
        if type(answer.get("id")) is not int or answer["id"] != number:
            raise AdapterError(f"it answered the id {answer.get('id')!r} where {number} was asked")
        return probabilities(answer)

    def _post(self, pool: "urllib3.HTTPConnectionPool", body: bytes) -> bytes:
        """Returns the body of the answer.

        Raises:
            AdapterError: there is none, for one of many reasons.
        """
        from urllib3.exceptions import HTTPError, MaxRetryError

        end = time.monotonic() + 2 * self._timeout
        try:
            response = pool.urlopen(
                "POST",
                self._target,
                body,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                preload_content=False,
                decode_content=False,  # what it compresses would have no bound
                redirect=False,
            )
            try:
                return _body(response, end)
            finally:
                response.release_conn()
        except MaxRetryError as error:
            raise AdapterError(f"it gave no answer, asked again and again: {_words(error.reason)}") from error
        except HTTPError as error:
            raise AdapterError(f"its answer broke off: {_words(error)}") from error


def _body(response: "urllib3.BaseHTTPResponse", end: float) -> bytes:
    """Reads at most `MOST_BYTES`, and not for longer than until ``end``."""
    if response.status != 200:
        response.close()
        raise AdapterError(f"it answered with status {response.status}; 200 is needed, and no redirect is followed")
    body = b""
    while piece := response.read1(MOST_BYTES + 1):
        body += piece
        if len(body) > MOST_BYTES or time.monotonic() > end:
            response.close()
            what = f"more than {MOST_BYTES} bytes" if len(body) > MOST_BYTES else "too slowly"
            raise AdapterError(f"it answered {what}")
    return body


def _words(error: BaseException | None) -> str:
    """What a failure of urllib3 says, without the object that it happened to."""
    return f"{type(error).__name__}, {str(error).rpartition(': ')[2]}"
