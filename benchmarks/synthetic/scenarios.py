"""Scenarios of ``synthetic``: `harness.scenarios.splits` selects the rows, `cues.CueModel` draws the cues."""

from collections.abc import Mapping
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

from . import embedding_clusters
from .cues import CUES, REMOVED, Assignment, Codes, CueModel
from .pilot_cves import pilot_rows

_SHIFTED = EnvironmentSpec(shifted=True)
_PLAIN = EnvironmentSpec()
SOURCE_SPREAD = 0.04  # the two training sources of a planted scenario have rho - SOURCE_SPREAD and rho + SOURCE_SPREAD

PLANTED: dict[str, EnvironmentSpec] = {
    "id": _PLAIN,
    **{f"flip.{cue}": EnvironmentSpec(shifted=True, kind="flip", subject=cue) for cue in CUES},
    # Not scored: seven cues at once that name one wrong class outvote any attack, and most methods have nearly 0 there.
    "flip.all": EnvironmentSpec(kind="flip", subject="all"),
    "absent": _PLAIN,
    "novel": _SHIFTED,
    "neutral": _PLAIN,
    "one-collector": _PLAIN,
}
# Neutral rows are those of the planted scenarios: what training on uninformative cues reaches on them is the reference
# for what training on informative ones fails to learn.
_CONTROL = {"id": _PLAIN, "neutral": _PLAIN}
_DISJOINT = {"id": _PLAIN, "test": _SHIFTED}
_VERSION = 3  # of every scenario
# The planted scenarios and their rho. In all others cues carry no information (rho 0); `iid` is the control.
RHO = {"planted-80": 0.80, "planted-95": 0.95, "planted-100": 1.0}
# The scenarios with scarce labels, each with its number: rows of each class, percentage of wrong labels, rows of each
# class of a third of the classes.
FEW, NOISY, FEW_SHOT = (
    {f"{name}-{number}": number for number in numbers}
    for name, numbers in (("few", splits.FEW), ("noisy", splits.NOISE), ("few-shot", splits.SHOTS))
)
DESCRIBED = "described-only"
# The columns of which training and tests share no value.
_APART = {
    **dict.fromkeys((*FEW, *NOISY, DESCRIBED, "cve-disjoint"), ("cve",)),
    "product-disjoint": ("product", "cve"),
    "technique-disjoint": ("group.technique", "cve"),
    "cluster-disjoint": ("cve",),
    "embedding-disjoint": ("cve",),
}
_UNIT_COLUMNS = {
    "product-disjoint": "product",
    "technique-disjoint": "group.technique",
    "cluster-disjoint": "attack cluster",
    "embedding-disjoint": "embedding cluster",
}
IMBALANCE = 100.0  # largest ratio of the rows of the most frequent class to those of the rarest one in `rare-class`


def _disjoint(name: str, attribute: str, quick: bool = False) -> ScenarioSpec:
    summary = f"training and tests share no {attribute}; cues carry no information"
    return ScenarioSpec(name, "attribute-generalization", summary, _DISJOINT, _VERSION, quick)


def _scarce(name: str, summary: str) -> ScenarioSpec:
    return ScenarioSpec(name, "label-scarcity", summary, {"test": _SHIFTED}, _VERSION, quick=False, named_only=True)


SPECS: tuple[ScenarioSpec, ...] = (
    ScenarioSpec("iid", "none", "no shift; cues carry no information", _CONTROL, _VERSION),
    _disjoint("cve-disjoint", "CVE", quick=True),
    _disjoint("product-disjoint", "product (and no CVE)"),
    _disjoint("technique-disjoint", "technique (and no CVE)"),
    _disjoint("cluster-disjoint", "cluster of similar attacks (and no CVE)"),
    _disjoint("embedding-disjoint", "cluster of attacks with similar embeddings (and no CVE)"),
    ScenarioSpec(
        "time-disjoint",
        "attribute-generalization",
        "training on CVEs published before a date, tests on later ones; the payloads do not change with time",
        _DISJOINT,
        _VERSION,
        quick=False,
    ),
    *(
        ScenarioSpec(
            name,
            "spurious-correlation",
            f"a latent collector equals the class in {rho:.0%} of the training rows, and seven cues copy it",
            PLANTED,
            _VERSION,
            quick=name == "planted-95",
        )
        for name, rho in RHO.items()
    ),
    ScenarioSpec(
        "zero-shot",
        "none",
        "a third of the classes occur only in tests; training has their names",
        {"seen": _PLAIN, "unseen": _PLAIN},
        _VERSION,
        quick=False,
    ),
    ScenarioSpec(
        "rare-class",
        "class-imbalance",
        f"class frequencies fall in training, to one {IMBALANCE:.0f}th at most; the test is balanced",
        {"test": _SHIFTED},
        _VERSION,
        quick=False,
    ),
    *(
        _scarce(name, f"{rows} labelled training rows of each class, and all descriptions; tests on new CVEs")
        for name, rows in FEW.items()
    ),
    _scarce(DESCRIBED, "most training rows have their CVE's description and no class; tests on new CVEs"),
    *(
        _scarce(name, f"{percent}% of the labels of training and validation are wrong; tests on new CVEs")
        for name, percent in NOISY.items()
    ),
    *(
        ScenarioSpec(
            name,
            "none",
            f"a third of the classes have {rows} training row{'s' * (rows > 1)} each, and their descriptions",
            {"seen": _PLAIN, "unseen": _PLAIN},
            _VERSION,
            quick=False,
            named_only=True,
        )
        for name, rows in FEW_SHOT.items()
    ),
)


@dataclass(frozen=True)
class CueTransform:
    """Renders each row with the cue values of its assignment."""

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
class _Split:
    """The rows of one seed, with the notes, cut-off date and unseen classes of its `Scenario`."""

    parts: splits.Parts
    notes: tuple[str, ...] = ()
    until: int | None = None
    unseen: tuple[int, ...] = ()
    described: Codes | None = None
    unlabelled: Codes | None = None


def build(corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
    """Draws one seed of a scenario; no environment has a row of a pilot CVE."""
    return _build(corpus, spec, _folds(corpus, spec.name, seed), seed, sizes)


def build_pilot(corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
    """Draws training and validation of a scenario for tests on the pilot CVEs alone, under neutral cues.

    The pilot CVEs are held out as a fold is: of training without their rows in `cve-disjoint`, of training with other
    attacks on them in `iid`, `planted-*` and `rare-class`. The seed selects the draw of training and validation; the
    tested rows differ only if ``sizes`` limits them.

    Args:
        corpus: the corpus of this benchmark.
        spec: a scenario whose units are CVEs.
        seed: seed of the draw, 0 or greater.
        sizes: maximum number of rows of each part.
    """
    folds = splits.reserved_fold(_folds(corpus, spec.name, seed))
    return _build(corpus, replace(spec, environments={"neutral": _PLAIN}), folds, seed, sizes)


def _build(corpus: Corpus, spec: ScenarioSpec, folds: splits.Folds, seed: int, sizes: Sizes) -> Scenario:
    split = _split(corpus, spec, folds, sizes)
    model = CueModel(len(corpus.classes), seeds.generator(seed, "cues"))
    flipped = {name: env.subject for name, env in spec.environments.items() if env.kind == "flip"}
    assigner = _CueAssigner(model, corpus, seed, RHO.get(spec.name, 0.0), flipped)
    rows = {name: split.parts.id if name in ("id", "seen") else split.parts.test for name in spec.environments}
    train, validation = (
        assigner.environment(name, part)
        for name, part in (("train", split.parts.train), ("validation", split.parts.validation))
    )
    if spec.name in NOISY:
        train, validation = (
            splits.with_noisy_labels(part, NOISY[spec.name] / 100, corpus, seed, number)
            for number, part in enumerate((train, validation))
        )
    unlabelled = split.unlabelled
    return Scenario(
        spec=spec,
        train=train,
        validation=validation,
        environments={name: assigner.environment(name, rows[name]) for name in spec.environments},
        unit=folds.unit,
        notes=(*split.notes, *(f"{spec.name}: {note}" for note in split.parts.notes)),
        disjoint_columns=_APART.get(spec.name, ()),
        test_start=split.until,
        unseen_classes=split.unseen,
        unit_column=_UNIT_COLUMNS.get(spec.name, ""),
        grouped_by="whether the collector agrees with it" if spec.name in RHO else "",
        unlabelled=None if unlabelled is None else assigner.environment("unlabelled", unlabelled),
        described=split.parts.train[:0] if split.described is None else split.described,
    )


def _folds(corpus: Corpus, name: str, seed: int) -> splits.Folds:
    """Returns the folds of the units that a scenario tests."""
    pilot = pilot_rows(corpus)
    if name == "cluster-disjoint":
        return splits.cluster_folds(corpus, seed, pilot)
    if name == "embedding-disjoint":
        return splits.folds_of_units(corpus, embedding_clusters.of_rows(corpus), seed, pilot)
    links = ["group.technique"] if name == "technique-disjoint" else _APART.get(name, ("cve",))
    return splits.make_folds(corpus, links, seed, reserved=pilot)


def _split(corpus: Corpus, spec: ScenarioSpec, folds: splits.Folds, sizes: Sizes) -> _Split:
    if spec.name == "time-disjoint":
        date = splits.days(corpus)
        cutoff = splits.cutoff(date)
        parts = splits.temporal(folds, date, cutoff, sizes, splits.new_cves(corpus))
        return _Split(parts, (f"time-disjoint: tests begin at {splits.iso(cutoff)}",), until=int(cutoff))
    if spec.name == "zero-shot":
        parts, unseen = splits.zero_shot(folds, sizes)
        names = ", ".join(corpus.classes[c] for c in unseen)
        return _Split(parts, (f"zero-shot: fold {folds.number} trains on no row of {names}",), unseen=unseen)
    if spec.name in FEW:
        scarce = splits.few_labels(folds, FEW[spec.name], sizes, splits.new_cves(corpus))
        return _Split(scarce.parts, described=scarce.described)
    if spec.name == DESCRIBED:
        scarce = splits.some_labels(folds, sizes, splits.new_cves(corpus))
        return _Split(scarce.parts, unlabelled=scarce.unlabelled)
    if spec.name in FEW_SHOT:
        scarce, classes = splits.few_shot(folds, FEW_SHOT[spec.name], sizes)
        names = ", ".join(corpus.classes[c] for c in classes)
        return _Split(
            scarce.parts, (f"{spec.name}: fold {folds.number} has few rows of {names}",), described=scarce.described
        )
    if spec.name in ("technique-disjoint", "cluster-disjoint", "embedding-disjoint"):
        by_cve = splits.make_folds(corpus, ["cve"], folds.seed, reserved=folds.reserved)
        return _Split(splits.crossed(folds, by_cve, sizes, splits.new_cves(corpus)))
    if spec.name in _APART:
        return _Split(splits.disjoint(folds, sizes, splits.new_cves(corpus)))
    if spec.name == "rare-class":
        return _Split(splits.long_tail(folds, IMBALANCE, sizes))
    return _Split(splits.random(folds, sizes))


class _CueAssigner:
    """Assigns cue values to the rows of an environment, depending on its name."""

    def __init__(self, model: CueModel, corpus: Corpus, seed: int, rho: float, flipped: Mapping[str, str]) -> None:
        self._model, self._corpus, self._seed, self._rho = model, corpus, seed, rho
        self._flipped = flipped  # the cue, or all, by name of the environment

    def environment(self, name: str, rows: Codes) -> Environment:
        labels = self._corpus.labels[rows]
        assignment = self._assign(name, labels)
        target = assignment.target if name in self._flipped else None
        has_groups = self._rho > 0 and name in ("train", "validation", "id")
        groups = labels * 2 + (assignment.collector != labels) if has_groups else None
        return Environment(CueTransform(rows, assignment), target, groups=groups, sources=assignment.source)

    def _assign(self, name: str, labels: Codes) -> Assignment:
        neutral = self._model.neutral(len(labels), self._stream("neutral"))
        if name == "neutral":
            return neutral
        if name == "absent":
            return self._model.absent(len(labels))
        if name == "novel":
            return self._model.novel(len(labels), self._stream("novel"))
        if name == "one-collector":
            one = int(self._stream(name).integers(self._model.classes))
            return self._model.one_collector(one, neutral)
        if cue := self._flipped.get(name):
            cues = tuple(CUES) if cue == "all" else (cue,)
            return self._model.flip(labels, cues, neutral, self._stream("flip"))
        rng = self._stream(name)
        side = rng.choice((-1.0, 1.0), size=len(labels))
        if not 0 < self._rho < 1:  # one source
            return self._model.training(labels, self._rho, rng)
        assignment = self._model.training(labels, self._rho + SOURCE_SPREAD * side, rng)
        return replace(assignment, source=(side > 0).astype(np.int64))

    def _stream(self, name: str) -> np.random.Generator:
        return seeds.generator(self._seed, "cues", name.encode())
