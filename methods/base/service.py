"""Base class of the method families that query a service, and the predictor that sends several requests at a time."""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from harness import AdaptedMethod, MethodRef, Payloads, Predictor, UserError

from .answers import Labels

MAX_CONCURRENT = 8  # requests in progress
CONNECT_TIMEOUT = 5.0  # seconds


class Service(AdaptedMethod):
    """A method that queries the service at a URL.

    Attributes:
        url: the parts of the URL; http or https, with a host.
        address: host and port.
    """

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        if ref.argument.startswith("//"):
            raise UserError(f"--method {ref}: the name of the family must come before the URL: http:{ref}.")
        try:
            self.url = urlsplit(ref.argument)
            port = self.url.port or {"http": 80, "https": 443}.get(self.url.scheme, 0)
        except ValueError as error:
            raise UserError(f"--method {ref}: {ref.argument} is not a valid URL ({error}).") from error
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            example = f"{ref.family}:http://127.0.0.1:8080/"
            raise UserError(f"--method {ref}: an http or https URL is required, as in {example}.")
        if "@" in self.url.netloc:
            raise UserError(
                f"--method {ref.family}:…: the URL must not contain a user or password, since every record stores it."
            )
        self.address = self.url.hostname, port

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`."""
        return f"the service {ref.argument}"

    def content(self) -> Mapping[str, Any]:
        """Returns labels and timeout; the version of the service cannot be known."""
        return {"labels": dict(self.ref.labels), "timeout": self.ref.timeout}

    def check(self) -> None:
        """Checks that the service accepts connections."""
        try:
            socket.create_connection(self.address, CONNECT_TIMEOUT).close()
        except OSError as error:
            raise UserError(
                f"--method {self.ref}: the service does not accept connections ({error.strerror or error})."
            ) from error


class ServicePredictor(Predictor):
    """Queries a service for each payload, several at a time.

    Args:
        ask: called with a payload's number and bytes; returns the probabilities of the service's own labels.
        labels: maps those labels to threat classes.
    """

    def __init__(self, ask: Callable[[int, bytes], Mapping[str, float]], labels: Labels) -> None:
        self._ask, self._labels = ask, labels
        self._lock = threading.Lock()  # `Labels` counts the answers

    @property
    def notes(self) -> Sequence[str]:
        """See `Predictor.notes`."""
        return [*self._labels.notes, "the compute seconds of the service are not known, and not charged"]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """See `Predictor.predict_proba`; stops at the first invalid answer."""
        table = np.zeros((len(payloads), self._labels.width), dtype=np.float32)
        threads = ThreadPoolExecutor(MAX_CONCURRENT)
        try:
            for number, row in enumerate(threads.map(self._row, range(len(payloads)), payloads)):
                table[number] = row
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return table

    def _row(self, number: int, payload: bytes) -> npt.NDArray[np.float32]:
        """Returns the probabilities of one payload; an answer with thousands of labels is not kept until all arrive."""
        answer = self._ask(number, payload)
        with self._lock:
            return self._labels.row(answer)
