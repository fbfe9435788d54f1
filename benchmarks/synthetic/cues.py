"""Planted cues: their values, the latent collector that correlates them with the class, and their environments.

A latent collector z equals the class y with probability rho, otherwise it is uniform over the classes. Each cue copies
z with probability 0.9, otherwise it is uniform over class values and neutral values. Independent cues would be
redundant: together they would reveal the class at any rho. The map from values to classes is drawn again per seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COPY = 0.9  # probability that a cue copies the collector
REMOVED = -1  # code of an absent cue

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cue:
    """One cue and its values: one per class, held-out ones, and neutral ones."""

    name: str
    by_class: tuple[str, ...]
    held_out: tuple[str, ...]
    neutral: tuple[str, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """All values; codes are indices into them."""
        return (*self.by_class, *self.held_out, *self.neutral)

    @property
    def neutral_codes(self) -> Codes:
        """Codes of the neutral values."""
        first = len(self.by_class) + len(self.held_out)
        return np.arange(first, first + len(self.neutral))

    @property
    def held_out_codes(self) -> Codes:
        """Codes of the values that never occur in training."""
        return np.arange(len(self.by_class), len(self.by_class) + len(self.held_out))


CUES: dict[str, Cue] = {
    cue.name: cue
    for cue in (
        Cue(
            "host",
            (
                "staging.test",
                "clinic.example",
                "campus.example.org",
                "retail.example.com",
                "bank.test",
                "council.example",
                "media.example.net",
                "factory.test",
                "hotel.example",
                "sports.example.org",
                "cargo.example.com",
            ),
            ("museum.test", "farm.example", "radio.example.net"),
            ("site.example", "web.example.com", "host.test"),
        ),
        Cue(
            "client",
            (
                "curl/8.{n}.0",
                "python-requests/2.{n}.1",
                "Go-http-client/1.{n}",
                "Wget/1.{n}",
                "Java/17.0.{n}",
                "okhttp/4.{n}.0",
                "axios/1.{n}.2",
                "libwww-perl/6.{n}",
                "PostmanRuntime/7.{n}.0",
                "Apache-HttpClient/4.5.{n}",
                "Mozilla/5.0 (X11; Linux x86_64; rv:12{n}.0)",
            ),
            ("aiohttp/3.{n}.1", "Ruby/3.{n}", "GuzzleHttp/7.{n}"),
            ("HTTPie/3.{n}", "node-fetch/2.{n}", "Dart/3.{n}"),
        ),
        Cue(
            "prefix",
            ("/portal", "/apps", "/v2", "/site", "/cms", "/svc", "/web", "/main", "/en", "/public", "/beta"),
            ("/cloud", "/edge", "/new"),
            ("/www", "/base", "/home"),
        ),
        Cue(
            "proof",
            (
                "kestrel7",
                "lantern4",
                "mercury9",
                "nimbus42",
                "orchid88",
                "pebble15",
                "quartz33",
                "raven206",
                "saffron6",
                "tundra71",
                "umbra950",
            ),
            ("velvet12", "walnut64", "yonder27"),
            ("zephyr05", "basalt19", "cobalt58"),
        ),
        # Format of a session token: x is a hex digit, X an upper-case hex digit, n a digit, a a letter; others literal.
        Cue(
            "token",
            (
                "xxxxxxxxxxxx",
                "XXXXXXXXXX",
                "nnnnnnnnnn",
                "xxxx-xxxx-xxxx",
                "s.aaaaaaaa",
                "aaaaaaaa==",
                "t_nnnnnnnn",
                "aaaa.aaaa.nn",
                "XX:XX:XX:XX",
                "~aaaaaaaaa",
                "nnnn/xxxxxx",
            ),
            ("aaaa!nnnnn", "(xxxxxxxx)", "nn-XXXXXXX"),
            ("k$xxxxxxx", "aaaaaaaaaaa", "nnn_nnn_nnn"),
        ),
        Cue(
            "padding",
            (
                "pad=aaaaaa",
                "fill=xxxxx",
                "_=00000000",
                "cb=1111111",
                "z=--------",
                "nocache=yy",
                "r=7777777",
                "v=.......",
                "ts=9999999",
                "q0=qqqqqqq",
                "void=~~~~~",
            ),
            ("bulk=eeeee", "seq=333333", "w=_______"),
            ("rnd=555555", "nop=ooooo", "x1=222222"),
        ),
        # Order of four headers by their initials: Host, User-Agent, Accept, DNT.
        Cue(
            "order",
            ("HUAD", "UHAD", "AHUD", "DHUA", "HAUD", "HDUA", "UAHD", "ADHU", "DUHA", "HUDA", "UDAH"),
            ("ADUH", "DAHU", "AUDH"),
            ("HADU", "UHDA", "DUAH"),
        ),
    )
}


@dataclass(frozen=True)
class Assignment:
    """The value of each cue in each row, as codes; `REMOVED` if the cue is absent.

    Attributes:
        codes: by cue, int64 (n,).
        collector: int64 (n,), the latent collector; -1 if there is none.
        target: int64 (n,), the class that the cues point to in ``flip`` environments; -1 in others.
        source: int64 (n,), the training source of each row; None if there is only one.
    """

    codes: Mapping[str, Codes]
    collector: Codes
    target: Codes
    source: Codes | None = None


class CueModel:
    """The maps from classes to cue values of one seed, and draws from them.

    Args:
        classes: number of classes, at most the number of class values per cue.
        rng: draws the maps.
    """

    def __init__(self, classes: int, rng: np.random.Generator) -> None:
        self.classes = classes
        self._map = {name: rng.permutation(len(cue.by_class))[:classes] for name, cue in CUES.items()}

    def training(self, labels: Codes, rho: npt.NDArray[np.float64] | float, rng: np.random.Generator) -> Assignment:
        """Draws cues that are correlated with the labels; ``rho`` may differ by row (by training source)."""
        n = len(labels)
        collector = np.where(rng.random(n) < rho, labels, rng.integers(self.classes, size=n))
        codes = {}
        for name, cue in CUES.items():
            others = np.concatenate([self._map[name], cue.neutral_codes])
            codes[name] = np.where(rng.random(n) < COPY, self._map[name][collector], rng.choice(others, size=n))
        return Assignment(codes, collector, np.full(n, -1))

    def neutral(self, n: int, rng: np.random.Generator) -> Assignment:
        """Draws neutral values, which are equally frequent in all classes."""
        return _plain({name: rng.choice(cue.neutral_codes, size=n) for name, cue in CUES.items()}, n)

    def novel(self, n: int, rng: np.random.Generator) -> Assignment:
        """Draws held-out values, which never occur in training."""
        return _plain({name: rng.choice(cue.held_out_codes, size=n) for name, cue in CUES.items()}, n)

    def absent(self, n: int) -> Assignment:
        """Removes every cue."""
        return _plain({name: np.full(n, REMOVED) for name in CUES}, n)

    def one_collector(self, one: int, base: Assignment) -> Assignment:
        """Shows the values of one class in every row, as if the collector of that class in training had sent them all.

        The proof token keeps its value in ``base`` (neutral), since it is part of the attack.
        """
        n = len(base.collector)
        carrier = {name: np.full(n, self._map[name][one]) for name in CUES if name != "proof"}
        return _plain({**base.codes, **carrier}, n)

    def flip(self, labels: Codes, cues: tuple[str, ...], base: Assignment, rng: np.random.Generator) -> Assignment:
        """Points the named cues to one wrong class per row; the others keep their values in ``base`` (neutral)."""
        target = (labels + rng.integers(1, self.classes, size=len(labels))) % self.classes
        codes = {name: self._map[name][target] if name in cues else base.codes[name] for name in CUES}
        return Assignment(codes, np.full(len(labels), -1), target)


def _plain(codes: Mapping[str, Codes], n: int) -> Assignment:
    return Assignment(codes, np.full(n, -1), np.full(n, -1))
