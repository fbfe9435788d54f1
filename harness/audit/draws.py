"""One seed's draw of a scenario with its payloads rendered, so that every part of the audit looks at the same bytes."""

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
class Part:
    """Rows of one part of a scenario, their classes and their payloads; arrays are int64 (n,)."""

    rows: Rows
    labels: Rows
    rendered: Rendered

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def payloads(self) -> Payloads:
        """The payloads of this part."""
        return self.rendered.payloads

    def take(self, indices: npt.NDArray[np.int64]) -> "Part":
        """Returns a copy of some of the rows."""
        whole, chosen = self.rendered, indices.tolist()
        cues = {name: [values[i] for i in chosen] for name, values in whole.cues.items()}
        rendered = Rendered(whole.payloads.take(indices), [whole.spans[i] for i in chosen], cues)
        return Part(self.rows[indices], self.labels[indices], rendered)

    def sample(self, most: int, seed: int) -> "Part":
        """Returns up to ``most`` of the rows, drawn at random and kept in their order."""
        if len(self) <= most:
            return self
        rng = seeds.generator(seed, "split", (9,))
        return self.take(np.sort(rng.choice(len(self), most, replace=False)))


@dataclass(frozen=True)
class Draw:
    """One seed of a scenario: its parts, the environments in their order."""

    scenario: Scenario
    seed: int
    train: Part
    validation: Part
    environments: Mapping[str, Part]

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.scenario.spec.name


def draw(benchmark: Benchmark, corpus: Corpus, spec: ScenarioSpec, seed: int) -> Draw:
    """Draws one seed of a scenario with all the rows that there are, and renders them."""
    scenario = benchmark.build(corpus, spec, seed, Sizes())
    environments = {name: _part(corpus, environment) for name, environment in scenario.environments.items()}
    return Draw(scenario, seed, _part(corpus, scenario.train), _part(corpus, scenario.validation), environments)


def _part(corpus: Corpus, environment: Environment) -> Part:
    return Part(environment.rows, corpus.labels[environment.rows], environment.rendered(corpus))
