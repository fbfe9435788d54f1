"""Splits by folds of disjoint units: which rows are used for training, validation and tests (docs/protocol.md).

Seed s tests fold ``s % FOLDS`` of the partition ``s // FOLDS``, so that different seeds test different units
(components of linked CVEs, products ...) and are not repetitions on the same ones. The test rows of a fold come from
half of the cores (distinct attacks) of each of its units. Scenarios with the same units have the same test rows, except
the temporal ones, which test all cores after the cut-off, and those by source. No core is on both sides of a split.
"""

from harness.data.linking import components, link
from harness.protocol import FOLDS, TEMPORAL_SHARE, UNSEEN_FOLDS, VALIDATION_SHARE, WINDOWS
from harness.scenarios.splits.correlation import ResampledRows, correlated
from harness.scenarios.splits.folds import Folds, Mask, Parts, make_folds
from harness.scenarios.splits.sources import cross_source, leave_one_source_out, testable_sources
from harness.scenarios.splits.tail import long_tail
from harness.scenarios.splits.time import cutoff, days, iso, temporal, windows
from harness.scenarios.splits.units import disjoint, random
from harness.scenarios.splits.unseen import unseen_classes, zero_shot

__all__ = [
    "FOLDS",
    "TEMPORAL_SHARE",
    "UNSEEN_FOLDS",
    "VALIDATION_SHARE",
    "WINDOWS",
    "Folds",
    "Mask",
    "Parts",
    "ResampledRows",
    "components",
    "correlated",
    "cross_source",
    "cutoff",
    "days",
    "disjoint",
    "iso",
    "leave_one_source_out",
    "link",
    "long_tail",
    "make_folds",
    "random",
    "temporal",
    "testable_sources",
    "unseen_classes",
    "windows",
    "zero_shot",
]
