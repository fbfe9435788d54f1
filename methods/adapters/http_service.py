"""``http:URL``: a service on this machine or the user's network that answers JSON, as a fixed method.

urllib3 does the work: it has connection pools for threads, retries with back-off, and reads as much as it is told to,
in one package without dependencies of its own; httpx with tenacity would bring seven.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from harness import Context, Params, Predictor, TrainingData, register_method_family

from ..base.answers import MOST_BYTES, AdapterError, Labels, parse, probabilities, request
from ..base.service import AT_ONCE, CONNECT, Asked, Service

if TYPE_CHECKING:
    import urllib3

_BUSY = (429, 502, 503, 504)  # what is worth asking again for


@register_method_family(
    "http", version=1, argument="URL", summary="a service of yours: answers JSON over HTTP", requires=("urllib3",)
)
class Http(Service):
    """One POST per payload."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Learns nothing."""
        return Asked(_Posts(self.url, self.ref.timeout).ask, Labels(self.ref.labels, train, context))


class _Posts:
    def __init__(self, url: SplitResult, timeout: float) -> None:
        import urllib3

        self._target = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        self._timeout = timeout
        retries = urllib3.Retry(
            total=3,
            read=1,
            redirect=0,
            status_forcelist=_BUSY,
            allowed_methods=None,
            backoff_factor=0.2,
            backoff_jitter=0.1,
            retry_after_max=int(min(timeout, 30)),
        )
        limits = urllib3.Timeout(connect=CONNECT, read=timeout)
        service = f"{url.scheme}://{url.netloc}"
        self._pool = urllib3.connection_from_url(service, maxsize=AT_ONCE, retries=retries, timeout=limits)

    def ask(self, number: int, payload: bytes) -> Mapping[str, float]:
        """Returns what the service says of a payload.

        Raises:
            AdapterError: nothing that could be used.
        """
        answer = parse(self._post(request(number, payload)))
        if type(answer.get("id")) is not int or answer["id"] != number:
            raise AdapterError(f"it answered the id {answer.get('id')!r} where {number} was asked")
        return probabilities(answer)

    def _post(self, body: bytes) -> bytes:
        from urllib3.exceptions import HTTPError, MaxRetryError

        end = time.monotonic() + 2 * self._timeout
        try:
            response = self._pool.urlopen(
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
