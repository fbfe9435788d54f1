"""Each check fails for its own fault, with a message in one sentence, and for no other fault."""

from pathlib import Path

import pytest

from harness import registry, testing
from harness.testing import fitting_checks

registry.discover([str(Path(__file__).parent / "faulty_plugin.py")])
ALL = {check.name for check in testing.CHECKS}
FAULTS: dict[str, dict[str, str]] = {
    "faultless": {},
    "says-why": {},
    "hungry": {},  # requires the data of every tag
    "frugal": {},  # has no tag, and refuses to receive more
    "floor": {},
    "keeps-nothing": {},
    "no-summary": {"declares-itself": "summary must be one line"},
    "version-zero": {"declares-itself": "version is 0"},
    "does-not-fit": {"fits": "fit raised KeyError: 'on purpose' (faulty_plugin.py, line"},
    "returns-nothing": {"fits": "fit returned NoneType"},
    "reports-nan": {"fits": "the score reported at step 0 is nan"},
    "float64": {"gives-probabilities": "it must return float32"},
    "sums-to-two": {"gives-probabilities": "summing to 1"},
    "too-wide": {"gives-probabilities": "shape ("},
    "trips-over-nothing": {"predicts-nothing": "predict_proba raised IndexError"},
    "blind": {"learns": "accuracy on separable rows is 0.2"},
    "untuned": {"searches": "its search space has one configuration"},
    "one-choice": {"searches": "its search space has one configuration"},
    "transductive": {"predicts-alone": "change by up to"},
    "unseeded": {"repeats-itself": "two fits with the same rows"},
    "counts-once": {"repeats-itself": "counted (10, 1) and (0, 0) examples and steps"},
    "fickle": {"repeats-itself": "called twice", "saves-and-loads": "differ by up to"},
    "changes-labels": {"spares-its-data": "it modified train.labels"},
    "changes-payloads": {"spares-its-data": "it modified the payloads of predict_proba"},
    "deaf": {"stops-at-once": "more times after it returned True", "stops-later": "more times after"},
    "slow": {"stops-at-once": "and 0.5 s without it", "stops-later": "and 0.5 s without it"},
    "raises-when-told": {"stops-at-once": "after should_stop, fit raised ValueError: stopped"},
    "utf-8-only": {"predicts-oddities": "for a payload that is not UTF-8"},
    "no-empty": {"trains-on-oddities": "with an empty payload in the data, fit raised ValueError"},
    "two-rows": {"trains-on-oddities": "with a class with one row in the data"},
    "every-class": {"trains-on-oddities": "with a class without a row in the data"},
    "pads-in-prediction": {"bounds-its-memory": "MB more in prediction"},
    "pads-in-training": {"bounds-its-memory": "MB more in training"},
    "forgets": {"saves-and-loads": "of ordinary payloads differ by up to"},
    "saves-only": {"saves-and-loads": "no load that reads"},
    "pickles": {"saves-and-loads": "means.bin, which is a pickle"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_its_check_and_no_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting_checks, "GRACE", 0.2)
    outcomes = {outcome.name: outcome for outcome in testing.check(registry.method(name))}
    assert set(outcomes) == ALL
    failed = {outcome.name: outcome.text for outcome in outcomes.values() if outcome.status == "failed"}
    assert set(failed) == set(FAULTS[name]), failed
    for check, text in failed.items():
        assert FAULTS[name][check] in text
        assert "\n" not in text


def test_a_heavy_import_at_the_top_is_named(tmp_path: Path) -> None:
    plugin = tmp_path / "heavy.py"
    code = (Path(__file__).parent / "faulty_plugin.py").read_text(encoding="utf-8").partition('faulty("faultless")')[0]
    plugin.write_text(f"import scipy\n{code}\nfaulty('weighty')\n", encoding="utf-8")
    registry.load_plugin(str(plugin))
    (outcome,) = (o for o in testing.check(registry.method("weighty")) if o.status == "failed")
    assert outcome.name == "imports-light"
    assert "importing heavy.py loads scipy; import them inside fit" in outcome.text


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check for faults in FAULTS.values() for check in faults} | {"imports-light"} == ALL


def test_checks_that_do_not_apply_give_the_reason() -> None:
    floor = {outcome.name: outcome for outcome in testing.check(registry.method("floor"))}
    assert floor["learns"].status == floor["searches"].status == "not-applicable"
    assert "a constant baseline" in floor["learns"].text
    kept = testing.check(registry.method("keeps-nothing"))[-1]
    assert (kept.name, kept.status) == ("saves-and-loads", "not-applicable")
    unfit = testing.check(registry.method("does-not-fit"))
    assert {outcome.status for outcome in unfit[3:]} == {"not-applicable"}
    assert "not run" in unfit[-1].text
