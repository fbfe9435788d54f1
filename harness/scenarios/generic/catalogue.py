"""The catalogue of generic scenarios: what each one requires, and how it is built."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from harness.data.corpus import CVES, GROUP, Corpus, CorpusMeta
from harness.errors import UserError
from harness.protocol import AGREEING, FEW, FOLDS, IMBALANCE, NOISE, SHOTS, WINDOWS
from harness.scenario import Environment, EnvironmentSpec, Rows, Scenario, ScenarioSpec, ShiftType, Sizes, StoredRows
from harness.scenarios import splits
from harness.scenarios.generic import draws
from harness.scenarios.generic.attributes import most_informative_cue
from harness.scenarios.splits import Folds

_APART = {"cve": "CVE", "vendor": "vendor", "product": "product", "source": "source"}  # columns with a scenario each
_NEEDS = {"group": "groups", "date": "dates", **{column: f"{word}s" for column, word in _APART.items()}}
_VERSION = 2  # of every generic scenario
_PLAIN, _SHIFTED = EnvironmentSpec(), EnvironmentSpec(shifted=True)
_ONE_TEST = {"id": _PLAIN, "test": _SHIFTED}
_RANDOM = ScenarioSpec(
    "random", "none", "test rows drawn at random, other attacks on the same units", {"id": _PLAIN}, _VERSION
)
_TEMPORAL = ScenarioSpec("temporal", "temporal", "training ends before a date, tests begin at it", _ONE_TEST, _VERSION)
_CLUSTER = ScenarioSpec(
    "cluster-disjoint",
    "attribute-generalization",
    "no tested cluster of similar attacks and no tested unit is trained on",
    _ONE_TEST,
    _VERSION,
    quick=False,
)
_WINDOWS = ScenarioSpec(
    "temporal-windows",
    "temporal",
    f"as temporal, with the tests in {WINDOWS} windows of time that hold as many rows of the corpus each",
    {"id": _PLAIN, **{f"test.{window + 1}": _SHIFTED for window in range(WINDOWS)}},
    _VERSION,
    quick=False,
)
_BY_SOURCE = ScenarioSpec(
    "leave-one-source-out",
    "source",
    "training on all sources but one, tests on that one",
    _ONE_TEST,
    _VERSION,
    quick=False,
)
_NATURAL = ScenarioSpec(
    f"natural-{AGREEING}",
    "spurious-correlation",
    f"rows drawn so that an attribute of the request goes with the class in {AGREEING}% of training",
    {name: _SHIFTED if name == "flip" else _PLAIN for name in draws.ENVIRONMENTS},
    _VERSION,
    quick=False,
)
_LONG_TAIL = ScenarioSpec(
    "long-tail",
    "class-imbalance",
    f"class frequencies fall in training, to one {IMBALANCE:.0f}th at most; the test has those of the corpus",
    {"test": _SHIFTED},
    _VERSION,
    quick=False,
)
ZERO_SHOT = ScenarioSpec(
    "zero-shot",
    "none",
    "a third of the classes occur in tests only; training knows their names",
    {"seen": _PLAIN, "unseen": _PLAIN},
    _VERSION,
    quick=False,
)


Draw = Callable[[Corpus, Folds, Sizes], draws.RowDraw]


@dataclass(frozen=True)
class Generic:
    """A scenario of every corpus with the required columns.

    Attributes:
        spec: description of the scenario for a plan.
        draw: draws the rows of one seed.
        links: columns whose shared values link rows into units; without any, every distinct attack is a unit.
        needs: columns of which at least one must exist and have values; empty if none is required.
        strata: returns what to balance the folds by instead of the class; None for the class.
        folds: returns the folds of units other than those of ``links``; None for those.
        unit_name: word for these units.
    """

    spec: ScenarioSpec
    draw: Draw
    links: tuple[str, ...]
    needs: tuple[str, ...] = ()
    strata: Callable[[Corpus, tuple[str, ...]], Sequence[Rows]] | None = None
    folds: Callable[[Corpus, int], Folds] | None = None
    unit_name: str = ""

    @property
    def unit_column(self) -> str:
        """See `Scenario.unit_column`."""
        if self.unit_name or self.spec.shift != "attribute-generalization" or not CVES.isdisjoint(self.links):
            return self.unit_name
        return self.links[0] if len(self.links) == 1 else "group"


def catalogue(meta: CorpusMeta) -> list[Generic]:
    """Returns every generic scenario in a fixed order, including those that the corpus does not support."""
    groups = tuple(c for c in meta.columns if c.startswith(GROUP))
    linked = draws.linking_columns(meta)
    return [
        Generic(_RANDOM, draws.random, linked),
        Generic(
            _disjoint("group", "group (or group linked to one)", quick=True),
            _draw_disjoint("group", groups),
            groups,
            groups or ("group",),
        ),
        *_each_apart(meta, groups),
        Generic(_CLUSTER, draws.cluster_disjoint, linked, folds=splits.cluster_folds, unit_name="attack cluster"),
        Generic(_TEMPORAL, draws.temporal, linked, ("date",)),
        Generic(_WINDOWS, draws.temporal_windows, linked, ("date",), draws.by_window),
        Generic(_BY_SOURCE, draws.leave_one_source_out, linked, ("source",)),
        Generic(_NATURAL, draws.natural, linked, strata=draws.by_attribute),
        Generic(_LONG_TAIL, draws.long_tail, linked),
        Generic(ZERO_SHOT, draws.zero_shot, linked),
        *(Generic(spec, draw, linked) for spec, draw in _scarce_labels()),
    ]


def _scarce_labels() -> Iterator[tuple[ScenarioSpec, Draw]]:
    """Yields the scenarios with scarce labels; a run has them only if they are named."""

    def spec(name: str, summary: str, shift: ShiftType = "label-scarcity") -> ScenarioSpec:
        environments = {"test": _SHIFTED} if shift == "label-scarcity" else {"seen": _PLAIN, "unseen": _PLAIN}
        return ScenarioSpec(name, shift, summary, environments, _VERSION, quick=False, named_only=True)

    for rows in FEW:
        summary = f"{rows} labelled training rows of each class, and all descriptions; tests on new units"
        yield spec(f"few-{rows}", summary), partial(draws.few_labels, rows=rows)
    yield (
        spec("described-only", "most training rows have their description and no class; tests on new units"),
        draws.some_labels,
    )
    for percent in NOISE:
        summary = f"{percent}% of the labels of training and validation are wrong; tests on new units"
        yield spec(f"noisy-{percent}", summary), partial(draws.noisy_labels, percent=percent)
    for rows in SHOTS:
        summary = f"a third of the classes have at most {rows} training rows each, and their descriptions"
        yield spec(f"few-shot-{rows}", summary, "none"), partial(draws.few_shot, rows=rows)


def _disjoint(name: str, what: str, quick: bool = False) -> ScenarioSpec:
    summary = f"no tested {what} is trained on"
    return ScenarioSpec(f"{name}-disjoint", "attribute-generalization", summary, _ONE_TEST, _VERSION, quick)


def _each_apart(meta: CorpusMeta, groups: tuple[str, ...]) -> list[Generic]:
    """Returns the scenarios that hold out one column: CVE, vendor, product, source, and each of several groups."""
    columns: dict[str, tuple[str, ...]] = {}
    for column in (*_APART, *(groups if len(groups) > 1 else ())):
        name = re.sub(r"[^a-z0-9._]+", "-", column.removeprefix(GROUP).lower()).strip("-") or "unnamed"
        columns[name] = (*columns.get(name, ()), *((column,) if column in meta.columns else ()))
    columns.pop("group", None)  # group-disjoint covers a column group.group
    return [
        Generic(_disjoint(name, _APART.get(name, name)), _draw_disjoint(name, links), links, links or (name,))
        for name, links in columns.items()
    ]


def _draw_disjoint(name: str, links: tuple[str, ...]) -> Draw:
    """Returns how a scenario that holds out a column is drawn: with new CVEs if the column tells CVEs apart.

    A source, or a group such as a sensor, sees the CVEs of others.
    """
    tells_cves = name in ("vendor", "product") or not CVES.isdisjoint(links)
    return draws.disjoint_with_new_cves if tells_cves else draws.disjoint


def scenarios(meta: CorpusMeta) -> list[ScenarioSpec]:
    """Returns the scenarios that a corpus supports."""
    lacking = unavailable(meta)
    return [generic.spec for generic in catalogue(meta) if generic.spec.name not in lacking]


def unavailable(
    meta: CorpusMeta, remedy: Callable[[str], str] = "the corpus has no column {}".format
) -> Mapping[str, str]:
    """Returns, for each scenario that a corpus does not support, a sentence on what is missing.

    Args:
        meta: metadata of the corpus; its ``lacks`` hold the result of `survey`.
        remedy: returns what to do about a missing column; ``group`` stands for any ``group.*``.
    """
    out = {}
    for generic in catalogue(meta):
        name = generic.spec.name
        if _lacks_column(generic, meta):
            (column,) = generic.needs
            out[name] = f"it needs {_NEEDS[column]}: {remedy(column)}."
        elif name in meta.lacks:
            out[name] = meta.lacks[name]
    return out


def _lacks_column(generic: Generic, meta: CorpusMeta) -> bool:
    return bool(generic.needs) and not set(generic.needs) & set(meta.columns)


def survey(corpus: Corpus) -> dict[str, str]:
    """Draws every scenario once per fold and returns, for each that fails, a sentence with the reason.

    ``random`` requires nothing and is always available, so it is not drawn.
    """
    lacks = {}
    for generic in catalogue(corpus.meta)[1:]:
        if _lacks_column(generic, corpus.meta):
            continue
        try:
            folds = _folds(generic, corpus, 0)
            for seed in range(folds.count):
                _draw(generic, corpus, replace(folds, seed=seed), Sizes())
        except UserError as error:
            lacks[generic.spec.name] = str(error)
    return lacks


def build(corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
    """Builds a generic scenario for one seed; its payloads are those of the corpus, unchanged.

    Raises:
        UserError: a part of the scenario would have no rows.
    """
    generic = next(g for g in catalogue(corpus.meta) if g.spec.name == spec.name)
    try:
        folds = _folds(generic, corpus, seed)
        rows = _draw(generic, corpus, folds, sizes)
    except UserError as error:
        raise UserError(f"scenario {spec.name}: {error}") from error
    columns = GroupsAndSources.of(corpus, rows)
    train, validation = columns.environment(rows.train), columns.environment(rows.validation)
    if rows.noise:
        train, validation = (
            splits.with_noisy_labels(part, rows.noise, corpus, seed, number)
            for number, part in enumerate((train, validation))
        )
    return Scenario(
        spec=spec,
        train=train,
        validation=validation,
        environments={name: Environment(StoredRows(rows.environments[name])) for name in spec.environments},
        unit=folds.unit,
        unit_column=generic.unit_column,
        notes=tuple(f"{spec.name}: {note}" for note in (*rows.notes, *_fold_notes(folds))),
        disjoint_columns=() if generic.spec.shift == "none" else generic.links,
        test_start=None if rows.until is None else int(rows.until),
        unseen_classes=rows.unseen,
        grouped_by="" if rows.noise else columns.by,
        unlabelled=None if rows.unlabelled is None else columns.environment(rows.unlabelled),
        described=rows.train[:0] if rows.described is None else rows.described,
    )


@dataclass(frozen=True)
class GroupsAndSources:
    """Groups and sources of every row of a corpus.

    Attributes:
        by: the attribute that splits each class into groups, in words; empty without one.
        groups: int64 (n,), class and attribute as one code; None without an attribute.
        sources: int64 (n,), codes of the column ``source``, -1 for a missing value; None without that column.
    """

    by: str
    groups: Rows | None
    sources: Rows | None

    @classmethod
    def of(cls, corpus: Corpus, rows: draws.RowDraw) -> "GroupsAndSources":
        """Uses the attribute that the draw made to correlate, or else the most informative cue value."""
        choice = rows.choice
        attribute = most_informative_cue(corpus) if choice is None else (choice.name, choice.has)
        sources = corpus.codes("source")[0] if corpus.has("source") else None
        if attribute is None:
            return cls("", None, sources)
        name, has = attribute
        return cls(f"whether {name}", corpus.labels * 2 + has, sources)

    def environment(self, rows: Rows) -> Environment:
        """Returns an environment of stored rows with their groups and sources."""
        groups, sources = (None if codes is None else codes[rows] for codes in (self.groups, self.sources))
        return Environment(StoredRows(rows), groups=groups, sources=sources)


def _folds(generic: Generic, corpus: Corpus, seed: int) -> Folds:
    if generic.needs and all(corpus.table.column(name).null_count == len(corpus) for name in generic.needs):
        raise UserError(f"no row has a value in {' or '.join(generic.needs)}.")
    if generic.folds is not None:
        return generic.folds(corpus, seed)
    strata = () if generic.strata is None else generic.strata(corpus, generic.links)
    return splits.make_folds(corpus, generic.links, seed, strata)


def _draw(generic: Generic, corpus: Corpus, folds: Folds, sizes: Sizes) -> draws.RowDraw:
    draw = generic.draw(corpus, folds, sizes)
    for part, rows in {"train": draw.train, "validation": draw.validation, **draw.environments}.items():
        if not len(rows):
            why = "; ".join((*draw.notes, _shape(generic, folds)))
            raise UserError(f"seed {folds.seed} leaves no rows for {part} ({why}).")
    return draw


def _shape(generic: Generic, folds: Folds) -> str:
    """Describes the sizes of units and attacks, which explain why a part may have no rows."""
    _, rows = np.unique(folds.unit, return_counts=True)
    _, alike = np.unique(folds.core, return_counts=True)
    by = f" by {' and '.join(generic.links)}" if generic.links else ""
    return (
        f"rows: {len(folds.unit)}; units{by}: {len(rows)}, the largest of {rows.max()}; "
        f"distinct attacks: {len(alike)}, the most frequent of {alike.max()}"
    )


def _fold_notes(folds: Folds) -> tuple[str, ...]:
    if folds.count == FOLDS:
        return ()
    return (f"the corpus has only {folds.count} units; seeds from {folds.count} on test the same units again",)
