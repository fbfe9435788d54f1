"""Probes: the macro-F1 of a learner that sees only a part of each payload.

If a learner scores well without the attack, the data contains shortcuts.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness import registry, seeds, space
from harness.auditing.draws import RenderedPart, ScenarioDraw
from harness.auditing.neighbour import nearest_labels
from harness.data import payload_parts
from harness.data.corpus import Corpus
from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.evaluation.metrics import confusion, macro_f1
from harness.method import Context, Predictor, TrainingData
from harness.scenario import Rows
from harness.scenarios.input_views import CUES, cues
from harness.storage.shared_steps import SharedSteps

FULL, NEAREST, DESCRIPTION, MAJORITY = "full", "1-nearest-neighbour", "description", "majority"
TRAIN, VALIDATION = "train", "validation"
MAX_TRAIN, MAX_TEST = 2000, 1000  # rows per probe
View = Callable[[RenderedPart], Payloads]


@dataclass(frozen=True)
class Score:
    """Macro-F1 of a probe in one environment, for one seed."""

    probe: str
    scenario: str
    environment: str
    seed: int
    macro_f1: float


class Probes:
    """Runs all probes that a corpus supports, with one learner.

    Args:
        corpus: the corpus; the probes on descriptions and cues need a corpus that has them.
        learner: name of a registered method without tags, used in its default configuration.

    Raises:
        UserError: there is no such method, or it needs more than payloads.
    """

    def __init__(self, corpus: Corpus, learner: str) -> None:
        self._corpus, self._learner = corpus, registry.method(learner)
        if self._learner.tags:
            raise UserError(
                f"--learner {learner}: it needs {' and '.join(sorted(self._learner.tags))} besides payloads; "
                f"a probe needs a method without tags."
            )
        self._texts = text_of_row(corpus)

    def scores(self, draw: ScenarioDraw, without: Collection[str] = ()) -> Iterator[Score]:
        """Trains each probe on at most 2,000 training rows of a draw and yields its score in each environment.

        Args:
            draw: the rows.
            without: names of probes to skip.
        """
        parts = {
            TRAIN: draw.train.sample(MAX_TRAIN, draw.seed),
            VALIDATION: draw.validation.sample(MAX_TEST, draw.seed),
            **{name: part.sample(MAX_TEST, draw.seed) for name, part in draw.environments.items()},
        }
        views: dict[str, View] = {FULL: _whole}
        views |= {name: partial(_reduce, probe=name) for name in payload_parts.PROBES if name not in without}
        if draw.train.rendered.cues:
            views[CUES] = _cues
        for probe, view in {**views, NEAREST: _whole, MAJORITY: _whole}.items():
            yield from self._probe(draw, probe, view, parts)
        if self._texts is not None:
            yield from self._probe(draw, DESCRIPTION, self._description, self._with_description(parts))

    def _probe(self, draw: ScenarioDraw, probe: str, view: View, parts: Mapping[str, RenderedPart]) -> Iterator[Score]:
        predict = self._fit(draw.seed, probe, view, parts)
        for name in draw.environments:
            part = parts[name]
            if len(part):
                counts = confusion(part.labels, predict(part), len(self._corpus.classes))
                yield Score(probe, draw.name, name, draw.seed, macro_f1(counts))

    def _fit(
        self, seed: int, probe: str, view: View, parts: Mapping[str, RenderedPart]
    ) -> Callable[[RenderedPart], Rows]:
        """Returns a function that predicts classes; it predicts the most frequent class if nothing can be learned."""
        train, validation = (TrainingData(view(parts[name]), parts[name].labels) for name in (TRAIN, VALIDATION))
        if probe == MAJORITY or not len(train.payloads.data) or len(np.unique(train.labels)) < 2:
            majority = np.bincount(train.labels, minlength=1).argmax()
            return lambda part: np.full(len(part), majority, dtype=np.int64)
        if probe == NEAREST:
            return lambda part: nearest_labels(train.payloads, train.labels, view(part))
        predictor = self._train(seed, probe, train, validation)
        return lambda part: predictor.predict_proba(view(part)).argmax(axis=1)

    def _train(self, seed: int, probe: str, train: TrainingData, validation: TrainingData) -> Predictor:
        context = Context.of(self._corpus.classes, seed=seeds.integer(seed, "init"), shared=SharedSteps())
        info = self._learner
        try:
            return info.factory().fit(train, validation, space.defaults(info.space), context)
        except Exception as error:
            raise UserError(
                f"the learner {info.name} failed on the probe {probe!r} ({type(error).__name__}: {error}); "
                f"choose another with --learner."
            ) from error

    def _with_description(self, parts: Mapping[str, RenderedPart]) -> dict[str, RenderedPart]:
        """Returns the rows of each part that have a description."""
        assert self._texts is not None
        return {name: part.take(np.flatnonzero(self._texts[part.rows] >= 0)) for name, part in parts.items()}

    def _description(self, part: RenderedPart) -> Payloads:
        assert self._texts is not None
        texts = self._corpus.descriptions.column("text").to_pylist()
        return Payloads.from_list(texts[index].encode() for index in self._texts[part.rows].tolist())


def _whole(part: RenderedPart) -> Payloads:
    return part.payloads


def _reduce(part: RenderedPart, probe: str) -> Payloads:
    return payload_parts.reduce(part.payloads, part.rendered.spans, probe)


def _cues(part: RenderedPart) -> Payloads:
    return cues(part.rendered)


def text_of_row(corpus: Corpus) -> Rows | None:
    """Returns `Corpus.text_of_row`, int64 (n,), -1 for a row without a description; None if no row has one."""
    return corpus.text_of_row if (corpus.text_of_row >= 0).any() else None
