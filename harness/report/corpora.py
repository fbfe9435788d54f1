"""Opens the corpora and single predictions behind records, and describes a corpus (dataset card)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness import registry
from harness.benchmark import Benchmark, BenchmarkRef
from harness.boards.model import Board, Setting
from harness.errors import UserError
from harness.records.predicted_classes import PredictedClasses
from harness.records.predictions import read_classes
from harness.records.schema import Record
from harness.records.store import Store


@dataclass(frozen=True)
class OpenedBenchmark:
    """The benchmark of a board, or in ``unavailable_reason`` a sentence on why it cannot be opened."""

    benchmark: Benchmark | None
    unavailable_reason: str = ""


@dataclass(frozen=True)
class SinglePredictions:
    """Predictions of single test rows, of some records.

    Attributes:
        available: complete predictions, each with its record.
        faults: why a file cannot be used, by the record's key.
    """

    available: list[tuple[Record, PredictedClasses]] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def load_predictions(store: Store, records: Iterable[Record]) -> SinglePredictions:
    """Returns the single predictions of the records that have a file with them."""
    single = SinglePredictions()
    for record in records:
        path = store.kept_predictions(record.id)
        if path is None or record.result is None:
            continue
        try:
            predictions = read_classes(path)
        except ValueError as error:
            single.faults[record.key] = str(error)
            continue
        if predictions.key != record.key:
            single.faults[record.key] = "the file belongs to another record"
        elif predictions.classes > len(record.result.classes):
            single.faults[record.key] = "the file has a class that the record does not have"
        else:
            single.available.append((record, predictions))
    return single


def has_predictions(store: Store, record: Record) -> bool:
    """Whether the store has a file of single predictions for a record."""
    return record.result is not None and store.kept_predictions(record.id) is not None


def by_hash(named: Benchmark | None, settings: Sequence[Setting]) -> dict[str, Benchmark]:
    """Returns the benchmark that the user named by the content hash of its corpus; empty without one.

    Raises:
        UserError: no board or learning curve has this hash.
    """
    if named is None:
        return {}
    meta, known = named.meta(), {setting.corpus: setting.benchmark for setting in settings}
    if meta.hash not in known:
        others = ", ".join(f"{name} {digest[:8]}" for digest, name in known.items())
        raise UserError(
            f"--bench {named.ref}: no record is of this corpus, {meta.name} {meta.hash[:8]}; the records are of "
            f"{others}. The data have changed since, or another option, such as --map, differs from that of the run."
        )
    return {meta.hash: named}


def open_corpus(board: Board, named: Mapping[str, Benchmark], recorded: BenchmarkRef | None) -> OpenedBenchmark:
    """Returns the benchmark of a board: the one that the user named, or a registered one that needs only its name.

    Args:
        board: the board.
        named: return value of `by_hash`.
        recorded: the reference in a file of predictions, if there is one. The file may come from another person, so its
            reference is shown but not opened.
    """
    setting = board.setting
    if setting.corpus in named:
        return OpenedBenchmark(named[setting.corpus])
    info = registry.benchmarks().get(setting.benchmark)
    if info is None or info.argument is not None:
        source = recorded or setting.benchmark
        reason = f"the payloads are of {source}; name the corpus with --bench, as in its run, to show them"
        return OpenedBenchmark(None, f"{reason}.")
    try:
        benchmark = registry.open_benchmark(BenchmarkRef(setting.benchmark))
        if benchmark.meta().hash == setting.corpus:
            return OpenedBenchmark(benchmark)
        reason = f"the corpus of {setting.benchmark} has changed since the records were made"
    except UserError as error:
        reason = f"{setting.benchmark} cannot be opened: {str(error).rstrip('.')}"
    return OpenedBenchmark(None, f"{reason}.")


@dataclass(frozen=True)
class DatasetCard:
    """Description of a corpus.

    Attributes:
        facts: terms and their values.
        classes: name of each class and its number of payloads, None if unknown.
        notes: a sentence on each omission or change.
    """

    facts: list[tuple[str, str]]
    classes: list[tuple[str, int | None]]
    notes: list[str] = field(default_factory=list)


def dataset_card(board: Board, records: Sequence[Record], opened: OpenedBenchmark) -> DatasetCard:
    """Returns the dataset card of a board's corpus."""
    facts = [("corpus", board.setting.benchmark), ("content hash", board.setting.corpus)]
    done = [record.result for record in records if record.result]
    rows = [
        f"{name}: {', '.join(sorted({str(r.rows[part]) for r in done})) or 'unknown'}"
        for part, name in (("train", "training"), ("validation", "validation"))
    ]
    facts.append(("rows of a cell", "; ".join(rows)))
    facts += [(f"scenario {name}", f"shift: {shift}") for name, shift in board.scenarios.items()]
    if opened.benchmark is None:
        classes = done[0].classes if done else []
        return DatasetCard([*facts, ("more", opened.unavailable_reason)], [(name, None) for name in classes])
    meta = opened.benchmark.meta()
    facts[2:2] = [
        ("payloads", f"{meta.rows:,}"),
        ("descriptions", f"{meta.descriptions:,}"),
        ("licence", meta.origin.get("licence", opened.benchmark.licence)),
        *((name, value) for name, value in sorted(meta.origin.items()) if name != "licence"),
        ("groups", ", ".join(meta.groups) or "none"),
        ("cues in the data", ", ".join(meta.cues) or "none"),
    ]
    omissions = [f"left out, {reason}: {count}, first {example}" for reason, count, example in meta.left_out]
    return DatasetCard(facts, list(meta.classes.items()), [*meta.notes, *omissions])
