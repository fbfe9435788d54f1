"""Whether a cue lies in the attack or in its carrier, where the corpus tells where the attack is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.audit.attributes import METADATA, SIZES, TEXT, Attribute, of_request, spelled
from harness.audit.cues import Cue
from harness.audit.incidence import Material
from harness.audit.text import readable
from harness.data.payload_parts import Spans, carrier


def located(
    material: Material, spans: Sequence[Spans | None], cues: Sequence[tuple[Cue, ...]]
) -> tuple[tuple[Cue, ...], ...]:
    """Returns the cues of each class with the share of its payloads that lose them with their attack.

    Args:
        material: what the cues were found in.
        spans: place of each payload's attack; payloads without one do not count.
        cues: of each class, in the order of the classes.
    """
    labels = material.labels[material.observation]
    out = []
    for k, of_class in enumerate(cues):
        rows = [row for row in np.flatnonzero(labels == k).tolist() if spans[row] is not None]
        wanted = [cue.attribute for cue in of_class]
        whole, left = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.int64)
        for row in rows:
            payload = material.payloads[row]
            has = _has(payload, wanted)
            whole += has
            left += has & _has(carrier(payload, spans[row]), wanted)
        out.append(
            tuple(
                replace(cue, inside=1 - float(left[i] / whole[i])) if _can_tell(cue) and whole[i] else cue
                for i, cue in enumerate(of_class)
            )
        )
    return tuple(out)


def _can_tell(cue: Cue) -> bool:
    """Whether cutting the attack out says where the cue is: not of metadata, nor of sizes."""
    return cue.attribute.kind not in METADATA | SIZES


def _has(payload: bytes, wanted: Sequence[Attribute]) -> npt.NDArray[np.bool_]:
    text = readable(payload)
    folded, form = text.lower(), {spelled(attribute).lower() for attribute in of_request(payload, text)}
    return np.array(
        [a.value.lower() in folded if a.kind == TEXT else spelled(a).lower() in form for a in wanted], dtype=bool
    )
