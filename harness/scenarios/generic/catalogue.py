"""The generic scenarios of a corpus: which there are, what each needs, and how one is built."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.data.corpus import GROUP, Corpus, CorpusMeta
from harness.errors import UserError
from harness.protocol import AGREEING, FOLDS, IMBALANCE, WINDOWS
from harness.scenario import Environment, EnvironmentSpec, Rows, Scenario, ScenarioSpec, Sizes, StoredRows
from harness.scenarios import splits
from harness.scenarios.generic import draws
from harness.scenarios.generic.attributes import mapped
from harness.scenarios.splits import Folds

_APART = {"cve": "CVE", "vendor": "vendor", "product": "product", "source": "source"}  # columns of their own
_NEEDS = {"group": "groups", "date": "dates", **{column: f"{word}s" for column, word in _APART.items()}}
_PLAIN, _SHIFTED = EnvironmentSpec(), EnvironmentSpec(shifted=True)
_ONE_TEST = {"id": _PLAIN, "test": _SHIFTED}
_RANDOM = ScenarioSpec("random", "none", "test rows drawn at random, other attacks on the same units", {"id": _PLAIN})
_TEMPORAL = ScenarioSpec("temporal", "temporal", "training ends before a date, tests begin at it", _ONE_TEST)
_WINDOWS = ScenarioSpec(
    "temporal-windows",
    "temporal",
    f"as temporal, with the tests in {WINDOWS} windows of time that hold as many rows of the corpus each",
    {"id": _PLAIN, **{f"test.{window + 1}": _SHIFTED for window in range(WINDOWS)}},
    quick=False,
)
_BY_SOURCE = ScenarioSpec(
    "leave-one-source-out",
    "source",
    "training on all sources but one, tests on that one",
    _ONE_TEST,
    quick=False,
)
_NATURAL = ScenarioSpec(
    f"natural-{AGREEING}",
    "spurious-correlation",
    f"rows drawn so that an attribute of the request goes with the class in {AGREEING}% of training",
    {name: _SHIFTED if name == "flip" else _PLAIN for name in draws.ENVIRONMENTS},
    quick=False,
)
_LONG_TAIL = ScenarioSpec(
    "long-tail",
    "class-imbalance",
    f"class frequencies fall to one {IMBALANCE:.0f}th in training; the test has those of the corpus",
    _ONE_TEST,
    quick=False,
)
ZERO_SHOT = ScenarioSpec(
    "zero-shot",
    "none",
    "a third of the classes occur in tests only; training knows their names",
    {"seen": _PLAIN, "unseen": _PLAIN},
    quick=False,
)


@dataclass(frozen=True)
class Generic:
    """A scenario that any corpus with the right columns has.

    Attributes:
        spec: what a plan needs.
        draw: the rows of one seed.
        links: columns whose shared values link rows into units; every distinct attack is a unit where there are none.
        needs: columns of which one must be there and hold a value, if any must.
        strata: what to balance the folds by in place of the class, if anything.
    """

    spec: ScenarioSpec
    draw: Callable[[Corpus, Folds, Sizes], draws.RowDraw]
    links: tuple[str, ...]
    needs: tuple[str, ...] = ()
    strata: Callable[[Corpus, tuple[str, ...]], Sequence[Rows]] | None = None


def catalogue(meta: CorpusMeta) -> list[Generic]:
    """Returns every generic scenario, in their fixed order, whether the corpus can carry it or not."""
    groups = tuple(c for c in meta.columns if c.startswith(GROUP))
    linked = groups or (("cve",) if "cve" in meta.columns else ())
    return [
        Generic(_RANDOM, draws.random, linked),
        Generic(
            _disjoint("group", "group (or group linked to one)", quick=True),
            draws.disjoint,
            groups,
            groups or ("group",),
        ),
        *_each_apart(meta, groups),
        Generic(_TEMPORAL, draws.temporal, linked, ("date",)),
        Generic(_WINDOWS, draws.temporal_windows, linked, ("date",), draws.by_window),
        Generic(_BY_SOURCE, draws.leave_one_source_out, linked, ("source",)),
        Generic(_NATURAL, draws.natural, linked, strata=draws.by_attribute),
        Generic(_LONG_TAIL, draws.long_tail, linked),
        Generic(ZERO_SHOT, draws.zero_shot, linked),
    ]


def _disjoint(name: str, what: str, quick: bool = False) -> ScenarioSpec:
    summary = f"no tested {what} is trained on"
    return ScenarioSpec(f"{name}-disjoint", "attribute-generalization", summary, _ONE_TEST, quick=quick)


def _each_apart(meta: CorpusMeta, groups: tuple[str, ...]) -> list[Generic]:
    """The scenarios that hold out one column each: of CVE, vendor, product, source, and of each of several groups."""
    columns: dict[str, tuple[str, ...]] = {}
    for column in (*_APART, *(groups if len(groups) > 1 else ())):
        name = re.sub(r"[^a-z0-9._]+", "-", column.removeprefix(GROUP).lower()).strip("-") or "unnamed"
        columns[name] = (*columns.get(name, ()), *((column,) if column in meta.columns else ()))
    columns.pop("group", None)  # a group of that name is among those of group-disjoint
    return [
        Generic(_disjoint(name, _APART.get(name, name)), draws.disjoint, links, links or (name,))
        for name, links in columns.items()
    ]


def scenarios(meta: CorpusMeta) -> list[ScenarioSpec]:
    """Returns the scenarios that a corpus can carry."""
    lacking = unavailable(meta)
    return [generic.spec for generic in catalogue(meta) if generic.spec.name not in lacking]


def unavailable(
    meta: CorpusMeta, remedy: Callable[[str], str] = "the corpus has no column {}".format
) -> Mapping[str, str]:
    """Returns one sentence on what a corpus lacks for each scenario that it cannot carry.

    Args:
        meta: of a corpus whose ``lacks`` hold its `survey`.
        remedy: says what would be right for a column that is not there; ``group`` stands for any ``group.*``.
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
    """Draws every scenario once per fold and returns why those fail that do, a sentence each.

    ``random`` needs nothing and is always offered, so it is not drawn.
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
    """Draws one seed of a generic scenario; rows are as they are, nothing is rendered.

    Raises:
        UserError: the corpus cannot fill a part of it.
    """
    generic = next(g for g in catalogue(corpus.meta) if g.spec.name == spec.name)
    try:
        folds = _folds(generic, corpus, seed)
        drawn = _draw(generic, corpus, folds, sizes)
    except UserError as error:
        raise UserError(f"scenario {spec.name}: {error}") from error
    known = GroupsAndSources.of(corpus, drawn)
    return Scenario(
        spec=spec,
        train=known.environment(drawn.train),
        validation=known.environment(drawn.validation),
        environments={name: Environment(StoredRows(drawn.environments[name])) for name in spec.environments},
        unit=folds.unit,
        notes=tuple(f"{spec.name}: {note}" for note in (*drawn.notes, *_few(folds))),
        disjoint_columns=() if generic.spec.shift == "none" else generic.links,
        test_start=None if drawn.until is None else int(drawn.until),
        unseen_classes=drawn.unseen,
        grouped_by=known.by,
    )


@dataclass(frozen=True)
class GroupsAndSources:
    """What a corpus offers for groups and sources, by corpus row.

    Attributes:
        by: the attribute that groups are told by, in words; empty where there is none.
        groups: int64 (n,), class and attribute as one code; None without one.
        sources: int64 (n,), codes of the column ``source``, -1 where missing; None without that column.
    """

    by: str
    groups: Rows | None
    sources: Rows | None

    @classmethod
    def of(cls, corpus: Corpus, drawn: draws.RowDraw) -> "GroupsAndSources":
        """The attribute is the one that the draw chose, else the value of a mapped cue that tells most."""
        chosen = drawn.chosen
        attribute = mapped(corpus) if chosen is None else (chosen.name, chosen.has)
        sources = corpus.codes("source")[0] if corpus.has("source") else None
        if attribute is None:
            return cls("", None, sources)
        name, has = attribute
        return cls(f"whether {name}", corpus.labels * 2 + has, sources)

    def environment(self, rows: Rows) -> Environment:
        """Returns rows as they are stored, with their groups and sources."""
        groups, sources = (None if codes is None else codes[rows] for codes in (self.groups, self.sources))
        return Environment(StoredRows(rows), groups=groups, sources=sources)


def _folds(generic: Generic, corpus: Corpus, seed: int) -> Folds:
    if generic.needs and all(corpus.table.column(name).null_count == len(corpus) for name in generic.needs):
        raise UserError(f"no row has a value in {' or '.join(generic.needs)}.")
    strata = () if generic.strata is None else generic.strata(corpus, generic.links)
    return splits.make_folds(corpus, generic.links, seed, strata)


def _draw(generic: Generic, corpus: Corpus, folds: Folds, sizes: Sizes) -> draws.RowDraw:
    drawn = generic.draw(corpus, folds, sizes)
    for part, rows in {"train": drawn.train, "validation": drawn.validation, **drawn.environments}.items():
        if not len(rows):
            why = "; ".join((*drawn.notes, _shape(generic, folds)))
            raise UserError(f"seed {folds.seed} leaves no row for {part} ({why}).")
    return drawn


def _shape(generic: Generic, folds: Folds) -> str:
    """Says what rows and folds are like, which is why a part may stay empty."""
    _, rows = np.unique(folds.unit, return_counts=True)
    _, alike = np.unique(folds.core, return_counts=True)
    by = f" by {' and '.join(generic.links)}" if generic.links else ""
    return (
        f"rows: {len(folds.unit)}; units{by}: {len(rows)}, the largest of {rows.max()}; "
        f"distinct attacks: {len(alike)}, the most frequent of {alike.max()}"
    )


def _few(folds: Folds) -> tuple[str, ...]:
    if folds.count == FOLDS:
        return ()
    return (f"all rows form {folds.count} units only, so that seeds from {folds.count} on test them again",)
