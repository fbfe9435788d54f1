import numpy as np
import pyarrow as pa
import pytest

from harness import Corpus, Sizes, splits


def corpus(rows: int = 600, seed: int = 0) -> Corpus:
    """Rows of 4 classes on 60 CVEs, 20 products that cover several CVEs each, 3 renderings per core."""
    rng = np.random.default_rng(seed)
    cve = rng.integers(60, size=rows)
    core = rng.integers(4, size=rows)
    return Corpus.create(
        "toy",
        pa.table(
            {
                "sample": [str(i) for i in range(rows)],
                "payload": pa.array([f"{i}".encode() for i in range(rows)], pa.large_binary()),
                "label": [f"class-{c % 4}" for c in cve],
                "group.cve": [f"cve-{c}" for c in cve],
                "group.product": [None if c % 7 == 0 else f"product-{c // 3}" for c in cve],
                "core": [f"{c}/{k}" for c, k in zip(cve, core, strict=True)],
            }
        ),
    )


def test_components_link_through_any_column_and_missing_links_nothing() -> None:
    first = np.array([0, 0, 1, 2, -1, -1])
    second = np.array([5, 6, 6, -1, -1, 5])
    unit = splits.components([first, second])
    assert unit[0] == unit[1] == unit[2] == unit[5]
    assert len({unit[0], unit[3], unit[4]}) == 3


def test_folds_partition_the_units_and_balance_the_classes() -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve"], seed=0)
    for unit in np.unique(folds.unit):
        assert len(set(folds.fold[folds.unit == unit])) == 1
    sizes = np.bincount(folds.fold, minlength=splits.FOLDS)
    assert sizes.min() > 0.6 * sizes.max()


@pytest.mark.parametrize("kind", ["random", "disjoint"])
@pytest.mark.parametrize("seed", range(8))
def test_no_core_is_on_both_sides(kind: str, seed: int) -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve", "group.product"], seed)
    parts = getattr(splits, kind)(folds, Sizes())
    train, validation = set(folds.core[parts.train]), set(folds.core[parts.validation])
    held_out = set(folds.core[parts.test]) | set(folds.core[parts.id])
    assert not train & held_out
    assert not validation & held_out
    assert not train & validation
    assert len(parts.validation) == pytest.approx(0.25 * len(parts.train), rel=0.25)


@pytest.mark.parametrize("seed", range(6))
def test_disjoint_training_holds_no_tested_group(seed: int) -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve", "group.product"], seed)
    parts = splits.disjoint(folds, Sizes())
    seen = np.concatenate([parts.train, parts.validation, parts.id])
    for column in ("group.cve", "group.product"):
        codes = data.codes(column)[0]
        known = set(codes[seen]) - {-1}
        assert not known & set(codes[parts.test])


def test_seeds_of_one_partition_test_every_unit_once() -> None:
    data = corpus()
    tested = [splits.random(splits.make_folds(data, ["group.cve"], s), Sizes()).test for s in range(splits.FOLDS)]
    unit = splits.make_folds(data, ["group.cve"], 0).unit
    units = [set(unit[rows]) for rows in tested]
    assert set().union(*units) == set(unit)
    assert sum(map(len, units)) == len(set(unit))


def test_scenarios_of_one_seed_share_their_test_rows() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 3)
    for sizes in (Sizes(), Sizes(100, 20, 30)):
        random, disjoint = splits.random(folds, sizes), splits.disjoint(folds, sizes)
        assert np.array_equal(random.test, disjoint.test)
        assert np.array_equal(random.id, random.test)


def test_temporal_trains_before_and_tests_after() -> None:
    data = corpus()
    date = np.where(np.arange(len(data)) % 50 == 0, np.nan, data.codes("group.cve")[0] * 10.0)
    folds = splits.make_folds(data, ["group.cve"], 1)
    parts = splits.temporal(folds, date, 400.0, Sizes())
    assert (date[parts.test] >= 400).all()
    for rows in (parts.train, parts.validation, parts.id):
        assert (date[rows] < 400).all()
    assert all(map(len, (parts.test, parts.id, parts.train)))


def test_sizes_cap_every_part_and_the_draw_repeats() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 2)
    parts = splits.disjoint(folds, Sizes(100, 20, 30))
    assert (len(parts.train), len(parts.test), len(parts.id)) == (100, 30, 30)
    assert len(parts.validation) <= 20
    again = splits.disjoint(splits.make_folds(corpus(), ["group.cve"], 2), Sizes(100, 20, 30))
    assert all(np.array_equal(getattr(parts, n), getattr(again, n)) for n in ("train", "validation", "id", "test"))
