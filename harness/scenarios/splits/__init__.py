"""Splits by folds of disjoint units: which rows are used for training, validation and tests (docs/protocol.md).

Seed s tests fold ``s % FOLDS`` of one fixed partition of the units (components of linked CVEs, products ...); the
number ``s // FOLDS`` of the repeat draws other training rows for the same tests. The test rows of a fold come from half
of the cores (distinct attacks) of each of its units. Scenarios with the same units have the same test rows, except the
temporal ones, which test all cores after the cut-off, and those by source. No core is on both sides of a split.
"""

from harness.data.linking import components, link
from harness.protocol import FEW, FOLDS, NOISE, SHOTS, TEMPORAL_SHARE, UNSEEN_FOLDS, VALIDATION_SHARE, WINDOWS
from harness.scenarios.splits.clusters import cluster_folds
from harness.scenarios.splits.correlation import ResampledRows, correlated
from harness.scenarios.splits.folds import Folds, Mask, Parts, folds_of_units, make_folds, reserved_fold
from harness.scenarios.splits.label_noise import with_noisy_labels
from harness.scenarios.splits.new_cves import NewCves, new_cves
from harness.scenarios.splits.scarcity import ScarceParts, few_labels, few_shot, some_labels
from harness.scenarios.splits.sources import cross_source, leave_one_source_out, testable_sources
from harness.scenarios.splits.tail import long_tail, tail_ratio
from harness.scenarios.splits.time import cutoff, days, iso, temporal, windows
from harness.scenarios.splits.units import crossed, disjoint, random
from harness.scenarios.splits.unseen import unseen_classes, zero_shot

__all__ = [
    "FEW",
    "FOLDS",
    "NOISE",
    "SHOTS",
    "TEMPORAL_SHARE",
    "UNSEEN_FOLDS",
    "VALIDATION_SHARE",
    "WINDOWS",
    "Folds",
    "Mask",
    "NewCves",
    "Parts",
    "ResampledRows",
    "ScarceParts",
    "cluster_folds",
    "components",
    "correlated",
    "cross_source",
    "crossed",
    "cutoff",
    "days",
    "disjoint",
    "few_labels",
    "few_shot",
    "folds_of_units",
    "iso",
    "leave_one_source_out",
    "link",
    "long_tail",
    "make_folds",
    "new_cves",
    "random",
    "reserved_fold",
    "some_labels",
    "tail_ratio",
    "temporal",
    "testable_sources",
    "unseen_classes",
    "windows",
    "with_noisy_labels",
    "zero_shot",
]
