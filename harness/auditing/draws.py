"""One seed's draw of a scenario with rendered payloads, so that all parts of the audit use the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.benchmark import Benchmark
from harness.data.corpus import Corpus
from harness.data.payloads import Payloads
from harness.scenario import Environment, Rendered, Rows, Scenario, ScenarioSpec, Sizes


@dataclass(frozen=True)
class RenderedPart:
    """Rows of one part of a scenario (training, validation or an environment), with labels and payloads.

    Arrays are int64 (n,).
    """

    rows: Rows
    labels: Rows
    rendered: Rendered

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def payloads(self) -> Payloads:
        """The payloads of this part."""
        return self.rendered.payloads

    def take(self, indices: npt.NDArray[np.int64]) -> "RenderedPart":
        """Returns a copy of the rows at the given indices."""
        old, positions = self.rendered, indices.tolist()
        cues = {name: [values[i] for i in positions] for name, values in old.cues.items()}
        rendered = Rendered(old.payloads.take(indices), [old.spans[i] for i in positions], cues)
        return RenderedPart(self.rows[indices], self.labels[indices], rendered)

    def sample(self, most: int, seed: int) -> "RenderedPart":
        """Returns a random sample of at most ``most`` rows, in their original order."""
        if len(self) <= most:
            return self
        rng = seeds.generator(seed, "split", (9,))
        return self.take(np.sort(rng.choice(len(self), most, replace=False)))


@dataclass(frozen=True)
class ScenarioDraw:
    """One seed's draw of a scenario, rendered; environments are in the order of the spec."""

    scenario: Scenario
    seed: int
    train: RenderedPart
    validation: RenderedPart
    environments: Mapping[str, RenderedPart]

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.scenario.spec.name


def draw_scenario(benchmark: Benchmark, corpus: Corpus, spec: ScenarioSpec, seed: int) -> ScenarioDraw:
    """Draws one seed of a scenario, without a limit on rows, and renders all its parts."""
    scenario = benchmark.build(corpus, spec, seed, Sizes())
    environments = {name: _part(corpus, environment) for name, environment in scenario.environments.items()}
    return ScenarioDraw(scenario, seed, _part(corpus, scenario.train), _part(corpus, scenario.validation), environments)


def _part(corpus: Corpus, environment: Environment) -> RenderedPart:
    return RenderedPart(environment.rows, corpus.labels[environment.rows], environment.rendered(corpus))
