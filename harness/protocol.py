"""The constants of the protocol (docs/protocol.md) and the presets, which set the sizes of a run."""

from dataclasses import dataclass

from harness.errors import UserError, nearest
from harness.scenario import Sizes

PROTOCOL_VERSION = 3  # raise it when the meaning of a metric or score changes for every method

# Splits
FOLDS = 6  # number of disjoint parts of a corpus's units; seed s tests part s % FOLDS, with training draw s // FOLDS
VALIDATION_SHARE = 0.2  # share of the rows for training that are used for validation, drawn by core
TEMPORAL_SHARE = 0.4  # largest share of the dated rows on or after the cut-off day
WINDOWS = 4  # number of time windows in `temporal-windows`
UNSEEN_FOLDS = 3  # number of parts of the classes; one part is unseen in `zero-shot`
IMBALANCE = 100.0  # rows of the most frequent class divided by those of the rarest one, at most, in `long-tail`
FEWEST_RARE = 4  # training rows of the rarest class in `long-tail`: with one or two, no method ever predicts it
AGREEING = 90  # percentage of training rows whose attribute agrees with their class, in `natural-90`
FEW = (5, 20, 80)  # labelled training rows of each class in `few-5` …
VALIDATION_PART = 3  # `few-N` has N divided by this number of validation rows of each class
LABELLED_SHARE = 0.1  # share of the training rows that have a label in `described-only`
NOISE = (20, 40)  # percentage of wrong labels in training and validation, in `noisy-20` …
SHOTS = (1, 2, 5)  # training rows of each class of a third of the classes, in `few-shot-1` …
FEWEST_SOURCE_UNITS = 2 * FOLDS  # fewest units of a tested source; smaller sources are only used for training
FEWEST_ATTRIBUTE_UNITS = 2 * FOLDS  # fewest units of a class with, and without, an attribute to resample by

# Budget
STOP_FACTOR = 1.5  # a trial that ignores ``should_stop`` is stopped at this many times the cell's compute seconds
THREADS = 1  # threads of a worker: results must not depend on the number of cores in the last digits
WALL_FACTOR = 10  # a cell is killed when its wall time is this many times its compute seconds

# Comparison
EQUIVALENCE_MARGIN = 0.01  # of macro-F1: smallest difference of practical interest
FALLBACK = "majority"  # a failed cell gets the score of this method
PROBE_LEARNER = "tfidf-logreg"  # the method that is trained on views (parts of the input)
CURVE = "curve"  # stands for the preset in records of learning curves, which are on no board: their sizes differ
RERUN_TOLERANCE = 0.02  # in macro-F1, between processor models or package versions, or if a time limit was reached


@dataclass(frozen=True)
class Preset:
    """The sizes of a run.

    Attributes:
        name: name of the preset.
        sizes: most rows of training, validation and each test.
        seeds: number of seeds.
        trials: configurations per cell.
        seconds: compute seconds of tuning per cell.
        ranked: whether a leaderboard of such records ranks the methods.
        summary: one line for the command line.
    """

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
        Preset("standard", Sizes(330, 110, 220), 6, 8, 300, True, "the official sizes"),
        Preset("full", Sizes(), 12, 16, 3600, True, "every row, a wide search"),
    )
}


def preset(name: str) -> Preset:
    """Returns the preset of a name.

    Raises:
        UserError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise UserError(f"--preset {name} is unknown; {nearest(name, list(PRESETS))}")
    return PRESETS[name]
