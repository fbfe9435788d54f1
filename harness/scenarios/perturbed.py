"""Perturbed environments: perturbed payloads, payloads without their attack, and the attack alone.

They hold rows of one base environment and do not count in any score. Rows without anything to change, and rows whose
change cannot be proven to keep the class, are left out and counted.
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
    """The perturbed environments that a run adds to every scenario.

    Attributes:
        suites: names of perturbation suites.
        depth: most perturbations of one payload.
        draws: independent draws of each payload, for the worst case.
        diagnostics: add `EXCISED` and `ATTACK_ONLY`.
    """

    suites: tuple[str, ...] = ()
    depth: int = 1
    draws: int = 3
    diagnostics: bool = False

    @property
    def specs(self) -> dict[str, EnvironmentSpec]:
        """Specs of the added environments; a version hashes everything that the bytes of an environment depend on."""
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
    """Returns the spec of a scenario with the perturbed environments of a run; a view has none."""
    return spec if spec.view else replace(spec, environments={**spec.environments, **options.specs})


def own_environments(environments: Mapping[str, EnvironmentInfo]) -> list[str]:
    """Returns the names of the environments that the scenario itself defines, without perturbed ones."""
    return [name for name, environment in environments.items() if not environment.derived]


def base_of(spec: ScenarioSpec) -> str:
    """Returns the environment whose rows are perturbed: ``neutral`` if it exists, else ``test``, else ``id``."""
    return next(name for name in (NEUTRAL, "test", "id", *spec.environments) if name in spec.environments)


@dataclass(frozen=True)
class _Stored:
    """Payloads rendered in advance: only perturbing them shows which rows belong to the environment."""

    rows: Rows
    rendered: Rendered

    def __call__(self, corpus: Corpus) -> Rendered:
        return self.rendered


@dataclass
class PerturbedEnvironments:
    """The perturbed environments of one scenario, and the counts of their perturbations.

    Attributes:
        environments: by name; those without rows are absent.
        tallies: counts of draws and of rows left out, by name of the environment.
    """

    environments: dict[str, Environment] = field(default_factory=dict)
    tallies: dict[str, PerturbationTally] = field(default_factory=dict)


def perturbed_environments(
    scenario: Scenario, options: PerturbedOptions, corpus: Corpus, seed: int, only: str | None = None
) -> PerturbedEnvironments:
    """Builds the perturbed environments of a scenario.

    Args:
        scenario: the scenario as its benchmark built it.
        options: environments to add.
        corpus: corpus of the scenario.
        seed: seed of the cell.
        only: name of the single environment to build; None for all.
    """
    out = PerturbedEnvironments()
    names = [name for name in options.specs if only in (None, name)]
    if not names:
        return out
    base = base_of(scenario.spec)
    messages = _messages(corpus, scenario.environments[base])
    number = seeds.integer(seed, "split", (4,))
    for name in names:
        tally = out.tallies[name] = PerturbationTally()
        spec = options.specs[name]
        if spec.kind == "perturbed":
            draws = _perturbed(messages, spec.subject, options, number, tally)
        else:
            draws = [_reduced(messages, excised if name == EXCISED else attack_only, tally)]
        # The worst case compares draws of a row, so a row needs all of them. Draws are stored one after the other, each
        # with the same rows in the same order, which lets metrics reshape to (draws, rows).
        usable = np.array([all(draw[i] is not None for draw in draws) for i in range(len(messages))], dtype=bool)
        if usable.any():
            rows = np.tile(scenario.environments[base].rows[usable], len(draws))
            results = [m for draw in draws for m, use in zip(draw, usable, strict=True) if use and m is not None]
            spans = [m.flat if m.located else None for m in results]
            rendered = Rendered(Payloads.from_list(m.payload for m in results), spans)
            out.environments[name] = Environment(_Stored(rows, rendered), base=base, draws=len(draws))
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
    suite = find_suite(name)
    return [
        [perturb(message, suite, options.depth, seed, copy, tally) for message in messages]
        for copy in range(options.draws)
    ]


def _reduced(
    messages: Sequence[Message], show: Callable[[Message], bytes], tally: PerturbationTally
) -> list[Message | None]:
    """Reduces each payload to a part of it; None, and counted, for one without an attack span or parameters."""
    out: list[Message | None] = []
    for message in messages:
        if message.spans:
            out.append(replace(message, payload=show(message), spans=()))
        else:
            tally.left_out["no place"] += 1
            out.append(None)
    return out
