"""The whole audit of a corpus: draws the scenarios one by one and has every part look at them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.audit.attributes import Attribute
from harness.audit.cues import Cue, strongest
from harness.audit.description_overlap import Overlap, overlaps
from harness.audit.disagreement import Repetition, repetition
from harness.audit.draws import Draw, draw
from harness.audit.drift import Drift, drifts
from harness.audit.incidence import Material, observations
from harness.audit.leakage import Identities, Leakage, distinct_payloads, leakage
from harness.audit.location import located
from harness.audit.probing import Probes, Score, description_places
from harness.benchmark import Benchmark
from harness.data import near_duplicates
from harness.data.corpus import GROUP, Corpus, CorpusMeta
from harness.data.http_request import Request
from harness.errors import UserError
from harness.scenario import Rendered, Rows, ScenarioSpec, StoredRows
from harness.scenarios import splits

WHOLE = "the whole corpus"
_CUT = ("carrier", "headers", "headers-without-content", "values")  # what needs the parts of a request


@dataclass(frozen=True)
class CueTable:
    """The strongest cues of every class in one set of rows.

    Attributes:
        where: the rows: the whole corpus, or a scenario's training rows.
        counted: what an observation is: a CVE, a group, a payload; each within one class.
        located: rows whose attack's place is known.
        classes: cues by class.
    """

    where: str
    counted: str
    located: int
    classes: dict[str, tuple[Cue, ...]]


@dataclass
class Audit:
    """What was found.

    Attributes:
        overlaps: None where no row has a description.
        uncut: payloads of which no attack can be cut: its place is not known, and they do not read as HTTP requests.
    """

    benchmark: str
    corpus: CorpusMeta
    scenarios: list[ScenarioSpec]
    seeds: list[int]
    learner: str
    repetition: Repetition
    overlaps: list[Overlap] | None
    uncut: int
    cues: list[CueTable] = field(default_factory=list)
    leakage: list[Leakage] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def audit(
    benchmark: Benchmark,
    scenarios: Sequence[ScenarioSpec],
    seeds: Sequence[int],
    learner: str,
    top: int,
    tell: Callable[[str], None] = lambda what: None,
) -> Audit:
    """Audits a benchmark's corpus and some of its scenarios.

    Args:
        benchmark: where the rows come from.
        scenarios: which of its scenarios to draw.
        seeds: of each of them.
        learner: the method that probes, by name.
        top: most cues per class.
        tell: is told what is being done.

    Raises:
        UserError: the learner is unknown, needs more than payloads, or fails.
    """
    tell("reading the corpus")
    corpus = benchmark.corpus()
    probes = Probes(corpus, learner)
    unit, counted = _units(corpus)
    identities = Identities(corpus, _clusters(corpus))
    places = description_places(corpus)
    rows = np.arange(len(corpus))
    stored = StoredRows(rows)(corpus)
    out = Audit(
        benchmark=str(benchmark.ref),
        corpus=corpus.meta,
        scenarios=list(scenarios),
        seeds=list(seeds),
        learner=learner,
        repetition=repetition(corpus, distinct_payloads(corpus), identities.cluster),
        overlaps=None if places is None else overlaps(corpus, places),
        uncut=sum(
            span is None and Request(payload).malformed
            for payload, span in zip(stored.payloads, stored.spans, strict=True)
        ),
        notes=list(corpus.meta.notes),
    )
    if others := [spec.name for spec in benchmark.scenarios() if spec.name not in {s.name for s in scenarios}]:
        out.notes.append(f"not audited: {', '.join(others)} (name them with --scenario, or all)")
    if out.uncut:
        out.notes.append(
            f"{out.uncut} of {len(corpus)} payloads do not read as HTTP requests, and nothing can be cut out of them: "
            "where most are so, carrier, headers and values are not measured"
        )
    tell("looking for cues")
    out.cues.append(_cues(WHOLE, corpus, unit, counted, rows, stored, top))
    for spec in scenarios:
        for seed in seeds:
            tell(f"drawing {spec.name}, seed {seed}")
            try:
                drawn = draw(benchmark, corpus, spec, seed)
            except (UserError, ValueError) as error:
                out.notes.append(f"{spec.name}, seed {seed} cannot be drawn: {error}")
                continue
            if spec.shift == "spurious-correlation" and seed == seeds[0]:
                where = f"training rows of {spec.name}, seed {seed}"
                out.cues.append(_cues(where, corpus, unit, counted, drawn.train.rows, drawn.train.rendered, top))
            _look(out, drawn, identities, probes, tell)
    return out


def _look(out: Audit, drawn: Draw, identities: Identities, probes: Probes, tell: Callable[[str], None]) -> None:
    out.notes += [note for note in drawn.scenario.notes if note not in out.notes]
    out.leakage += leakage(identities, drawn.scenario, drawn.seed)
    out.drifts += drifts(drawn, len(out.corpus.classes))
    for score in probes.scores(drawn, _CUT if 2 * out.uncut > out.corpus.rows else ()):
        tell(f"probing {drawn.name}, seed {drawn.seed}: {score.probe}")
        out.scores.append(score)


def _units(corpus: Corpus) -> tuple[Rows, str]:
    """Returns the unit that counts as one observation, int64 (n,), and its name: CVEs, else groups, else payloads."""
    groups = [column for column in corpus.meta.columns if column.startswith(GROUP)]
    if cve := next((column for column in ("cve", GROUP + "cve") if corpus.has(column)), None):
        return splits.components([corpus.codes(cve)[0]]), "CVEs"
    if groups:
        return splits.components([corpus.codes(column)[0] for column in groups]), "groups"
    return distinct_payloads(corpus), "distinct payloads"


def _clusters(corpus: Corpus) -> Rows:
    if corpus.has("cluster"):
        return corpus.codes("cluster")[0]
    return np.asarray(near_duplicates.clusters(corpus.each_payload()), dtype=np.int64)


def _cues(where: str, corpus: Corpus, unit: Rows, counted: str, rows: Rows, rendered: Rendered, top: int) -> CueTable:
    observation, labels = observations(unit[rows], corpus.labels[rows], len(corpus.classes))
    material = Material(rendered.payloads, _metadata(corpus, rows, rendered), observation, labels, corpus.classes)
    known = sum(span is not None for span in rendered.spans)
    found = strongest(material, top)
    if known:
        found = located(material, rendered.spans, found)
    return CueTable(where, counted, known, dict(zip(corpus.classes, found, strict=True)))


def _metadata(corpus: Corpus, rows: Rows, rendered: Rendered) -> list[list[Attribute]]:
    """What the rows' columns say: year, vendor, source, cues; nothing where a value is missing."""
    out: list[list[Attribute]] = [[] for _ in rows]
    columns = {
        kind: corpus.table.column(kind).take(rows).to_pylist() for kind in ("vendor", "source") if corpus.has(kind)
    }
    if corpus.has("date"):
        dates = corpus.table.column("date").take(rows).to_pylist()
        columns["year"] = [None if date is None else str(date.year) for date in dates]
    for kind, values in columns.items():
        for attributes, value in zip(out, values, strict=True):
            if value is not None:
                attributes.append(Attribute(kind, value.encode()))
    for name, shown in rendered.cues.items():
        for attributes, value in zip(out, shown, strict=True):
            if value is not None:
                attributes.append(Attribute("cue", f"{name}={value}".encode()))
    return out
