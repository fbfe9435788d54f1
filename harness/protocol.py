"""The constants of docs/protocol.md in one place, and the presets: the sizes of a run, by name."""

from dataclasses import dataclass

from harness.errors import UserError, nearest
from harness.scenario import Sizes

PROTOCOL_VERSION = 2  # raise it when the meaning of a figure changes for every method

# Splits
FOLDS = 6  # disjoint parts of a corpus's units, which seeds test in turn
VALIDATION_SHARE = 0.2  # of the training pool, by core
TEMPORAL_SHARE = 0.4  # of the dated rows, at most, on or after the cut-off
WINDOWS = 4  # of time, in `temporal-windows`
UNSEEN_FOLDS = 3  # parts of the classes, one of which is unseen in `zero-shot`
IMBALANCE = 100.0  # rows of the most frequent class over those of the rarest one, in `long-tail`
AGREEING = 90  # percent of training rows that have the attribute of their class, in `natural-90`
FEWEST_SOURCE_UNITS = 2 * FOLDS  # of a source that is tested; smaller ones are only trained on
FEWEST_ATTRIBUTE_UNITS = 2 * FOLDS  # of a class, on either side of an attribute

# Budget
STOP_FACTOR = 1.5  # a trial that ignores ``should_stop`` is ended at this many times the cell's seconds
THREADS = 1  # of a worker process, so that cells share the cores and last digits do not depend on their number
WALL_FACTOR = 10  # a cell is killed after this many times its seconds of wall time

# Comparison
FALLBACK = "majority"  # a failed cell takes this method's score
PROBE_LEARNER = "tfidf-logreg"  # the method that probes parts of the input
RERUN_TOLERANCE = 0.02  # of macro-F1, between processor models, sets of pins, or where a time limit bound


@dataclass(frozen=True)
class Preset:
    """How much of everything; ``ranked`` says whether a board made with it ranks."""

    name: str
    sizes: Sizes
    seeds: int
    trials: int
    seconds: float
    ranked: bool
    summary: str


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quick", Sizes(165, 55, 88), 1, 2, 120, False, "a smoke test, not ranked"),
        Preset("standard", Sizes(330, 110, 220), 6, 2, 300, True, "the official sizes"),
        Preset("full", Sizes(), 12, 16, 3600, True, "every row, a wide search"),
    )
}


def preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        UserError: none has that name.
    """
    if name not in PRESETS:
        raise UserError(f"--preset {name} is unknown; {nearest(name, list(PRESETS))}")
    return PRESETS[name]
