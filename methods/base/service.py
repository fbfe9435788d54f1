"""What the families that ask a service have in common: its address, and many questions at a time. Registers nothing."""

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from harness import AdaptedMethod, MethodRef, Payloads, Predictor, UserError

from .answers import Labels

AT_ONCE = 8  # questions under way
CONNECT = 5.0  # seconds that a connection may take


class Service(AdaptedMethod):
    """A method behind which a URL stands.

    Attributes:
        url: its parts; a URL of http or https with a host.
        address: host and port.
    """

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        if ref.argument.startswith("//"):
            raise UserError(f"--method {ref}: the family comes before the URL: http:{ref}.")
        try:
            self.url = urlsplit(ref.argument)
            port = self.url.port or {"http": 80, "https": 443}.get(self.url.scheme, 0)
        except ValueError as error:
            raise UserError(f"--method {ref}: {ref.argument} is no URL ({error}).") from error
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            example = f"{ref.family}:http://127.0.0.1:8080/"
            raise UserError(f"--method {ref}: a URL of http or https is needed, as in {example}.")
        if "@" in self.url.netloc:
            raise UserError(
                f"--method {ref.family}:…: a user or password in the URL would stand in every record; leave it out."
            )
        self.address = self.url.hostname, port

    def content(self) -> Mapping[str, Any]:
        """Nothing of the service, whose version cannot be known."""
        return {"labels": dict(self.ref.labels), "timeout": self.ref.timeout}

    def check(self) -> None:
        """Refuses to start where nothing listens."""
        try:
            socket.create_connection(self.address, CONNECT).close()
        except OSError as error:
            raise UserError(f"--method {self.ref}: nothing answers there ({error.strerror or error}).") from error


class Asked(Predictor):
    """Asks a service about each payload, several at a time.

    Args:
        ask: returns what the service says of a payload, with its number, in its own labels.
        labels: what they mean.
    """

    def __init__(self, ask: Callable[[int, bytes], Mapping[str, float]], labels: Labels) -> None:
        self._ask, self._labels = ask, labels

    @property
    def notes(self) -> Sequence[str]:
        """See `Predictor.notes`."""
        return [*self._labels.notes, "the compute seconds of the service are not known, and not charged"]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """See `Predictor.predict_proba`; the first answer that cannot be used ends it."""
        threads = ThreadPoolExecutor(AT_ONCE)
        try:
            answers = list(threads.map(self._ask, range(len(payloads)), payloads))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        table = np.zeros((len(payloads), self._labels.width), dtype=np.float32)
        for row, said in enumerate(answers):
            table[row] = self._labels.row(said)
        return table
