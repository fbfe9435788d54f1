"""Every built-in method passes every conformance check.

The checks share fits, and the methods the activations of a frozen trunk. Those on torch take seconds per fit: of them
the fast tests look at one fit, and at none of those that `is_slow` names; the full rounds look at all.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import registry, testing
from harness.storage.shared_steps import SharedSteps
from tests.tools.rounds import is_slow

registry.discover()
BUILT_IN = [info for info in registry.methods().values() if info.origin.startswith("harness.methods.")]
FITS_NEVER = ("declares-itself", "imports-light")
FITS_AGAIN = ("repeats-itself", "stops-at-once", "stops-later", "trains-on-oddities", "bounds-its-memory")


def cases() -> Iterator[object]:
    for info in BUILT_IN:
        for check in testing.CHECKS:
            several = check.name in FITS_AGAIN or (is_slow(info) and check.name not in FITS_NEVER)
            slow = "torch" in info.requires and several
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(info.name, check, marks=marks, id=f"{info.name}-{check.name}")


@pytest.fixture(scope="module")
def subject_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], testing.Subject]:
    root: Path = tmp_path_factory.mktemp("shared")
    subjects: dict[str, testing.Subject] = {}

    def subject(name: str) -> testing.Subject:
        if name not in subjects:
            subjects.clear()  # keep only one, since predictors take memory
            subjects[name] = testing.Subject(registry.method(name), SharedSteps(root))
        return subjects[name]

    return subject


@pytest.mark.parametrize(("name", "check"), list(cases()))
def test_the_method_conforms(name: str, check: testing.Check, subject_of: Callable[[str], testing.Subject]) -> None:
    outcome = testing.run(check, subject_of(name))
    assert outcome.status != "failed", outcome.text
    if outcome.status == "not-applicable":
        pytest.skip(outcome.text)


def test_the_toy_is_the_same_in_any_process_and_carries_every_tag() -> None:
    toy, again = testing.toy(), testing.toy()
    assert toy.train.payloads == again.train.payloads
    assert len(toy.train.payloads) == 60
    assert not set(toy.train.payloads) & set(toy.test.payloads)
    everything = toy.train.training_data(frozenset(("text", "groups", "span")))
    assert everything.descriptions is not None
    assert everything.descriptions.of_row.min() == -1  # some rows have no text
    known = everything.descriptions.of_row >= 0
    of_row = everything.descriptions.of_row[known]
    assert (everything.descriptions.labels[of_row] == everything.labels[known]).all()
    assert everything.groups is not None
    assert everything.environments is not None
    assert set(everything.environments.tolist()) == {0, 1}
    assert set(everything.cues or {}) == {"host", "client"}
    for payload, span in zip(everything.payloads, everything.spans or (), strict=True):
        attack = payload[span[0] : span[1]]
        assert len(attack) > 2
        assert payload.startswith((b"GET /", b"POST /"))
    plain = toy.train.training_data(frozenset())
    assert plain.descriptions is plain.groups is plain.environments is plain.cues is plain.spans is None
