"""`audit`, the complete audit of a corpus: cues, duplicates, overlap, and per scenario leakage, drift and probes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.auditing.attributes import Attribute
from harness.auditing.cues import Cue, strongest_cues
from harness.auditing.description_overlap import DescriptionOverlap, description_overlaps
from harness.auditing.disagreement import Repetition, repetition
from harness.auditing.draws import ScenarioDraw, draw_scenario
from harness.auditing.drift import Drift, drifts
from harness.auditing.incidence import CueData, observations
from harness.auditing.leakage import Identities, Leakage, leakage
from harness.auditing.location import locate
from harness.auditing.probing import Probes, Score, text_of_row
from harness.benchmark import Benchmark
from harness.data import near_duplicates
from harness.data.corpus import GROUP, Corpus, CorpusMeta
from harness.data.http_request import Request
from harness.data.linking import components, distinct_payloads, link_codes
from harness.errors import UserError
from harness.scenario import Rendered, Rows, ScenarioSpec, StoredRows

WHOLE = "the whole corpus"
_REQUEST_PROBES = ("carrier", "headers", "headers-without-content", "values")  # they need parseable requests


@dataclass(frozen=True)
class CueTable:
    """The strongest cues of each class in one set of rows.

    Attributes:
        where: the set of rows: the whole corpus, or a scenario's training rows.
        counted: the unit of an observation: CVEs, groups or distinct payloads, each within one class.
        located: number of rows with a known attack span.
        classes: cues by class name.
    """

    where: str
    counted: str
    located: int
    classes: dict[str, tuple[Cue, ...]]


@dataclass
class Audit:
    """Results of an audit.

    Attributes:
        overlaps: overlap with descriptions, None if no row has a description.
        uncut: number of payloads from which no attack can be cut: the span is unknown, and they are not HTTP requests.
        cues: for the whole corpus, then for the training rows of each spurious-correlation scenario.
        leakage, scores, drifts: for every scenario, seed and environment.
        notes: remarks for the reader, one sentence each.
    """

    benchmark: str
    corpus: CorpusMeta
    scenarios: list[ScenarioSpec]
    seeds: list[int]
    learner: str
    repetition: Repetition
    overlaps: list[DescriptionOverlap] | None
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
    progress: Callable[[str], None] = lambda step: None,
) -> Audit:
    """Audits a benchmark's corpus and some of its scenarios.

    Args:
        benchmark: the benchmark with the corpus.
        scenarios: scenarios to draw.
        seeds: seeds of each scenario.
        learner: name of the method that the probes train.
        top: maximum number of cues per class.
        progress: called with a description of each step before it starts.

    Raises:
        UserError: the learner is unknown, needs more than payloads, or failed.
    """
    progress("reading the corpus")
    corpus = benchmark.corpus()
    probes = Probes(corpus, learner)
    unit, unit_name = _units(corpus)
    identities = Identities(corpus, _clusters(corpus))
    texts = text_of_row(corpus)
    rows = np.arange(len(corpus))
    stored = StoredRows(rows)(corpus)
    out = Audit(
        benchmark=str(benchmark.ref),
        corpus=corpus.meta,
        scenarios=list(scenarios),
        seeds=list(seeds),
        learner=learner,
        repetition=repetition(corpus, distinct_payloads(corpus), identities.cluster),
        overlaps=None if texts is None else description_overlaps(corpus, texts),
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
            f"{out.uncut} of {len(corpus)} payloads are not HTTP requests, and nothing can be cut out of them: "
            "if most are not, carrier, headers and values are not measured"
        )
    progress("searching for cues")
    out.cues.append(_cue_table(WHOLE, corpus, unit, unit_name, rows, stored, top))
    for spec in scenarios:
        for seed in seeds:
            progress(f"drawing {spec.name}, seed {seed}")
            try:
                draw = draw_scenario(benchmark, corpus, spec, seed)
            except (UserError, ValueError) as error:
                out.notes.append(f"{spec.name}, seed {seed} cannot be drawn: {error}")
                continue
            if spec.shift == "spurious-correlation" and seed == seeds[0]:
                where = f"training rows of {spec.name}, seed {seed}"
                out.cues.append(_cue_table(where, corpus, unit, unit_name, draw.train.rows, draw.train.rendered, top))
            _examine(out, draw, identities, probes, progress)
    return out


def _examine(
    out: Audit, draw: ScenarioDraw, identities: Identities, probes: Probes, progress: Callable[[str], None]
) -> None:
    out.notes += [note for note in draw.scenario.notes if note not in out.notes]
    out.leakage += leakage(identities, draw.scenario, draw.seed)
    out.drifts += drifts(draw, len(out.corpus.classes))
    out.notes += single_class_notes(draw, out.corpus.classes)
    for score in probes.scores(draw, _REQUEST_PROBES if 2 * out.uncut > out.corpus.rows else ()):
        progress(f"probing {draw.name}, seed {draw.seed}: {score.probe}")
        out.scores.append(score)


def single_class_notes(draw: ScenarioDraw, classes: Iterable[str]) -> Iterator[str]:
    """Yields a note per test of a single class: whoever always predicts it is right, so a board does not score it."""
    names = tuple(classes)
    for name, part in draw.environments.items():
        present = np.unique(part.labels)
        if len(present) == 1:
            yield (
                f"{draw.name}/{name}, seed {draw.seed}: all {len(part)} test rows are {names[present[0]]}; "
                "a test of one class is not scored"
            )


def _units(corpus: Corpus) -> tuple[Rows, str]:
    """Returns the unit of each row, int64 (n,), and what units are: CVEs, otherwise groups, otherwise payloads."""
    groups = [column for column in corpus.meta.columns if column.startswith(GROUP)]
    if cve := next((column for column in ("cve", GROUP + "cve") if corpus.has(column)), None):
        return components([link_codes(corpus, cve)]), "CVEs"
    if groups:
        return components([corpus.codes(column)[0] for column in groups]), "groups"
    return distinct_payloads(corpus), "distinct payloads"


def _clusters(corpus: Corpus) -> Rows:
    if corpus.has("cluster"):
        return corpus.codes("cluster")[0]
    return np.asarray(near_duplicates.clusters(corpus.each_payload()), dtype=np.int64)


def _cue_table(
    where: str, corpus: Corpus, unit: Rows, unit_name: str, rows: Rows, rendered: Rendered, top: int
) -> CueTable:
    observation, labels = observations(unit[rows], corpus.labels[rows], len(corpus.classes))
    data = CueData(rendered.payloads, _metadata(corpus, rows, rendered), observation, labels, corpus.classes)
    span_count = sum(span is not None for span in rendered.spans)
    cues = strongest_cues(data, top)
    if span_count:
        cues = locate(data, rendered.spans, cues)
    return CueTable(where, unit_name, span_count, dict(zip(corpus.classes, cues, strict=True)))


def _metadata(corpus: Corpus, rows: Rows, rendered: Rendered) -> list[list[Attribute]]:
    """Returns each row's year, vendor, source and cues as attributes, without missing values."""
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
    for name, values in rendered.cues.items():
        for attributes, value in zip(out, values, strict=True):
            if value is not None:
                attributes.append(Attribute("cue", f"{name}={value}".encode()))
    return out
