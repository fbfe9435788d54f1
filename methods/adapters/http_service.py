"""``http:URL``: a service on this machine or in the user's network that answers JSON, as a fixed method.

Uses urllib3, which has thread-safe connection pools, retries with back-off and bounded reads, and no dependencies.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from harness import Context, Params, Predictor, TrainingData, register_method_family

from ..base.answers import MAX_ANSWER_BYTES, AdapterError, Labels, parse, probabilities, request
from ..base.deadline import limit_answers
from ..base.service import CONNECT_TIMEOUT, MAX_CONCURRENT, Service, ServicePredictor

if TYPE_CHECKING:
    import urllib3

_RETRY_STATUSES = (429, 502, 503, 504)


@register_method_family(
    "http", version=1, argument="URL", summary="your own service; answers JSON over HTTP", requires=("urllib3",)
)
class Http(Service):
    """Sends one POST request per payload."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains nothing; returns a predictor that queries the service."""
        return ServicePredictor(_Client(self.url, self.ref.timeout).ask, Labels(self.ref.labels, train, context))


class _Client:
    def __init__(self, url: SplitResult, timeout: float) -> None:
        import urllib3

        self._target = url._replace(scheme="", netloc="", fragment="").geturl() or "/"
        self._timeout = timeout
        retries = urllib3.Retry(
            total=3,
            read=1,
            redirect=0,
            status_forcelist=_RETRY_STATUSES,
            allowed_methods=None,  # all methods: urllib3 does not retry POST by default
            backoff_factor=0.2,
            backoff_jitter=0.1,
            retry_after_max=int(min(timeout, 30)),
        )
        limits = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout)
        service = f"{url.scheme}://{url.netloc}"
        self._pool = urllib3.connection_from_url(service, maxsize=MAX_CONCURRENT, retries=retries, timeout=limits)
        limit_answers(self._pool, MAX_ANSWER_BYTES + 1)

    def ask(self, number: int, payload: bytes) -> Mapping[str, float]:
        """Returns the service's probabilities for a payload, by its own labels.

        Raises:
            AdapterError: there is no valid answer.
        """
        answer = parse(self._post(request(number, payload)))
        if type(answer.get("id")) is not int or answer["id"] != number:
            raise AdapterError(f"it answered the id {answer.get('id')!r} to the request with the id {number}")
        return probabilities(answer)

    def _post(self, body: bytes) -> bytes:
        from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

        try:
            response = self._pool.urlopen(
                "POST",
                self._target,
                body,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                preload_content=False,
                decode_content=False,  # a compressed body could expand beyond `MAX_ANSWER_BYTES`
                redirect=False,
            )
            try:
                return _body(response)
            finally:
                response.release_conn()
        except MaxRetryError as error:
            raise AdapterError(f"it gave no answer after several attempts: {_message(error.reason)}") from error
        except ReadTimeoutError as error:
            raise AdapterError(
                f"it answered too slowly: its answer was not complete after {self._timeout:g} s"
            ) from error
        except HTTPError as error:
            raise AdapterError(f"its answer is incomplete: {_message(error)}") from error


def _body(response: "urllib3.BaseHTTPResponse") -> bytes:
    """Reads at most `MAX_ANSWER_BYTES`."""
    if response.status != 200:
        response.close()
        raise AdapterError(
            f"it answered with status {response.status}; 200 is required, and redirects are not followed"
        )
    body = b""
    while piece := response.read1(MAX_ANSWER_BYTES + 1):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            response.close()
            raise AdapterError(f"it answered more than {MAX_ANSWER_BYTES} bytes")
    return body


def _message(error: BaseException | None) -> str:
    """Formats an exception of urllib3 without the repr of the connection, which its message begins with."""
    return f"{type(error).__name__}, {str(error).rpartition(': ')[2]}"
