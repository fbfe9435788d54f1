"""Searches everything it can reach for payloads that are neither training nor validation rows, and raises on a find."""

import gc
import sys

import numpy as np
import pyarrow as pa

from harness import Method, Payloads, Predictor, register_method


class Uniform(Predictor):
    def __init__(self, classes):
        self.classes = classes

    def predict_proba(self, payloads):
        return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)


def reachable(roots):
    """Everything that can be reached from the roots through references, modules left out."""
    seen, waiting = {}, list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type(sys) | type):
            continue
        seen[id(item)] = item
        waiting += gc.get_referents(item)
    return seen.values()


@register_method("spy", version=1, summary="looks for test rows")
class Spy(Method):
    def fit(self, train, validation, params, context):
        known = set(train.payloads) | set(validation.payloads)
        frames, frame = [], sys._getframe()
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        everything = list(reachable([train, validation, context, *frames])) + gc.get_objects()
        mine = {id(train.payloads), id(validation.payloads)}
        for item in everything:
            if isinstance(item, Payloads) and id(item) not in mine and set(item) - known:
                raise RuntimeError("found payloads beyond training and validation")
            if isinstance(item, pa.Table | pa.ChunkedArray | pa.Array) and len(item) > len(validation):
                raise RuntimeError(f"found a table of {len(item)} rows")
        for part in (train, validation):
            for array in (part.payloads.data, part.payloads.offsets, part.labels):
                if isinstance(array.base, np.ndarray) and array.base.size > array.size + 1:
                    raise RuntimeError("an array is a view into a larger one")
        return Uniform(len(context.classes))
