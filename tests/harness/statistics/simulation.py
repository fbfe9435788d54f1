"""Simulated benchmarks with known true scores: classes of CVEs with random effects, a real learner, overlapping folds.

``python -m tests.harness.statistics.simulation [REPLICATES]`` prints the table of docs/statistics.md.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.evaluation import metrics
from harness.protocol import EQUIVALENCE_MARGIN
from harness.statistics.bootstrap import Counts, EnvironmentCounts, resample
from harness.statistics.contrasts import judge
from harness.statistics.intervals import Interval, paired, t_interval

FOLDS = 6
CLASSES, CVES, ROWS, FEATURES = 5, 48, 5, 8  # CVEs of each class, rows of each CVE
TRAINING = 300
CVE_SPREAD, ROW_SPREAD, SHIFT = 0.9, 0.9, 0.5
BLUR = {"ours": 0.6, "equal": 0.6, "equal2": 0.6, "1 point": 0.69, "2.5 points": 0.815, "5 points": 1.0}
WORSE = ("1 point", "2.5 points", "5 points")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass
class World:
    """One simulated benchmark: CVEs, rows, partitions. Each method sees the features with its own noise."""

    number: int
    random: np.random.Generator = field(init=False)
    label: Ints = field(init=False)
    cve: Ints = field(init=False)
    rows: Floats = field(init=False)
    views: dict[str, Floats] = field(init=False)
    partitions: list[Ints] = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng([11, self.number])
        centres = np.eye(CLASSES, FEATURES) * 1.6
        of_cve = np.repeat(np.arange(CLASSES), CVES)
        effects = centres[of_cve] + CVE_SPREAD * self.random.normal(size=(len(of_cve), FEATURES))
        self.cve = np.repeat(np.arange(len(of_cve)), ROWS)
        self.label = of_cve[self.cve]
        self.rows = effects[self.cve] + ROW_SPREAD * self.random.normal(size=(len(self.cve), FEATURES))
        self.views = {m: self.rows + blur * self.random.normal(size=self.rows.shape) for m, blur in BLUR.items()}
        self.partitions = [self._partition() for _ in range(2)]

    def _partition(self) -> Ints:
        """Fold of each CVE, balanced by class."""
        per_class = [self.random.permutation(np.arange(CVES) % FOLDS) for _ in range(CLASSES)]
        return np.concatenate(per_class).astype(np.int64)

    def cell(self, seed: int, method: str) -> Iterator[tuple[str, Ints, Ints]]:
        """Yields each environment's tested rows and what the method, trained on other CVEs, predicts for them."""
        from sklearn.linear_model import LogisticRegression

        held = self.partitions[seed // FOLDS][self.cve] == seed % FOLDS
        draw = np.random.default_rng([12, self.number, seed])
        train = draw.choice(np.flatnonzero(~held), TRAINING, replace=False)
        tested = np.flatnonzero(held)
        view = self.views[method]
        model = LogisticRegression(C=1.0, max_iter=50, tol=1e-3).fit(view[train], self.label[train])
        yield "test", tested, model.predict(view[tested])
        yield "shifted", tested, model.predict(view[tested] + SHIFT)


def score(world: World, cell: list[tuple[str, Ints, Ints]]) -> float:
    """The cell's score: mean macro-F1 over its environments."""
    scores = [metrics.macro_f1(metrics.confusion(world.label[rows], guess, CLASSES)) for _, rows, guess in cell]
    return float(np.mean(scores))


def bootstrap_interval(world: World, cells: Mapping[int, list[tuple[str, Ints, Ints]]]) -> tuple[float, float]:
    """The crossed bootstrap's interval of the score."""
    names = [str(unit) for unit in range(CLASSES * CVES)]
    environments = [
        EnvironmentCounts(
            env, seed, 0.5, names, {"ours": Counts(world.cve[rows], world.label[rows], guess, np.ones_like(rows))}
        )
        for seed, cell in cells.items()
        for env, rows, guess in cell
    ]
    return resample(environments, ["ours"], [str(i) for i in range(CLASSES)], rounds=400).interval("ours")


@dataclass
class Simulation:
    """Scores of every replicate by method, (replicates, seeds); bootstrap intervals by seeds used."""

    scores: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    bootstrapped: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))


def simulate(replicates: int) -> Simulation:
    """Simulates that many benchmarks; `ours` and its equal run 10 seeds, the others 6."""
    out = Simulation()
    for replicate in range(replicates):
        world = World(replicate)
        cells = {seed: list(world.cell(seed, "ours")) for seed in range(10)}
        out.scores["ours"].append([score(world, cell) for cell in cells.values()])
        for method in list(BLUR)[1:]:
            seeds = range(10 if method == "equal" else FOLDS)
            out.scores[method].append([score(world, list(world.cell(seed, method))) for seed in seeds])
        for count in (3, 6, 10):
            out.bootstrapped[count].append(bootstrap_interval(world, {s: cells[s] for s in range(count)}))
    return out


def report(out: Simulation) -> dict[str, float]:
    """Returns the figures of the table, in percent and points."""
    scores = {name: np.array(values) for name, values in out.scores.items()}
    truth = {name: float(values[:, :FOLDS].mean()) for name, values in scores.items()}
    ours, figures = scores["ours"], {"score": 100 * truth["ours"]}
    for count in (3, 6, 10):
        part = ours[:, :count].tolist()
        figures[f"coverage, {count} seeds"] = _covered([t_interval(v, FOLDS) for v in part], truth["ours"])
        figures[f"coverage, {count} seeds, spread over the root of the seeds"] = _covered(
            [t_interval(v, count) for v in part], truth["ours"]
        )
        inside = [low <= truth["ours"] <= high for low, high in out.bootstrapped[count]]
        figures[f"coverage, {count} seeds, bootstrap"] = 100 * float(np.mean(inside))
        pairs = zip(part, scores["equal"][:, :count].tolist(), strict=True)
        figures[f"coverage of a difference of 0, {count} seeds"] = _covered(
            [paired(a, b, FOLDS) for a, b in pairs], 0.0
        )
    verdicts = defaultdict(list)
    for i in range(len(ours)):
        mine = {name: dict(enumerate(values[i, :FOLDS].tolist())) for name, values in scores.items()}
        null = judge("ours", ["equal", "equal2"], mine, FOLDS, EQUIVALENCE_MARGIN)
        late = judge("ours", ["5 points", "equal"], mine, FOLDS, EQUIVALENCE_MARGIN)
        verdicts["first contrast held, no difference"].append(null.contrasts[0].passed is True)
        verdicts["any false contrast held, after one of 5 points"].append(late.contrasts[1].passed is True)
        for other in WORSE:
            claim = judge("ours", [other], mine, FOLDS, EQUIVALENCE_MARGIN)
            verdicts[f"power, {other}"].append(claim.verdict == "confirmed")
            verdicts[f"refuted, {other}"].append(claim.verdict == "refuted")
        verdicts["refuted, no difference"].append(null.verdict == "refuted")
    figures |= {name: 100 * float(np.mean(values)) for name, values in verdicts.items()}
    figures |= {f"true difference, {other}": 100 * (truth["ours"] - truth[other]) for other in ("equal", *WORSE)}
    differences = ours[:, :FOLDS] - scores["1 point"]
    return figures | {"spread of a difference over folds": 100 * float(differences.std(axis=1, ddof=1).mean())}


def _covered(intervals: list[Interval], truth: float) -> float:
    return 100 * float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


if __name__ == "__main__":
    for name, figure in report(simulate(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)).items():
        print(f"{figure:6.1f}  {name}")
