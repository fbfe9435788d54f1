"""`harness.curve` from Python, and what the sizes of one seed share."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness import BenchmarkRef, Sizes, UserError, registry

MAP = {"payload": "raw", "label": "class"}
FAST: dict[str, Any] = {"scenarios": "random", "seeds": 1, "trials": 1, "progress": False}


def test_an_estimator_on_a_file(requests_file: Path, cache: Path, tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    bayes = make_pipeline(TfidfVectorizer(analyzer="char", encoding="latin-1"), MultinomialNB())
    curves = harness.curve(
        {"bayes": bayes}, requests_file, rows=np.array([12, 24]), mapping=MAP, results=tmp_path, **FAST
    )
    assert curves.failures == {}
    assert isinstance(curves, harness.CurveResults)
    assert curves.table()["method"] == ["sklearn:bayes"] * 2
    assert curves.table()["rows"] == [12, 24]
    assert curves.table()["metric"] == ["id"] * 2
    assert len(curves.crossings()) == 0


@pytest.mark.parametrize("rows", [[], [5], [5, 5], [5, 4], [0, 5], [5.5, 6], [True, 5], ["5", "6"]])
def test_rows_that_are_not_ascending_numbers(rows: list[object], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--rows"):
        harness.curve("majority", rows=rows, results=tmp_path, **FAST)  # type: ignore[arg-type]


def test_full_limits_neither_validation_nor_tests(cache: Path) -> None:
    from harness.api.curves import _sizes

    assert _sizes([10, 20], "full", None) == [Sizes(10, None, None), Sizes(20, None, None)]
    assert _sizes([2, 55], "standard", 7) == [Sizes(2, 1, 7), Sizes(55, 18, 7)]


def test_a_smaller_training_set_is_a_part_of_the_larger_and_the_tests_are_the_same(cache: Path) -> None:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    spec = next(spec for spec in benchmark.scenarios() if spec.name == "cve-disjoint")
    small, large = (benchmark.build(benchmark.corpus(), spec, 1, Sizes(n, n // 3, 100)) for n in (55, 330))
    for part in ("train", "validation"):
        assert np.isin(getattr(small, part).rows, getattr(large, part).rows).all()
    assert (small.environments["test"].rows == large.environments["test"].rows).all()
