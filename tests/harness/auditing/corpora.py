"""Small generated corpora for the tests of the audit."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from harness import Corpus
from harness.auditing.incidence import CueData, observations

WORDS = "amber birch cedar delta ember fjord grove haven inlet jetty knoll larch maple north ochre piney".split()


def request(
    rng: np.random.Generator, *, agent: str = "client/1.0", value: str = "", path: str = "", host: str = "site.test"
) -> bytes:
    """Returns a request of random words: only the given parts can be associated with a class."""
    first, second, third = rng.choice(WORDS, 3)
    target = f"{path or '/' + first}?{second}={third}{rng.integers(10**6)}{value}"
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n".encode()


def corpus(payloads: Sequence[bytes], labels: Sequence[str], **columns: Sequence[object]) -> Corpus:
    """Returns a corpus with the given columns (``group_x`` stands for ``group.x``)."""
    extra = {name.replace("group_", "group."): list(values) for name, values in columns.items()}
    samples = [f"row-{i}" for i in range(len(payloads))]
    table = {"sample": samples, "payload": pa.array(payloads, pa.large_binary()), "label": list(labels), **extra}
    return Corpus.create("made-up", pa.table(table))


def cue_data(payloads: Sequence[bytes], labels: Sequence[int], unit: Sequence[int] | None = None) -> CueData:
    """Returns the input of the cue search; without units, every payload is a unit of its own."""
    from harness import Payloads

    classes_of_rows = np.array(labels, dtype=np.int64)
    units = np.arange(len(labels)) if unit is None else np.array(unit, dtype=np.int64)
    classes = int(classes_of_rows.max()) + 1
    of_row, of_observation = observations(units, classes_of_rows, classes)
    names = tuple(f"class-{k}" for k in range(classes))
    return CueData(Payloads.from_list(payloads), [()] * len(payloads), of_row, of_observation, names)
