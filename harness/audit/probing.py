"""What a learner reaches that sees a part of each payload only: the probes, before any method is compared.

A learner that does well without the attack has found something else to go by.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness import registry, seeds, space
from harness.audit.draws import Draw, Part
from harness.audit.neighbour import nearest
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
MOST_TRAINED, MOST_TESTED = 2000, 1000  # rows that a probe is trained and tested on
Show = Callable[[Part], Payloads]


@dataclass(frozen=True)
class Score:
    """Macro-F1 of one probe in one environment of one seed."""

    probe: str
    scenario: str
    environment: str
    seed: int
    macro_f1: float


class Probes:
    """The probes that a corpus allows, with one learner.

    Args:
        corpus: its descriptions and cues decide which probes there are.
        learner: a registered method that sees payloads alone, at its default configuration.

    Raises:
        UserError: there is no such method, or it wants to see more than payloads.
    """

    def __init__(self, corpus: Corpus, learner: str) -> None:
        self._corpus, self._learner = corpus, registry.method(learner)
        if self._learner.tags:
            raise UserError(
                f"--learner {learner}: it wants {' and '.join(sorted(self._learner.tags))} beside the payloads; "
                f"a probe needs a method without tags."
            )
        self._texts = description_places(corpus)

    def scores(self, draw: Draw, without: Collection[str] = ()) -> Iterator[Score]:
        """Trains every probe but some on up to 2,000 training rows of a draw; yields its score in each environment."""
        parts = {
            TRAIN: draw.train.sample(MOST_TRAINED, draw.seed),
            VALIDATION: draw.validation.sample(MOST_TESTED, draw.seed),
            **{name: part.sample(MOST_TESTED, draw.seed) for name, part in draw.environments.items()},
        }
        reduced = {name: partial(_part_of, view=name) for name in payload_parts.PROBES if name not in without}
        views: dict[str, Show] = {FULL: _whole, **reduced}
        if draw.train.rendered.cues:
            views[CUES] = _cues
        for probe, show in {**views, NEAREST: _whole, MAJORITY: _whole}.items():
            yield from self._probe(draw, probe, show, parts)
        if self._texts is not None:
            yield from self._probe(draw, DESCRIPTION, self._description, self._described(parts))

    def _probe(self, draw: Draw, probe: str, show: Show, parts: Mapping[str, Part]) -> Iterator[Score]:
        predict = self._fit(draw.seed, probe, show, parts)
        for name in draw.environments:
            part = parts[name]
            if len(part):
                counts = confusion(part.labels, predict(part), len(self._corpus.classes))
                yield Score(probe, draw.name, name, draw.seed, macro_f1(counts))

    def _fit(self, seed: int, probe: str, show: Show, parts: Mapping[str, Part]) -> Callable[[Part], Rows]:
        """Returns what predicts classes; where there is nothing to learn from, the most frequent class."""
        train, validation = (TrainingData(show(parts[name]), parts[name].labels) for name in (TRAIN, VALIDATION))
        if probe == MAJORITY or not len(train.payloads.data) or len(np.unique(train.labels)) < 2:
            most = np.bincount(train.labels, minlength=1).argmax()
            return lambda part: np.full(len(part), most, dtype=np.int64)
        if probe == NEAREST:
            return lambda part: nearest(train.payloads, train.labels, show(part))
        predictor = self._trained(seed, probe, train, validation)
        return lambda part: predictor.predict_proba(show(part)).argmax(axis=1)

    def _trained(self, seed: int, probe: str, train: TrainingData, validation: TrainingData) -> Predictor:
        context = Context.of(self._corpus.classes, seed=seeds.integer(seed, "init"), shared=SharedSteps())
        info = self._learner
        try:
            return info.factory().fit(train, validation, space.defaults(info.space), context)
        except Exception as error:
            raise UserError(
                f"the learner {info.name} fails on the probe {probe!r} ({type(error).__name__}: {error}); "
                f"name another with --learner."
            ) from error

    def _described(self, parts: Mapping[str, Part]) -> dict[str, Part]:
        """The rows of each part that have a description."""
        assert self._texts is not None
        return {name: part.take(np.flatnonzero(self._texts[part.rows] >= 0)) for name, part in parts.items()}

    def _description(self, part: Part) -> Payloads:
        assert self._texts is not None
        texts = self._corpus.descriptions.column("text").to_pylist()
        return Payloads.from_list(texts[at].encode() for at in self._texts[part.rows].tolist())


def _whole(part: Part) -> Payloads:
    return part.payloads


def _part_of(part: Part, view: str) -> Payloads:
    return payload_parts.reduce(part.payloads, part.rendered.spans, view)


def _cues(part: Part) -> Payloads:
    return cues(part.rendered)


def description_places(corpus: Corpus) -> Rows | None:
    """Returns the place of each row's description in the description table; None where no row has one.

    Returns:
        int64 (n,), -1 for a row without a description.
    """
    return corpus.text_of_row if (corpus.text_of_row >= 0).any() else None
