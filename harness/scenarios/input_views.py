"""Views: a scenario in which every method sees a part of each payload only, in training and in tests (a probe)."""

from dataclasses import dataclass, replace

from harness.data.corpus import Corpus
from harness.data.payload_parts import PROBES, reduce
from harness.data.payloads import Payloads
from harness.errors import UserError, nearest
from harness.scenario import Environment, EnvironmentSpec, Rendered, Rows, Scenario, ScenarioSpec, Transform
from harness.scenarios.perturbed import base_of

AT = "@"  # between a scenario's name and a view's


def viewed(spec: ScenarioSpec, view: str) -> ScenarioSpec:
    """Returns the spec of a scenario in which only a part of each payload is shown, in training and in tests.

    Raises:
        UserError: there is no such view.
    """
    known = [*PROBES, CUES]
    if view not in known:
        raise UserError(f"--scenario {spec.name}{AT}{view}: the view {view} is unknown; {nearest(view, known)}")
    kept = dict.fromkeys(("id", base_of(spec)))
    environments = {
        name: EnvironmentSpec(spec.environments[name].version) for name in kept if name in spec.environments
    }
    return replace(spec, name=f"{spec.name}{AT}{view}", environments=environments, view=view)


@dataclass(frozen=True)
class _Viewed:
    """Shows a part of what another transform renders."""

    inner: Transform
    view: str

    @property
    def rows(self) -> Rows:
        return self.inner.rows

    def __call__(self, corpus: Corpus) -> Rendered:
        whole = self.inner(corpus)
        shown = cues(whole) if self.view == CUES else reduce(whole.payloads, whole.spans, self.view)
        return Rendered(shown, [None] * len(shown))


def show_part(scenario: Scenario, spec: ScenarioSpec) -> Scenario:
    """Returns a scenario under the spec of one of its views."""

    def part(environment: Environment) -> Environment:
        return replace(environment, transform=_Viewed(environment.transform, spec.view), target=None)

    return replace(
        scenario,
        spec=spec,
        train=part(scenario.train),
        validation=part(scenario.validation),
        environments={name: part(scenario.environments[name]) for name in spec.environments},
    )


CUES = "cues"  # the view of `cues`, beside those of `PROBES`


def cues(rendered: "Rendered") -> Payloads:
    """Returns what the cues of each payload show, as text, and nothing else; empty where there are none."""
    lines = [["" if value is None else f"{name}={value}\n" for value in shown] for name, shown in rendered.cues.items()]
    rows = zip(*lines, strict=True) if lines else [()] * len(rendered.payloads)
    return Payloads.from_list("".join(row).encode() for row in rows)
