"""Occlusion: the drop of the predicted class's probability when a window of bytes is replaced with spaces.

It needs a predictor, so it is computed here from saved predictors (``--save-models``), not while a cell is scored:
there its time would be charged to the method, and external services and programs would get requests that are not part
of the benchmark.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.evaluation.metrics import check_probabilities
from harness.execution.recorded_methods import NotAllowed, NotRebuilt, method_of
from harness.records.predictors import restore_of_record
from harness.records.schema import Record
from harness.records.store import Store
from harness.storage.shared_steps import Arrays

MAX_WINDOWS = 16  # of one payload
_MIN_WINDOW = 4  # bytes
_BLANK = b" "
Drops = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OcclusionResult:
    """Drop of the predicted class's probability per byte of each payload, float64; or the reason why there is none."""

    drops: Sequence[Drops] = ()
    unavailable_reason: str = ""


def occlude(store: Store, record: Record, payloads: Sequence[bytes]) -> OcclusionResult:
    """Returns the occlusion of payloads with a record's saved predictor; makes at most 17 predictions per payload.

    Args:
        store: may hold the saved predictor.
        record: of the cell.
        payloads: as rendered in the environment.
    """
    folder = store.model_path(record.id)
    if not folder.is_dir():
        return OcclusionResult(unavailable_reason="no predictor was saved; run with --save-models")
    try:
        predictor, manifest = restore_of_record(record, folder, method_of(record.cell), _not_shared)
        blanked = [variant for payload in payloads for variant in (payload, *map(bytes, _blanked(payload)))]
        table = predictor.predict_proba(Payloads.from_list(blanked))
        table = check_probabilities(table, len(blanked), len(manifest.classes))
    except NotAllowed as error:
        return OcclusionResult(unavailable_reason=f"it needs {error.names}, which a report does not open")
    except (UserError, NotRebuilt) as error:
        return OcclusionResult(unavailable_reason=str(error))
    except Exception as error:  # a method's own code can raise anything
        return OcclusionResult(unavailable_reason=f"{type(error).__name__}: {error}")
    drops, at = [], 0
    for payload in payloads:
        windows = _windows(len(payload))
        drops.append(_drops(table[at : at + 1 + len(windows)], windows, len(payload)))
        at += 1 + len(windows)
    return OcclusionResult(drops)


def _windows(length: int) -> list[tuple[int, int]]:
    width = max(_MIN_WINDOW, -(-length // MAX_WINDOWS))
    return [(start, min(start + width, length)) for start in range(0, length, width)]


def _blanked(payload: bytes) -> list[bytes]:
    return [payload[:start] + _BLANK * (end - start) + payload[end:] for start, end in _windows(len(payload))]


def _drops(table: npt.NDArray[np.float32], windows: Sequence[tuple[int, int]], length: int) -> Drops:
    predicted = int(table[0].argmax())
    out = np.zeros(length)
    for row, (start, end) in enumerate(windows, start=1):
        out[start:end] = float(table[0, predicted]) - float(table[row, predicted])
    return out


def _not_shared(step: str, content: str, compute: Callable[[], Arrays]) -> Arrays:
    """Computes a shared step without caching it: these payloads belong to no run."""
    return compute()
