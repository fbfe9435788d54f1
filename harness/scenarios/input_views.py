"""Views (probes): scenarios in which a method sees only a part of each payload, in training and in tests."""

from dataclasses import dataclass, replace

from harness.data.corpus import Corpus
from harness.data.payload_parts import PROBES, reduce
from harness.data.payloads import Payloads
from harness.errors import UserError, nearest
from harness.scenario import Environment, EnvironmentSpec, Rendered, Rows, Scenario, ScenarioSpec, Transform
from harness.scenarios.perturbed import base_of

AT = "@"  # between a scenario's name and a view's


def with_view(spec: ScenarioSpec, view: str) -> ScenarioSpec:
    """Returns the spec of a scenario under a view, in which only a part of each payload is visible.

    It has the environments ``id`` and `base_of`, neither of which is scored.

    Raises:
        UserError: there is no such view.
    """
    views = [*PROBES, CUES]
    if view not in views:
        raise UserError(f"--scenario {spec.name}{AT}{view}: the view {view} is unknown; {nearest(view, views)}")
    names = dict.fromkeys(("id", base_of(spec)))
    environments = {
        name: EnvironmentSpec(spec.environments[name].version) for name in names if name in spec.environments
    }
    return replace(spec, name=f"{spec.name}{AT}{view}", environments=environments, view=view)


@dataclass(frozen=True)
class _Viewed:
    """Reduces the payloads of another transform to the part that a view shows."""

    inner: Transform
    view: str

    @property
    def rows(self) -> Rows:
        return self.inner.rows

    def __call__(self, corpus: Corpus) -> Rendered:
        whole = self.inner(corpus)
        payloads = cues(whole) if self.view == CUES else reduce(whole.payloads, whole.spans, self.view)
        return Rendered(payloads, [None] * len(payloads))


def show_part(scenario: Scenario, spec: ScenarioSpec) -> Scenario:
    """Returns a scenario under a view; ``spec`` is that of `with_view`."""

    def part(environment: Environment) -> Environment:
        return replace(environment, transform=_Viewed(environment.transform, spec.view), target=None)

    return replace(
        scenario,
        spec=spec,
        train=part(scenario.train),
        validation=part(scenario.validation),
        unlabelled=None if scenario.unlabelled is None else part(scenario.unlabelled),
        environments={name: part(scenario.environments[name]) for name in spec.environments},
    )


CUES = "cues"  # the view of `cues`, beside those of `PROBES`


def cues(rendered: "Rendered") -> Payloads:
    """Returns payloads that hold only the cue values of each row, as lines ``name=value``; empty without cues."""
    lines = [
        ["" if value is None else f"{name}={value}\n" for value in values] for name, values in rendered.cues.items()
    ]
    rows = zip(*lines, strict=True) if lines else [()] * len(rendered.payloads)
    return Payloads.from_list("".join(row).encode() for row in rows)
