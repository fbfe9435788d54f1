"""Unusual data that real collections contain: odd payloads, a class with one row, a class without rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.testing.toy import CLASSES, Toy, ToyRows

LONG = 64 * 1024  # bytes
_RARE_CLASS, _ABSENT_CLASS = "open-redirect", "deserialization"


def _long() -> bytes:
    head = b"POST /upload HTTP/1.1\r\nHost: www.example.com\r\n\r\nfile="
    return head + bytes(33 + i % 90 for i in range(LONG - len(head)))


PAYLOADS: Mapping[str, bytes] = {
    "an empty payload": b"",
    "a payload of one byte": b"\x00",
    "a payload of 64 KB": _long(),
    "a payload that is not UTF-8": b"\xff\xfe\x00GET /\xc3\x28 \x80" + bytes(range(256)),
}


@dataclass(frozen=True)
class Oddity:
    """Rows and classes to add to the toy data.

    Attributes:
        payloads, labels: additional training rows.
        classes: names of additional classes, after those of the toy data.
        validation: payloads of additional validation rows, all of the first class.
    """

    payloads: tuple[bytes, ...] = ()
    labels: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    validation: tuple[bytes, ...] = ()

    def rows(self, toy: Toy) -> tuple[ToyRows, ToyRows, tuple[str, ...]]:
        """Returns the training rows, validation rows and classes of the toy data with this oddity."""
        validation = toy.validation.append(self.validation, [0] * len(self.validation))
        return toy.train.append(self.payloads, self.labels), validation, (*CLASSES, *self.classes)


_REDIRECT = b"GET /go?to=//www.example.org HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
SINGLE: Mapping[str, Oddity] = {
    **{name: Oddity((payload,), (0,), validation=(payload,)) for name, payload in PAYLOADS.items()},
    "a class with one row": Oddity((_REDIRECT,), (len(CLASSES),), (_RARE_CLASS,)),
    "a class without a row": Oddity(classes=(_ABSENT_CLASS,)),
}
_PLAIN = tuple(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(4))
ORDINARY = Oddity(_PLAIN, (0, 1, 2, 3), validation=_PLAIN)  # ordinary rows, as the baseline of memory use
ALL = Oddity(
    (*PAYLOADS.values(), _REDIRECT),
    (0, 1, 2, 3, len(CLASSES)),
    (_RARE_CLASS, _ABSENT_CLASS),
    validation=tuple(PAYLOADS.values()),
)
