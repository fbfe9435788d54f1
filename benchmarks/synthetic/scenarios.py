"""Scenarios of ``synthetic``: rows by `harness.scenarios.splits`, cues by `cues.CueModel`."""

from dataclasses import dataclass, replace

import numpy as np

from harness import (
    Corpus,
    Environment,
    EnvironmentSpec,
    Payloads,
    Rendered,
    Scenario,
    ScenarioSpec,
    Sizes,
    seeds,
    splits,
)

from .cues import CUES, REMOVED, Assignment, Codes, CueModel

_SHIFTED = EnvironmentSpec(shifted=True)
_PLAIN = EnvironmentSpec()
SOURCE_SPREAD = 0.04  # the two training sources of a planted scenario have rho - and + this

PLANTED: dict[str, EnvironmentSpec] = {
    "id": _PLAIN,
    **{f"flip.{cue}": EnvironmentSpec(shifted=True, kind="flip", subject=cue) for cue in (*CUES, "all")},
    "absent": _PLAIN,
    "novel": _SHIFTED,
    "neutral": _PLAIN,
}
_DISJOINT = {"id": _PLAIN, "test": _SHIFTED}
# The planted scenarios and their rho; the others have cues that carry no information (rho 0), `iid` is their control.
RHO = {"planted-80": 0.80, "planted-95": 0.95, "planted-100": 1.0}
# What must not be shared between training and tests.
_APART = {"cve-disjoint": "cve", "product-disjoint": "product", "technique-disjoint": "group.technique"}
IMBALANCE = 100.0  # rows of the most frequent class over those of the rarest one, in `rare-class`


def _disjoint(name: str, what: str, quick: bool = False) -> ScenarioSpec:
    summary = f"no {what} of a tested row is trained on; cues carry no information"
    return ScenarioSpec(name, "attribute-generalization", summary, _DISJOINT, quick=quick)


SPECS: tuple[ScenarioSpec, ...] = (
    ScenarioSpec("iid", "none", "nothing shifts; cues carry no information", {"id": _PLAIN}),
    _disjoint("cve-disjoint", "CVE", quick=True),
    _disjoint("product-disjoint", "product (nor CVE)"),
    _disjoint("technique-disjoint", "technique"),
    ScenarioSpec(
        "time-disjoint",
        "attribute-generalization",
        "training on CVEs published before a date, tests on later ones; the payloads are ours, so time is an attribute",
        _DISJOINT,
        quick=False,
    ),
    *(
        ScenarioSpec(
            name,
            "spurious-correlation",
            f"a latent collector is the class in {rho:.0%} of training, and seven cues follow it",
            PLANTED,
            quick=name == "planted-95",
        )
        for name, rho in RHO.items()
    ),
    ScenarioSpec(
        "zero-shot",
        "none",
        "a third of the classes occur in tests only; training knows their names",
        {"seen": _PLAIN, "unseen": _PLAIN},
        quick=False,
    ),
    ScenarioSpec(
        "rare-class",
        "class-imbalance",
        f"class frequencies fall to one {IMBALANCE:.0f}th in training; the test is balanced",
        _DISJOINT,
        quick=False,
    ),
)


@dataclass(frozen=True)
class CueTransform:
    """Renders each row under the cue values that were assigned to it."""

    rows: Codes
    assignment: Assignment

    def __call__(self, corpus: Corpus) -> Rendered:
        """Returns one request per row."""
        from .corpus import render_sample
        from .rendering import CueValues

        names = corpus.table.column("sample").take(self.rows).to_pylist()
        columns = {
            name: [None if code == REMOVED else cue.values[code] for code in self.assignment.codes[name].tolist()]
            for name, cue in CUES.items()
        }
        values = [CueValues(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        requests = [render_sample(name, value) for name, value in zip(names, values, strict=True)]
        return Rendered(
            Payloads.from_list(request.payload for request in requests),
            [[edge for span in request.spans for edge in span] for request in requests],
            columns,
        )


@dataclass(frozen=True)
class _Drawn:
    """The rows of one seed, and what a `Scenario` says of them."""

    parts: splits.Parts
    notes: tuple[str, ...] = ()
    until: int | None = None
    unseen: tuple[int, ...] = ()


def build(corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
    """Draws one seed of a scenario."""
    apart = _APART.get(spec.name, "cve")
    folds = splits.make_folds(corpus, ["cve", apart] if apart == "product" else [apart], seed)
    drawn = _draw(corpus, spec, folds, sizes)
    model = CueModel(len(corpus.classes), seeds.generator(seed, "cues"))
    painter = _Painter(model, corpus, seed, RHO.get(spec.name, 0.0))
    rows = {name: drawn.parts.id if name in ("id", "seen") else drawn.parts.test for name in spec.environments}
    return Scenario(
        spec=spec,
        train=painter.environment("train", drawn.parts.train),
        validation=painter.environment("validation", drawn.parts.validation),
        environments={name: painter.environment(name, rows[name]) for name in spec.environments},
        unit=folds.unit,
        notes=drawn.notes,
        apart=(apart,) if spec.name in _APART else (),
        until=drawn.until,
        unseen=drawn.unseen,
        grouped_by="whether the collector agrees with it" if spec.name in RHO else "",
    )


def _draw(corpus: Corpus, spec: ScenarioSpec, folds: splits.Folds, sizes: Sizes) -> _Drawn:
    if spec.name == "time-disjoint":
        date = splits.days(corpus)
        cutoff = splits.cutoff(date)
        parts = splits.temporal(folds, date, cutoff, sizes)
        return _Drawn(parts, (f"time-disjoint: tests begin at {splits.iso(cutoff)}",), until=int(cutoff))
    if spec.name == "zero-shot":
        parts, unseen = splits.zero_shot(folds, sizes)
        names = ", ".join(corpus.classes[c] for c in unseen)
        return _Drawn(parts, (f"zero-shot: seed {folds.seed} trains on no row of {names}",), unseen=unseen)
    if spec.name in _APART:
        return _Drawn(splits.disjoint(folds, sizes))
    if spec.name == "rare-class":
        return _Drawn(splits.long_tail(folds, IMBALANCE, sizes))
    return _Drawn(splits.random(folds, sizes))


class _Painter:
    """Assigns cues to the rows of an environment by its name."""

    def __init__(self, model: CueModel, corpus: Corpus, seed: int, rho: float) -> None:
        self._model, self._corpus, self._seed, self._rho = model, corpus, seed, rho

    def environment(self, name: str, rows: Codes) -> Environment:
        labels = self._corpus.labels[rows]
        assignment = self._assign(name, labels)
        target = assignment.target if name.startswith("flip.") else None
        grouped = self._rho > 0 and name in ("train", "validation", "id")
        groups = labels * 2 + (assignment.collector != labels) if grouped else None
        return Environment(CueTransform(rows, assignment), target, groups=groups, sources=assignment.source)

    def _assign(self, name: str, labels: Codes) -> Assignment:
        neutral = self._model.neutral(len(labels), self._stream("neutral"))
        if name == "neutral":
            return neutral
        if name == "absent":
            return self._model.absent(len(labels))
        if name == "novel":
            return self._model.novel(len(labels), self._stream("novel"))
        if name.startswith("flip."):
            cue = name.removeprefix("flip.")
            flipped = tuple(CUES) if cue == "all" else (cue,)
            return self._model.flip(labels, flipped, neutral, self._stream("flip"))
        rng = self._stream(name)
        side = rng.choice((-1.0, 1.0), size=len(labels))
        if not 0 < self._rho < 1:  # one source
            return self._model.training(labels, self._rho, rng)
        assignment = self._model.training(labels, self._rho + SOURCE_SPREAD * side, rng)
        return replace(assignment, source=(side > 0).astype(np.int64))

    def _stream(self, name: str) -> np.random.Generator:
        return seeds.generator(self._seed, "cues", name.encode())
