"""Environments derived from a scenario's own: perturbed payloads, payloads without their attack, the attack alone.

They hold rows of one base environment and enter no score. A row for which a change cannot be proven, or that has
nothing to change, is left out and counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness import hashing, seeds
from harness.data.corpus import Corpus
from harness.data.payloads import Payloads
from harness.perturbations import suite as find_suite
from harness.perturbations.engine import PerturbationTally, perturb, versions
from harness.perturbations.excision import attack_only, excised
from harness.perturbations.message import Message
from harness.records.schema import EnvironmentInfo
from harness.scenario import (
    ATTACK_ONLY,
    EXCISED,
    NEUTRAL,
    Environment,
    EnvironmentSpec,
    Rendered,
    Rows,
    Scenario,
    ScenarioSpec,
)


@dataclass(frozen=True)
class PerturbedOptions:
    """What a run adds to every scenario.

    Attributes:
        suites: perturbation suites.
        depth: most perturbations of one payload.
        draws: independent draws of each payload, for the worst case.
        diagnostics: whether `EXCISED` and `ATTACK_ONLY` are added.
    """

    suites: tuple[str, ...] = ()
    depth: int = 1
    draws: int = 3
    diagnostics: bool = False

    @property
    def specs(self) -> dict[str, EnvironmentSpec]:
        """The environments that are added; a version stands for everything their bytes depend on."""
        added: dict[str, EnvironmentSpec] = {}
        if self.diagnostics:
            added = {EXCISED: EnvironmentSpec(kind="excised"), ATTACK_ONLY: EnvironmentSpec(kind="attack-only")}
        for name in self.suites:
            made_of = [dict(versions(find_suite(name))), self.depth, self.draws]
            added[f"perturbed.{name}"] = EnvironmentSpec(
                version=int(hashing.of_json(made_of)[:8], 16), kind="perturbed", subject=name
            )
        return added


NO_PERTURBED = PerturbedOptions()


def with_perturbed(spec: ScenarioSpec, options: PerturbedOptions) -> ScenarioSpec:
    """Returns the spec of a scenario with what a run adds; a view of a scenario gets nothing."""
    return spec if spec.view else replace(spec, environments={**spec.environments, **options.specs})


def own_environments(environments: Mapping[str, EnvironmentInfo]) -> list[str]:
    """Returns the names of environments that are a scenario's own, not derived."""
    return [name for name, environment in environments.items() if not environment.derived]


def base_of(spec: ScenarioSpec) -> str:
    """Returns the environment whose rows the derived ones change: neutral cues, else the shifted test, else `id`."""
    return next(name for name in (NEUTRAL, "test", "id", *spec.environments) if name in spec.environments)


@dataclass(frozen=True)
class _Stored:
    """Payloads that were made when the environment was, since making them tells which rows take part."""

    rows: Rows
    rendered: Rendered

    def __call__(self, corpus: Corpus) -> Rendered:
        return self.rendered


@dataclass
class PerturbedEnvironments:
    """The derived environments of one scenario, and the counts of their perturbations.

    Attributes:
        environments: by name; one without rows is not there.
        tallies: by name of the environment.
    """

    environments: dict[str, Environment] = field(default_factory=dict)
    tallies: dict[str, PerturbationTally] = field(default_factory=dict)


def perturbed_environments(
    scenario: Scenario, options: PerturbedOptions, corpus: Corpus, seed: int, only: str | None = None
) -> PerturbedEnvironments:
    """Makes the derived environments of a scenario.

    Args:
        scenario: as its benchmark drew it.
        options: what to add.
        corpus: of the scenario.
        seed: the cell's seed.
        only: the one environment that is wanted; None for all.
    """
    out = PerturbedEnvironments()
    wanted = [name for name in options.specs if only in (None, name)]
    if not wanted:
        return out
    base = base_of(scenario.spec)
    messages = _messages(corpus, scenario.environments[base])
    number = seeds.integer(seed, "split", (4,))
    for name in wanted:
        tally = out.tallies[name] = PerturbationTally()
        spec = options.specs[name]
        if spec.kind == "perturbed":
            chosen = _perturbed(messages, spec.subject, options, number, tally)
        else:
            chosen = [_reduced(messages, excised if name == EXCISED else attack_only, tally)]
        kept = np.array([all(draw[i] is not None for draw in chosen) for i in range(len(messages))], dtype=bool)
        if kept.any():
            rows = np.tile(scenario.environments[base].rows[kept], len(chosen))
            found = [m for draw in chosen for m, keep in zip(draw, kept, strict=True) if keep and m is not None]
            spans = [m.flat if m.located else None for m in found]
            rendered = Rendered(Payloads.from_list(m.payload for m in found), spans)
            out.environments[name] = Environment(_Stored(rows, rendered), base=base, draws=len(chosen))
    return out


def _messages(corpus: Corpus, environment: Environment) -> list[Message]:
    rendered = environment.rendered(corpus)
    samples = corpus.table.column("sample").take(environment.rows).to_pylist()
    labels = corpus.table.column("label").take(environment.rows).to_pylist()
    rows = zip(samples, rendered.payloads, labels, rendered.spans, strict=True)
    return [Message.of(*row) for row in rows]


def _perturbed(
    messages: Sequence[Message], name: str, options: PerturbedOptions, seed: int, tally: PerturbationTally
) -> list[list[Message | None]]:
    chosen = find_suite(name)
    return [
        [perturb(message, chosen, options.depth, seed, copy, tally) for message in messages]
        for copy in range(options.draws)
    ]


def _reduced(
    messages: Sequence[Message], show: Callable[[Message], bytes], tally: PerturbationTally
) -> list[Message | None]:
    """Shows a part of each payload; one without an attack (nor parameters) is left out."""
    out: list[Message | None] = []
    for message in messages:
        if message.spans:
            out.append(replace(message, payload=show(message), spans=()))
        else:
            tally.left_out["no place"] += 1
            out.append(None)
    return out
