"""The corpora behind records, opened again where they still can be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness import registry
from harness.benchmark import Benchmark, BenchmarkRef
from harness.errors import UserError
from harness.leaderboard.model import Board
from harness.records.predictions import Predictions, read
from harness.records.schema import Record
from harness.records.store import Store


@dataclass(frozen=True)
class Opened:
    """The benchmark of a board; ``why_not`` says in a sentence why there is none."""

    benchmark: Benchmark | None
    why_not: str = ""


@dataclass(frozen=True)
class Kept:
    """Single predictions of some records.

    Attributes:
        found: those that are here and whole, each with its record.
        broken: why a file cannot be used, by the record's key.
    """

    found: list[tuple[Record, Predictions]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def kept(store: Store, records: Iterable[Record]) -> Kept:
    """Returns the single predictions of the records that have a file of them here."""
    out = Kept()
    for record in records:
        if not has_predictions(store, record):
            continue
        try:
            found = read(store.predictions_path(record.id))
        except ValueError as error:
            out.broken[record.key] = str(error)
            continue
        if found.key == record.key:
            out.found.append((record, found))
        else:
            out.broken[record.key] = "it is of another record"
    return out


def has_predictions(store: Store, record: Record) -> bool:
    """Whether a file of single predictions lies here for a record."""
    return record.result is not None and store.predictions_path(record.id).exists()


def open_corpus(board: Board, references: Sequence[BenchmarkRef]) -> Opened:
    """Opens the benchmark of a board: as the run named it where that is known, else by its registered name."""
    names = registry.benchmarks()
    by_name = (
        [BenchmarkRef(board.benchmark)] if board.benchmark in names and not names[board.benchmark].argument else []
    )
    why = f"the records do not say where the corpus {board.benchmark} lies, and no benchmark of this name is registered"
    for reference in (*references, *by_name):
        try:
            found = registry.open_benchmark(reference)
            if found.meta().hash == board.corpus:
                return Opened(found)
            why = f"{reference} holds another corpus today than the records were made on"
        except UserError as error:
            why = f"{reference} cannot be opened: {str(error).rstrip('.')}"
    return Opened(None, f"{why}.")


@dataclass(frozen=True)
class Card:
    """What is known of a corpus.

    Attributes:
        facts: terms and what they are.
        classes: per class its name and number of payloads, None where not known.
        notes: what was left out or changed, a sentence each.
    """

    facts: list[tuple[str, str]]
    classes: list[tuple[str, int | None]]
    notes: list[str] = field(default_factory=list)


def card(board: Board, records: Sequence[Record], opened: Opened) -> Card:
    """Returns the dataset card of a board."""
    facts = [("corpus", board.benchmark), ("content hash", board.corpus)]
    done = [record.result for record in records if record.result]
    rows = [
        f"{name}: {', '.join(sorted({str(r.rows[part]) for r in done})) or 'unknown'}"
        for part, name in (("train", "training"), ("validation", "validation"))
    ]
    facts.append(("rows of a cell", "; ".join(rows)))
    facts += [(f"scenario {name}", f"shift: {shift}") for name, shift in board.scenarios.items()]
    if opened.benchmark is None:
        classes = done[0].classes if done else []
        return Card([*facts, ("more", opened.why_not)], [(name, None) for name in classes])
    meta = opened.benchmark.meta()
    facts[2:2] = [
        ("payloads", f"{meta.rows:,}"),
        ("descriptions", f"{meta.descriptions:,}"),
        ("licence", meta.origin.get("licence", opened.benchmark.licence)),
        *((name, value) for name, value in sorted(meta.origin.items()) if name != "licence"),
        ("groups", ", ".join(meta.groups) or "none"),
        ("cues that came with the data", ", ".join(meta.cues) or "none"),
    ]
    left_out = [f"left out, {reason}: {count}, first {example}" for reason, count, example in meta.left_out]
    return Card(facts, list(meta.classes.items()), [*meta.notes, *left_out])
