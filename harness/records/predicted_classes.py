"""The predicted classes of a cell with the reference of its data, as the report shows them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.benchmark import BenchmarkRef
from harness.scenario import Rows


@dataclass(frozen=True)
class PredictedClasses:
    """The predicted classes of one cell.

    Attributes:
        key: key of its record.
        benchmark: reference that opens the corpus again.
        environments: by name, corpus row ids, int64 (n,), and predicted classes, int16 (n,).
    """

    key: str
    benchmark: BenchmarkRef
    environments: Mapping[str, tuple[Rows, npt.NDArray[np.int16]]]

    @property
    def classes(self) -> int:
        """One more than the largest predicted class."""
        return max((int(classes.max(initial=-1)) for _, classes in self.environments.values()), default=-1) + 1


def plain(reference: BenchmarkRef) -> dict[str, Any]:
    """Returns a reference in plain values, without its fingerprint, since the data may change before they are read."""
    values = {name: value for name, value in asdict(reference).items() if name != "fingerprint"}
    others = {"target": reference.target, "text": reference.text}
    return values | {name: None if other is None else plain(other) for name, other in others.items()}


def reference(values: Any) -> BenchmarkRef:
    """Returns the reference of plain values, which may come from another person: it is shown, never opened.

    Raises:
        AttributeError, KeyError, TypeError: they are not those of a reference.
    """
    others = {name: None if values[name] is None else reference(values[name]) for name in ("target", "text")}
    where = {column: tuple(allowed) for column, allowed in values["where"].items()}
    return BenchmarkRef(**{**values, **others, "where": where})
