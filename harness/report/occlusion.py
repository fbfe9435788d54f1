"""What a prediction hangs on: the fall of its probability when a window of bytes is blanked out.

It takes a predictor, so it is computed here, from those that a run kept (``--save-models``), and not while a cell is
scored: it would be charged to the method there, and a service or a program would be asked what nobody asked it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.evaluation.metrics import check_probabilities
from harness.execution.rerun import NotRebuilt, method_of
from harness.records.predictors import restore
from harness.records.schema import Record
from harness.records.store import Store
from harness.storage.shared_steps import Arrays

WINDOWS = 16  # of one payload, at most
_NARROWEST = 4  # bytes of a window
_BLANK = b" "
Falls = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Occluded:
    """Falls of the predicted class's probability per byte of each payload, float64 each; or why there are none."""

    falls: Sequence[Falls] = ()
    why_not: str = ""


def occluded(store: Store, record: Record, payloads: Sequence[bytes]) -> Occluded:
    """Returns what the kept predictor of a record hangs on; at most 17 predictions per payload.

    Args:
        store: where the predictor may lie.
        record: of the cell.
        payloads: as the method met them.
    """
    folder = store.model_path(record.id)
    if not folder.is_dir():
        return Occluded(why_not="no predictor was kept; run with --save-models")
    try:
        predictor, manifest = restore(folder, method_of(record.cell), record.key, shared=_not_shared)
        blanked = [variant for payload in payloads for variant in (payload, *map(bytes, _blanked(payload)))]
        table = predictor.predict_proba(Payloads.from_list(blanked))
        table = check_probabilities(table, len(blanked), len(manifest.classes))
    except (UserError, NotRebuilt) as error:
        return Occluded(why_not=str(error))
    except Exception as error:  # whatever a method's own code raises
        return Occluded(why_not=f"{type(error).__name__}: {error}")
    falls, at = [], 0
    for payload in payloads:
        windows = _windows(len(payload))
        falls.append(_falls(table[at : at + 1 + len(windows)], windows, len(payload)))
        at += 1 + len(windows)
    return Occluded(falls)


def _windows(length: int) -> list[tuple[int, int]]:
    width = max(_NARROWEST, -(-length // WINDOWS))
    return [(start, min(start + width, length)) for start in range(0, length, width)]


def _blanked(payload: bytes) -> list[bytes]:
    return [payload[:start] + _BLANK * (end - start) + payload[end:] for start, end in _windows(len(payload))]


def _falls(table: npt.NDArray[np.float32], windows: Sequence[tuple[int, int]], length: int) -> Falls:
    predicted = int(table[0].argmax())
    out = np.zeros(length)
    for place, (start, end) in enumerate(windows, start=1):
        out[start:end] = float(table[0, predicted]) - float(table[place, predicted])
    return out


def _not_shared(step: str, content: str, compute: Callable[[], Arrays]) -> Arrays:
    """Computes a shared step without keeping it: these payloads are of no run."""
    return compute()
