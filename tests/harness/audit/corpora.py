"""Small corpora that the tests of the audit make up."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from harness import Corpus
from harness.audit.incidence import Material, observations

WORDS = "amber birch cedar delta ember fjord grove haven inlet jetty knoll larch maple north ochre piney".split()


def request(
    rng: np.random.Generator, *, agent: str = "client/1.0", value: str = "", path: str = "", host: str = "site.test"
) -> bytes:
    """A request of random words, so that nothing but what is asked for goes with a class."""
    first, second, third = rng.choice(WORDS, 3)
    target = f"{path or '/' + first}?{second}={third}{rng.integers(10**6)}{value}"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n".encode()


def corpus(payloads: Sequence[bytes], labels: Sequence[str], **columns: Sequence[object]) -> Corpus:
    """A corpus with the given columns (``group_x`` stands for ``group.x``)."""
    named = {name.replace("group_", "group."): list(values) for name, values in columns.items()}
    samples = [f"row-{i}" for i in range(len(payloads))]
    table = {"sample": samples, "payload": pa.array(payloads, pa.large_binary()), "label": list(labels), **named}
    return Corpus.create("made-up", pa.table(table))


def material(payloads: Sequence[bytes], labels: Sequence[int], unit: Sequence[int] | None = None) -> Material:
    """What cues are sought in; every payload is a unit of its own where none are given."""
    from harness import Payloads

    truth = np.array(labels, dtype=np.int64)
    units = np.arange(len(labels)) if unit is None else np.array(unit, dtype=np.int64)
    classes = int(truth.max()) + 1
    of_row, of_observation = observations(units, truth, classes)
    names = tuple(f"class-{k}" for k in range(classes))
    return Material(Payloads.from_list(payloads), [()] * len(payloads), of_row, of_observation, names)
