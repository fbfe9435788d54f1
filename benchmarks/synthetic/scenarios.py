"""Scenarios of ``synthetic``: rows by `harness.splits`, cues by `cues.CueModel`."""

from dataclasses import dataclass

import numpy as np

from benchmarks.synthetic.cues import CUES, REMOVED, Assignment, Codes, CueModel
from harness import Corpus, Environment, EnvironmentSpec, Payloads, Scenario, ScenarioSpec, Sizes, seeds, splits

_SHIFTED = EnvironmentSpec(shifted=True)
_PLAIN = EnvironmentSpec()
SOURCE_SPREAD = 0.04  # the two training sources of a planted scenario have rho - and + this

PLANTED: dict[str, EnvironmentSpec] = {
    "id": _PLAIN,
    **{f"flip.{cue}": _SHIFTED for cue in CUES},
    "flip.all": _SHIFTED,
    "absent": _PLAIN,
    "novel": _SHIFTED,
    "neutral": _PLAIN,
}
SPECS: tuple[ScenarioSpec, ...] = (
    ScenarioSpec("iid", "none", "nothing shifts; cues carry no information", {"id": _PLAIN}),
    ScenarioSpec(
        "cve-disjoint",
        "attribute-generalization",
        "no attack on a tested CVE is trained on; cues carry no information",
        {"id": _PLAIN, "test": _SHIFTED},
    ),
    ScenarioSpec(
        "planted-95", "spurious-correlation", "a latent collector gives the class away in 95 % of training", PLANTED
    ),
)
_RHO = {"planted-95": 0.95}


@dataclass(frozen=True)
class CueTransform:
    """Renders each row under its assigned cue values."""

    assignment: Assignment

    def __call__(self, corpus: Corpus, rows: Codes) -> Payloads:
        """Returns one request per row; rows in the order the assignment was drawn for."""
        from benchmarks.synthetic.corpus import render_rows
        from benchmarks.synthetic.request import CueValues

        names = corpus.table.column("sample").take(rows).to_pylist()
        columns = {
            name: [None if code == REMOVED else cue.values[code] for code in self.assignment.codes[name].tolist()]
            for name, cue in CUES.items()
        }
        values = [CueValues(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        return render_rows(names, values)


def build(corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
    """Draws one seed of a scenario."""
    folds = splits.make_folds(corpus, ["cve"], seed)
    parts = splits.disjoint(folds, sizes) if spec.name == "cve-disjoint" else splits.random(folds, sizes)
    rho = _RHO.get(spec.name, 0.0)
    painter = _Painter(CueModel(len(corpus.classes), seeds.generator(seed, "cues")), corpus, seed, rho)
    environments = {
        name: painter.environment(name, parts.test if name != "id" else parts.id) for name in spec.environments
    }
    return Scenario(
        spec=spec,
        train=painter.environment("train", parts.train),
        validation=painter.environment("validation", parts.validation),
        environments=environments,
        unit=folds.unit,
    )


class _Painter:
    """Assigns cues to the rows of an environment by its name."""

    def __init__(self, model: CueModel, corpus: Corpus, seed: int, rho: float) -> None:
        self._model, self._corpus, self._seed, self._rho = model, corpus, seed, rho

    def environment(self, name: str, rows: Codes) -> Environment:
        assignment = self._assign(name, self._corpus.labels[rows])
        target = assignment.target if name.startswith("flip.") else None
        return Environment(rows, CueTransform(assignment), target)

    def _assign(self, name: str, labels: Codes) -> Assignment:
        neutral = self._model.neutral(len(labels), self._stream("neutral"))
        if name == "neutral":
            return neutral
        if name == "absent":
            return self._model.absent(len(labels))
        if name == "novel":
            return self._model.novel(len(labels), self._stream("novel"))
        if name.startswith("flip."):
            cue = name.removeprefix("flip.")
            flipped = tuple(CUES) if cue == "all" else (cue,)
            return self._model.flip(labels, flipped, neutral, self._stream("flip"))
        rng = self._stream(name)
        return self._model.training(labels, self._by_source(len(labels), rng), rng)

    def _by_source(self, n: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Rho of each row: two sources, equally likely, a little apart (one at 0 and at 1)."""
        apart = SOURCE_SPREAD if 0 < self._rho < 1 else 0.0
        return self._rho + apart * rng.choice((-1.0, 1.0), size=n)

    def _stream(self, name: str) -> np.random.Generator:
        return seeds.generator(self._seed, "cues", name.encode())
