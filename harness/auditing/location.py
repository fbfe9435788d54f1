"""Whether a cue is in the attack or in the carrier, for corpora with attack spans."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.auditing.attributes import METADATA, SIZES, TEXT, Attribute, attribute_key, of_request
from harness.auditing.cues import Cue
from harness.auditing.incidence import CueData
from harness.auditing.text import readable
from harness.data.payload_parts import Spans, carrier


def locate(
    data: CueData, spans: Sequence[Spans | None], cues: Sequence[tuple[Cue, ...]]
) -> tuple[tuple[Cue, ...], ...]:
    """Sets `Cue.inside`: the share of the payloads with the cue that lose it when the attack is cut out.

    Args:
        data: the rows in which the cues were found.
        spans: attack span of each payload; payloads without one are ignored.
        cues: the cues of each class, in the order of the classes.

    Returns:
        The cues of each class, in the same order.
    """
    labels = data.labels[data.observation]
    out = []
    for k, of_class in enumerate(cues):
        rows = [row for row in np.flatnonzero(labels == k).tolist() if spans[row] is not None]
        attributes = [cue.attribute for cue in of_class]
        in_payload, in_carrier = np.zeros(len(attributes), np.int64), np.zeros(len(attributes), np.int64)
        for row in rows:
            payload = data.payloads[row]
            has = _has(payload, attributes)
            in_payload += has
            in_carrier += has & _has(carrier(payload, spans[row]), attributes)
        out.append(
            tuple(
                replace(cue, inside=1 - float(in_carrier[i] / in_payload[i]))
                if _is_locatable(cue) and in_payload[i]
                else cue
                for i, cue in enumerate(of_class)
            )
        )
    return tuple(out)


def _is_locatable(cue: Cue) -> bool:
    """Whether cutting out the attack shows where the cue is; it does not for metadata and sizes."""
    return cue.attribute.kind not in METADATA | SIZES


def _has(payload: bytes, attributes: Sequence[Attribute]) -> npt.NDArray[np.bool_]:
    """Returns which attributes a payload has, ignoring case, bool (attributes,)."""
    text = readable(payload)
    lower, form = text.lower(), {attribute_key(attribute).lower() for attribute in of_request(payload, text)}
    return np.array(
        [a.value.lower() in lower if a.kind == TEXT else attribute_key(a).lower() in form for a in attributes],
        dtype=bool,
    )
