"""Synthetic records without training: methods of a given skill on scenarios of a given shape."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.evaluation import metrics
from harness.evaluation.counts import MILLION, encode, metrics_of
from harness.protocol import PROTOCOL_VERSION
from harness.records.schema import CellInfo, EnvironmentInfo, Failure, Provenance, Record, Result, TrialRecord

CLASSES = [f"class-{letter}" for letter in "abcdefghijk"]
SHIFTS = {
    "planted-95": "spurious-correlation",
    "planted-80": "spurious-correlation",
    "cve-disjoint": "attribute-generalization",
    "product-disjoint": "attribute-generalization",
    "rare-class": "class-imbalance",
    "iid": "none",
    "zero-shot": "none",
}
CUES = ("host", "client", "prefix", "proof", "token", "padding", "order", "all")
ENVIRONMENTS = {
    "planted-95": ["id", *(f"flip.{cue}" for cue in CUES), "absent", "novel", "neutral"],
    "planted-80": ["id", *(f"flip.{cue}" for cue in CUES), "absent", "novel", "neutral"],
    "cve-disjoint": ["id", "test"],
    "product-disjoint": ["id", "test"],
    "rare-class": ["id", "test"],
    "iid": ["id", "neutral"],
    "zero-shot": ["seen", "unseen"],
}
RUN = ("planted-95", "cve-disjoint", "iid")  # what `records` makes
OF_TRIALS = (0.95, 0.9, 1.02, 1.0)  # test macro-F1 of each trial divided by that of the last, which is selected
UNITS, ROWS = 92, 6  # tested CVEs of a seed, rows of each


def environment(name: str) -> EnvironmentInfo:
    cue = name.removeprefix("flip.")
    return EnvironmentInfo() if cue == name else EnvironmentInfo(kind="flip", subject=cue)


def record(
    method: str,
    scenario: str,
    seed: int,
    skill: float,
    *,
    units: int = UNITS,
    failure: str = "",
    tags: Sequence[str] = (),
    **cell: Any,
) -> Record:
    """A cell of a method that names the right class with probability ``skill``, a little less where it shifts."""
    info = {
        "method": method,
        "method_version": 1,
        "kind": "ranked",
        "tags": list(tags),
        "benchmark": "synthetic",
        "corpus": "c" * 64,
        "scenario": scenario,
        "scenario_version": 1,
        "shift": SHIFTS[scenario],
        "environments": {name: environment(name) for name in ENVIRONMENTS[scenario]},
        "scored": [n for n in ENVIRONMENTS[scenario] if n.startswith(("flip", "novel", "test"))],
        "seed": seed,
        "trials": 4,
        "seconds": 300,
        "sampler": "random",
        "pruner": "none",
        "sizes": [1320, 330, 550],
        "preset": "standard",
        "precision": "float32",
        "protocol": PROTOCOL_VERSION,
    }
    key = f"{abs(hash((method, scenario, seed))):064x}"
    provenance = Provenance(compute_seconds=12.5, predict_seconds=1.0, machine={"processor": "any"})
    about = CellInfo.model_validate({**info, **cell})
    if failure:
        broken = Failure(kind="exception", reason=failure)
        return Record(key=key, status="failed", cell=about, failure=broken, provenance=provenance)
    result = _result(about, skill, seed, units)
    return Record(key=key, status="done", cell=about, result=result, provenance=provenance)


def _result(cell: CellInfo, skill: float, seed: int, units: int) -> Result:
    truth = np.repeat(np.arange(units) % len(CLASSES), ROWS)
    hard = np.random.default_rng([seed, 1]).normal(0, 0.1, units).repeat(ROWS)  # the same for all methods
    random = np.random.default_rng([seed, *cell.method.encode(), *cell.scenario.encode()])
    unit = np.arange(units).repeat(ROWS)
    counts, confidence, flips = {}, {}, {}
    for env in cell.environments:
        hit = random.random(len(truth)) < skill - hard - 0.1 * (env in cell.scored)
        guess = np.where(hit, truth, random.integers(0, len(CLASSES), len(truth)))
        bins = random.integers(3, metrics.CALIBRATION_BINS, len(truth))
        rows, times = np.unique(np.stack([unit, truth, guess, bins], axis=1), axis=0, return_counts=True)
        counts[env] = encode(np.column_stack([rows, times]))
        sums = np.bincount(bins, minlength=metrics.CALIBRATION_BINS) * (np.arange(metrics.CALIBRATION_BINS) + 0.5)
        confidence[env] = np.rint(sums / metrics.CALIBRATION_BINS * MILLION).astype(int).tolist()
        if env.startswith("flip."):
            flips[env] = encode(np.column_stack([np.arange(units), np.full((units, 3), [2, 1, 0])]))
    trials = [TrialRecord(number=i, params={}, state="complete", macro_f1=0.5 + i / 10) for i in range(4)]
    bare = Result(
        classes=CLASSES,
        rows={"train": 1320, "validation": 330},
        best_trial=3,
        params={},
        limited_by="trials",
        selected_by="macro_f1",
        trials=trials,
        metrics={},
        predictions=dict.fromkeys(cell.environments, "0" * 64),
        units=[f"CVE-20{seed:02}-{unit:05}" for unit in range(units)],
        counts=counts,
        confidence=confidence,
        flips=flips,
    )
    measured = metrics_of(bare.tables)
    tested = [
        trial.model_copy(
            update={"test_macro_f1": {env: measured[env]["macro_f1"] * factor for env in cell.environments}}
        )
        for trial, factor in zip(trials, OF_TRIALS, strict=True)
    ]
    return bare.model_copy(update={"metrics": measured, "trials": tested})


def records(skills: Mapping[str, float], seeds: int = 6, **cell: Any) -> list[Record]:
    """Every cell of the methods."""
    places = [(scenario, seed) for scenario in RUN for seed in range(seeds)]
    return [record(method, *place, skill, **cell) for method, skill in skills.items() for place in places]
