"""Toy data for trying out a method: generated requests of four threat classes that differ in their attack.

All data are drawn from one seed. Hosts are reserved (RFC 2606), and the attacks only identify a weakness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.method import Descriptions, Tag, TrainingData

ROWS = 60  # training rows; validation and test have half as many each
_ATTACKS: dict[str, tuple[str, ...]] = {
    "sql-injection": ("{n}' UNION SELECT {n},version()-- -", "{n} AND (SELECT {n})={n}-- -", "{n}' OR '{n}'='{n}"),
    "cross-site-scripting": ("<script>alert({n})</script>", '"><img src=x onerror=alert({n})>', "<svg onload=print()>"),
    "path-traversal": ("../../../../etc/hostname", "..%2f..%2f..%2fetc/hostname", "....//....//etc/hostname?{n}"),
    "command-injection": (";id;echo {n}", "|id&&echo {n}", "`id`$(echo {n})"),
}
_TEXTS: dict[str, tuple[str, ...]] = {
    "sql-injection": ("A parameter becomes part of an SQL statement.", "A query to the database is built from input."),
    "cross-site-scripting": ("Input appears in the page as markup.", "A script of the sender runs in the browser."),
    "path-traversal": ("A file name may climb out of its folder.", "Any file of the server can be read by its path."),
    "command-injection": ("Input reaches a shell of the system.", "A parameter is run as a command of the server."),
}
CLASSES = tuple(_ATTACKS)
_HOSTS = ("www.example.com", "shop.example.net", "portal.test", "intranet.invalid")
_CLIENTS = ("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", "python-requests/2.31")
_WORDS = ("view", "search", "item", "list", "report", "download", "user", "page")


@dataclass(frozen=True)
class ToyRows:
    """Rows with the data of all tags; the attributes are those of `harness.method.TrainingData`."""

    payloads: Payloads
    labels: npt.NDArray[np.int64]
    descriptions: Descriptions
    groups: npt.NDArray[np.int64]
    environments: npt.NDArray[np.int64]
    cues: Mapping[str, npt.NDArray[np.int64]]
    spans: tuple[tuple[int, ...], ...]

    def training_data(self, tags: frozenset[Tag]) -> TrainingData:
        """Returns a new copy of the data that a method with these tags receives."""
        texts, has_groups = self.descriptions, "groups" in tags
        descriptions = Descriptions(texts.texts, texts.labels.copy(), texts.of_row.copy())
        return TrainingData(
            payloads=self.payloads[:],
            labels=self.labels.copy(),
            descriptions=descriptions if "text" in tags else None,
            groups=self.groups.copy() if has_groups else None,
            environments=self.environments.copy() if has_groups else None,
            cues={name: codes.copy() for name, codes in self.cues.items()} if has_groups else None,
            spans=self.spans if "span" in tags else None,
        )

    def append(self, payloads: Sequence[bytes], labels: Sequence[int]) -> "ToyRows":
        """Returns these rows and more, which have no text or span, and the first group, environment and cue values."""
        n = len(payloads)
        return ToyRows(
            payloads=Payloads.from_list([*self.payloads, *payloads]),
            labels=_append(self.labels, labels),
            descriptions=replace(self.descriptions, of_row=_append(self.descriptions.of_row, [-1] * n)),
            groups=_append(self.groups, [0] * n),
            environments=_append(self.environments, [0] * n),
            cues={name: _append(codes, [0] * n) for name, codes in self.cues.items()},
            spans=(*self.spans, *([()] * n)),
        )


@dataclass(frozen=True)
class Toy:
    """Training, validation and test rows, and the names of their classes."""

    train: ToyRows
    validation: ToyRows
    test: ToyRows
    classes: tuple[str, ...] = CLASSES


def toy(seed: int = 0) -> Toy:
    """Returns the toy data of a seed, with `ROWS` training rows and balanced classes; equal bytes in any process."""
    rng = np.random.default_rng(seed)
    return Toy(_rows(rng, ROWS), _rows(rng, ROWS // 2), _rows(rng, ROWS // 2))


def _append(codes: npt.NDArray[np.int64], values: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([codes, np.array(values, dtype=np.int64)])


def _rows(rng: np.random.Generator, n: int) -> ToyRows:
    labels = rng.permutation(np.arange(n, dtype=np.int64) % len(CLASSES))
    cues = {"host": rng.integers(len(_HOSTS), size=n), "client": rng.integers(len(_CLIENTS), size=n)}
    requests = [_request(rng, int(label), int(h), int(c)) for label, h, c in zip(labels, *cues.values(), strict=True)]
    text_choice = rng.integers(2, size=n)
    return ToyRows(
        payloads=Payloads.from_list(payload for payload, _ in requests),
        labels=labels,
        descriptions=_descriptions(labels, text_choice, rng.random(n) < 0.1),
        groups=labels * len(_HOSTS) + cues["host"],
        environments=rng.integers(2, size=n),
        cues=cues,
        spans=tuple(span for _, span in requests),
    )


def _request(rng: np.random.Generator, label: int, host: int, client: int) -> tuple[bytes, tuple[int, int]]:
    """Returns a request and the span of its attack."""
    attacks = _ATTACKS[CLASSES[label]]
    attack = attacks[rng.integers(len(attacks))].format(n=rng.integers(10, 9999))
    path, name = (_WORDS[i] for i in rng.choice(len(_WORDS), 2, replace=False))
    head = f"Host: {_HOSTS[host]}\r\nUser-Agent: {_CLIENTS[client]}\r\n"
    if rng.random() < 0.5:
        before, after = f"GET /{path}?{name}=", f" HTTP/1.1\r\n{head}\r\n"
    else:
        length = f"Content-Length: {len(name) + 1 + len(attack)}\r\n"
        before, after = f"POST /{path} HTTP/1.1\r\n{head}{length}\r\n{name}=", ""
    return (before + attack + after).encode(), (len(before), len(before) + len(attack))


def _descriptions(
    labels: npt.NDArray[np.int64], text_choice: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_]
) -> Descriptions:
    """Returns the texts of all classes, with one of its class's texts for each row that is not missing its text."""
    texts = [(text, label) for label, name in enumerate(CLASSES) for text in _TEXTS[name]]
    of_row = np.where(missing, -1, labels * 2 + text_choice)
    return Descriptions(
        tuple(text for text, _ in texts), np.array([label for _, label in texts], dtype=np.int64), of_row
    )


def arrays_of(data: TrainingData) -> Mapping[str, npt.NDArray[np.generic]]:
    """Returns all arrays of training data, by the name under which a method accesses them."""
    out: dict[str, npt.NDArray[np.generic]] = {
        "payloads.data": data.payloads.data,
        "payloads.offsets": data.payloads.offsets,
        "labels": data.labels,
    }
    if data.descriptions is not None:
        out |= {"descriptions.labels": data.descriptions.labels, "descriptions.of_row": data.descriptions.of_row}
    if data.groups is not None and data.environments is not None:
        out |= {"groups": data.groups, "environments": data.environments}
    return out | {f"cues[{name!r}]": codes for name, codes in (data.cues or {}).items()}
