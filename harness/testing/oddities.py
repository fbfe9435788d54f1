"""What real collections hold beside ordinary requests: odd payloads, a class with one row, a class with none."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.testing.toy import CLASSES, Rows, Toy

LONG = 64 * 1024  # bytes
_RARE, _ABSENT = "open-redirect", "deserialization"


def _long() -> bytes:
    head = b"POST /upload HTTP/1.1\r\nHost: www.example.com\r\n\r\nfile="
    return head + bytes(33 + i % 90 for i in range(LONG - len(head)))


PAYLOADS: Mapping[str, bytes] = {
    "an empty payload": b"",
    "a payload of one byte": b"\x00",
    "a payload of 64 KB": _long(),
    "a payload that is no UTF-8": b"\xff\xfe\x00GET /\xc3\x28 \x80" + bytes(range(256)),
}


@dataclass(frozen=True)
class Oddity:
    """What is added to the toy.

    Attributes:
        payloads, labels: of training rows.
        classes: names behind those of the toy.
        validation: payloads of validation rows, all of the first class.
    """

    payloads: tuple[bytes, ...] = ()
    labels: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    validation: tuple[bytes, ...] = ()

    def rows(self, toy: Toy) -> tuple[Rows, Rows, tuple[str, ...]]:
        """Returns training rows, validation rows and classes."""
        validation = toy.validation.with_more(self.validation, [0] * len(self.validation))
        return toy.train.with_more(self.payloads, self.labels), validation, (*CLASSES, *self.classes)


_REDIRECT = b"GET /go?to=//www.example.org HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
SINGLE: Mapping[str, Oddity] = {
    **{name: Oddity((payload,), (0,), validation=(payload,)) for name, payload in PAYLOADS.items()},
    "a class with one row": Oddity((_REDIRECT,), (len(CLASSES),), (_RARE,)),
    "a class without a row": Oddity(classes=(_ABSENT,)),
}
_PLAIN = tuple(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(4))
ORDINARY = Oddity(_PLAIN, (0, 1, 2, 3), validation=_PLAIN)  # none: what the oddities are compared with
ALL = Oddity(
    (*PAYLOADS.values(), _REDIRECT), (0, 1, 2, 3, len(CLASSES)), (_RARE, _ABSENT), validation=tuple(PAYLOADS.values())
)
