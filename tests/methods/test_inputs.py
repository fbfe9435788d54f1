"""The input form: a dimension of every space, applied in training and prediction, and kept in saved predictors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness.methods.base.inputs import DEFAULT_INPUT

from harness import Payloads, TrainingData, input_forms, registry, space
from tests.tools import golden

registry.discover()
READING = [
    info
    for info in registry.methods().values()
    if info.origin.startswith("harness.methods.") and info.kind != "fixed" and info.name != "majority"
]
ONE_FORM = {"normal-input": "normal", "control-raw-input": "raw"}  # strategies that are claims about the form


@pytest.mark.parametrize("info", READING, ids=lambda info: info.name)
def test_every_method_that_reads_payloads_searches_its_input(info: registry.MethodInfo) -> None:
    dimension = info.space["input"]
    if (strategy := info.name.partition(":")[0]) in ONE_FORM:
        assert dimension.choices == (ONE_FORM[strategy],)
        return
    assert dimension.choices == input_forms.FORMS
    assert dimension.default == DEFAULT_INPUT


@pytest.fixture(scope="module")
def data(cache: Path) -> tuple[TrainingData, TrainingData, Payloads, tuple[str, ...]]:
    train, validation, test, classes = golden.tiny(frozenset({"groups"}))
    return train, validation, test.payloads, classes


@pytest.mark.parametrize(
    "name",
    ["tfidf-logreg", "tfidf-xgboost", "tfidf-forest", "nearest-neighbor", "byte-cnn", "group-dro:ngrams"],
)
@pytest.mark.parametrize("form", ["raw", "normal"])
def test_a_predictor_reads_payloads_in_its_form_also_after_loading(
    name: str, form: str, data: tuple[TrainingData, TrainingData, Payloads, tuple[str, ...]], tmp_path: Path
) -> None:
    train, validation, payloads, classes = data
    elsewhere = Payloads.from_list(
        payload.replace(b"Host: ", b"Host: a.b.c.").replace(b"host: ", b"host: a.b.c.") for payload in payloads
    )
    assert sum(one != other for one, other in zip(payloads, elsewhere, strict=True)) > len(payloads) / 2
    counted: list[int] = []
    context = replace(
        golden.context(classes, tmp_path / "shared"),
        count=lambda examples, steps: counted.append(examples),
        should_stop=lambda: len(counted) > 30,
    )
    method = registry.method(name).factory()
    params = {**space.defaults(method.space), "input": form}
    if "neighbors" in params:
        params["neighbors"] = 10  # the vote of one neighbour does not show how near it is
    predictor = method.fit(train, validation, params, context)
    (tmp_path / "saved").mkdir()
    predictor.save(tmp_path / "saved")
    for one in (predictor, method.load(tmp_path / "saved", context)):
        table, moved = one.predict_proba(payloads), one.predict_proba(elsewhere)
        same = np.abs(table - moved).max() < 1e-6
        assert same == (form == "normal"), "the normal form has no host names"
