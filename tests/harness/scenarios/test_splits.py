from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from harness import Corpus, Sizes, UserError
from harness.protocol import FEWEST_RARE
from harness.scenarios import splits

SIDES = ("train", "validation", "id", "test")


def corpus(rows: int = 600, seed: int = 0, cves: int = 60) -> Corpus:
    """Rows of 4 classes on 60 CVEs, 20 products that cover several CVEs each, 3 renderings per core.

    Sources are three and unknown; every twentieth row is a near-duplicate of another, of another CVE.
    """
    rng = np.random.default_rng(seed)
    cve = rng.integers(cves, size=rows)
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
                "source": [None if i % 11 == 0 else "abc"[i % 7 % 3] for i in range(rows)],
                "cluster": [str(i // 40) if i % 20 == 0 else None for i in range(rows)],
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
    by_class = np.zeros((splits.FOLDS, len(data.classes)))
    np.add.at(by_class, (folds.fold, data.labels), 1)
    assert by_class.sum(axis=1).min() > 0.8 * by_class.sum(axis=1).max()
    shares = by_class / by_class.sum(axis=1, keepdims=True)
    assert np.ptp(shares, axis=0).max() < 0.1


def test_folds_balance_other_strata_on_request() -> None:
    data = corpus(2400, cves=240)
    flag = (data.codes("group.cve")[0] % 5 == 0).astype(np.int64)  # a fifth of the CVEs, whatever their class
    fold = splits.make_folds(data, ["group.cve"], 0, [data.labels * 2 + flag]).fold
    per_fold = np.bincount(fold, weights=flag, minlength=splits.FOLDS) / np.bincount(fold)
    assert np.ptp(per_fold) < 0.1


def test_fewer_units_than_folds_are_all_tested_and_then_again() -> None:
    data = corpus(cves=3)
    tested = []
    for seed in range(splits.FOLDS):
        folds = splits.make_folds(data, ["group.cve"], seed)
        assert folds.count == 3
        parts = splits.disjoint(folds, Sizes())
        tested.append(set(folds.unit[parts.test]))
        assert not tested[-1] & set(folds.unit[parts.train])
    assert set().union(*tested[:3]) == set().union(*tested[3:]) == {0, 1, 2}


def test_one_large_core_does_not_empty_validation() -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve"], 0)
    core = np.where(~folds.held & (np.arange(len(data)) % 2 == 0), folds.core.max() + 1, folds.core)
    for seed in range(0, 60, splits.FOLDS):
        large = replace(folds, core=core, seed=seed)
        assert len(splits.random(large, Sizes()).validation)


def by_time(folds: splits.Folds, sizes: Sizes) -> splits.Parts:
    return splits.temporal(folds, folds.unit * 10.0, 0.6 * folds.unit.max() * 10, sizes)


def by_source(folds: splits.Folds, sizes: Sizes) -> splits.Parts:
    return splits.leave_one_source_out(folds, corpus(len(folds.unit)).codes("source")[0], sizes)


def tailed(folds: splits.Folds, sizes: Sizes) -> splits.Parts:
    return splits.long_tail(folds, 100.0, sizes)


SPLITS = {
    "random": splits.random,
    "disjoint": splits.disjoint,
    "temporal": by_time,
    "source": by_source,
    "tail": tailed,
}
Split = Callable[[splits.Folds, Sizes], splits.Parts]
every_split = pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)


@every_split
@pytest.mark.parametrize("seed", range(8))
def test_no_core_is_on_both_sides(split: Split, seed: int) -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve"], seed)
    parts = split(folds, Sizes())
    assert all(len(getattr(parts, side)) for side in SIDES)
    train, validation = set(folds.core[parts.train]), set(folds.core[parts.validation])
    held_out = set(folds.core[parts.test]) | set(folds.core[parts.id])
    assert not train & held_out
    assert not validation & held_out
    assert not train & validation


@every_split
def test_near_duplicates_are_one_core(split: Split) -> None:
    data = corpus()
    parts = split(splits.make_folds(data, ["group.cve"], 0), Sizes())
    cluster = data.codes("cluster")[0]
    trained = {*cluster[parts.train], *cluster[parts.validation]} - {-1}
    assert trained
    assert not trained & {*cluster[parts.test], *cluster[parts.id]}


@every_split
def test_seeds_of_one_partition_test_disjoint_rows(split: Split) -> None:
    tests = [split(splits.make_folds(corpus(), ["group.cve"], seed), Sizes()).test for seed in range(splits.FOLDS)]
    rows = np.concatenate(tests)
    assert len(np.unique(rows)) == len(rows)


@every_split
def test_a_draw_repeats_and_another_seed_draws_otherwise(split: Split) -> None:
    def draw(seed: int) -> list[list[int]]:
        parts = split(splits.make_folds(corpus(), ["group.cve"], seed), Sizes(100, 20, 30))
        return [getattr(parts, side).tolist() for side in SIDES]

    assert draw(3) == draw(3)
    assert draw(3) != draw(9)


@every_split
def test_repeats_of_a_fold_have_the_same_test_rows_and_other_training_rows(split: Split) -> None:
    for sizes in (Sizes(), Sizes(100, 20, 30)):
        for seed in range(splits.FOLDS):
            first, second, third = (
                split(splits.make_folds(corpus(), ["group.cve"], seed + repeat * splits.FOLDS), sizes)
                for repeat in range(3)
            )
            assert np.array_equal(first.test, second.test)
            assert np.array_equal(first.test, third.test)
            assert not np.array_equal(first.train, second.train)
            assert not np.array_equal(second.train, third.train)


@pytest.mark.parametrize("name", ["disjoint", "temporal", "source"])
@pytest.mark.parametrize("sizes", [Sizes(), Sizes(60, 20, 30)])
def test_id_holds_other_cores_of_units_that_are_trained_on(name: str, sizes: Sizes) -> None:
    for seed in range(2 * splits.FOLDS):
        folds = splits.make_folds(corpus(), ["group.cve"], seed)
        parts = SPLITS[name](folds, sizes)
        assert len(parts.id)
        assert set(folds.unit[parts.id]) <= set(folds.unit[parts.train])
        used = np.concatenate([parts.train, parts.validation, parts.test])
        assert not set(folds.core[parts.id]) & set(folds.core[used])


def test_few_id_rows_are_noted_and_none_is_of_an_untrained_unit() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 0)
    parts = splits.disjoint(folds, Sizes(3, 20, 90))
    assert len(parts.id) < 90
    assert parts.notes == (f"id has only {len(parts.id)} rows, since training has no more units with other attacks",)
    assert set(folds.unit[parts.id]) <= set(folds.unit[parts.train])


@pytest.mark.parametrize("seed", range(8))
def test_crossed_tests_share_neither_kind_of_unit_with_training(seed: int) -> None:
    data = corpus()
    folds = splits.folds_of_units(data, data.codes("core")[0] % 24, seed)  # each unit has cores of several CVEs
    others = splits.make_folds(data, ["group.cve"], seed)
    parts = splits.crossed(folds, others, Sizes())
    assert all(len(getattr(parts, side)) for side in SIDES)
    seen = np.concatenate([parts.train, parts.validation, parts.id])
    for unit in (folds.unit, others.unit):
        assert not set(unit[parts.test]) & set(unit[seen])
        assert set(unit[parts.id]) <= set(unit[parts.train])
    assert set(folds.labels[parts.train]) == set(folds.labels[parts.test]) == set(range(4))


@pytest.mark.parametrize("split", [splits.random, splits.disjoint], ids=["random", "disjoint"])
def test_validation_is_a_fifth_of_what_is_not_tested(split: Split) -> None:
    parts = split(splits.make_folds(corpus(), ["group.cve", "group.product"], 1), Sizes())
    assert len(parts.validation) == pytest.approx(0.25 * len(parts.train), rel=0.25)


@pytest.mark.parametrize("seed", range(6))
def test_disjoint_training_holds_no_tested_group(seed: int) -> None:
    data = corpus()
    folds = splits.make_folds(data, ["group.cve", "group.product"], seed)
    parts = splits.disjoint(folds, Sizes())
    others = np.concatenate([parts.train, parts.validation, parts.id])
    for column in ("group.cve", "group.product"):
        codes = data.codes(column)[0]
        trained = set(codes[others]) - {-1}
        assert not trained & set(codes[parts.test])


def test_seeds_of_one_partition_test_every_unit_once() -> None:
    data = corpus()
    tested = [splits.random(splits.make_folds(data, ["group.cve"], s), Sizes()).test for s in range(splits.FOLDS)]
    unit = splits.make_folds(data, ["group.cve"], 0).unit
    units = [set(unit[rows]) for rows in tested]
    assert set().union(*units) == set(unit)
    assert sum(map(len, units)) == len(set(unit))


def test_reserved_rows_are_trained_on_and_never_tested() -> None:
    data = corpus()
    reserved = data.codes("group.cve")[0] < 9
    trained = np.zeros(len(data), dtype=bool)
    for seed in range(splits.FOLDS):
        folds = splits.make_folds(data, ["group.cve"], seed, reserved=reserved)
        by_core = splits.folds_of_units(data, data.codes("core")[0] % 24, seed, reserved)
        sources = data.codes("source")[0]
        for parts in (
            splits.random(folds, Sizes()),
            splits.disjoint(folds, Sizes()),
            splits.crossed(by_core, folds, Sizes()),
            splits.long_tail(folds, 10.0, Sizes()),
            splits.temporal(folds, folds.unit * 10.0, 200.0, Sizes()),
            splits.zero_shot(folds, Sizes())[0],
            splits.leave_one_source_out(folds, sources, Sizes()),
            splits.cross_source(folds, sources == 0, Sizes()),
        ):
            assert len(parts.test)
            assert not reserved[np.concatenate([parts.id, parts.test])].any()
        trained[splits.disjoint(folds, Sizes()).train] = True
        assert set(folds.fold[reserved]) == {-1}
    assert trained[reserved].mean() > 0.9


def test_folds_stay_balanced_beside_reserved_rows() -> None:
    data = corpus(2400, cves=240)
    reserved = data.codes("group.cve")[0] % 4 == 0  # many rows of some classes
    folds = splits.make_folds(data, ["group.cve"], 0, reserved=reserved)
    by_class = np.zeros((splits.FOLDS, 4), dtype=int)
    np.add.at(by_class, (folds.fold[~reserved], data.labels[~reserved]), 1)
    assert (by_class.max(0) - by_class.min(0) <= 0.2 * by_class.mean(0)).all()


def test_the_reserved_fold_tests_reserved_rows_alone() -> None:
    data = corpus()
    reserved = data.codes("group.cve")[0] < 9
    tests = []
    for seed in (0, 1, 7):
        plain = splits.make_folds(data, ["group.cve"], seed, reserved=reserved)
        folds = splits.reserved_fold(plain)
        parts = splits.disjoint(folds, Sizes(100, 30, None))
        assert reserved[parts.test].all()
        assert not reserved[np.concatenate([parts.train, parts.validation, parts.id])].any()
        assert set(folds.unit[parts.test]) == set(folds.unit[reserved])
        assert set(plain.fold[parts.train]) == set(range(splits.FOLDS))  # no other fold is held out
        tests.append(parts.test)
    assert np.array_equal(tests[0], tests[1])
    assert np.array_equal(tests[0], tests[2])
    product = splits.make_folds(data, ["group.product"], 0, reserved=reserved)
    parts = splits.disjoint(splits.reserved_fold(product), Sizes())
    assert reserved[parts.test].all()
    assert not set(product.unit[parts.test]) & set(product.unit[np.concatenate([parts.train, parts.id])])


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


def test_a_unit_that_is_tested_later_is_not_trained_on_before() -> None:
    """Requests on one CVE in both periods: its earlier ones are known, and would make the later ones no new CVE."""
    data = corpus()
    date = np.random.default_rng(3).integers(1000, size=len(data)).astype(float)  # whatever the CVE
    for seed in range(splits.FOLDS):
        folds = splits.make_folds(data, ["group.cve"], seed)
        parts = splits.temporal(folds, date, 600.0, Sizes())
        for rows in (parts.train, parts.validation, parts.id):
            assert len(rows)
            assert not set(folds.unit[rows]) & set(folds.unit[parts.test])


def test_the_first_day_of_the_tests_is_tested_and_in_the_first_window() -> None:
    """Ten rows on each of ten days: the last four are two fifths."""
    date = np.repeat(np.arange(10.0), 10)
    assert splits.cutoff(date) == 6
    window = splits.windows(date, 6.0)
    assert {day: set(window[date == day]) for day in (5, 6, 7, 8, 9)} == {5: {-1}, 6: {0}, 7: {1}, 8: {2}, 9: {3}}
    uneven = np.repeat([0.0, 1, 2, 3], [59, 1, 30, 10])  # from day 1 on 41 of 100, from day 2 on 40
    assert splits.cutoff(uneven) == 2
    assert splits.cutoff(np.array([5.0, 5, 5])) == 5  # no day leaves so few
    folds = splits.make_folds(corpus(), ["group.cve"], 0)
    days = folds.unit.astype(float)
    first = float(days[folds.held].min())
    assert first in days[splits.temporal(folds, days, first, Sizes()).test]


def test_a_day_goes_to_the_window_of_its_middle_row() -> None:
    """Of eight rows the second day has rows 3 to 5, whose middle is in the first half."""
    date = np.repeat([0.0, 1, 2], [2, 3, 3])
    assert splits.windows(date, 0.0, 2).tolist() == [0] * 5 + [1] * 3
    assert [splits.iso(day) for day in (0, 18262)] == ["1970-01-01", "2020-01-01"]


def test_sizes_cap_every_part() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 2)
    parts = splits.disjoint(folds, Sizes(100, 20, 30))
    assert (len(parts.train), len(parts.test), len(parts.id)) == (100, 30, 30)
    assert len(parts.validation) == 20


@every_split
def test_a_thinned_part_holds_many_attacks_and_each_class_in_its_share(split: Split) -> None:
    folds = splits.make_folds(corpus(2400, cves=200), ["group.cve"], 1)
    whole, parts = split(folds, Sizes()), split(folds, Sizes(200, 40, 60))
    assert len(np.unique(folds.core[parts.validation])) > 20  # 3 rows and more of each core: whole ones would be 13
    if split is tailed:  # which has frequencies of its own in all but the test
        pairs = [(whole.test, parts.test)]
    else:
        pairs = [(whole.train, parts.train), (whole.validation, parts.validation), (whole.test, parts.test)]
    for every, few in pairs:
        share = np.bincount(folds.labels[every], minlength=4) / len(every)
        assert np.abs(np.bincount(folds.labels[few], minlength=4) - share * len(few)).max() <= 1


def test_a_product_in_two_spellings_is_one_and_unknown_ones_link_nothing() -> None:
    names = ["Jira Server", "jira_server", "n/a", "N/A", None, "other"]
    data = Corpus.create(
        "toy",
        pa.table(
            {
                "sample": [str(i) for i in range(6)],
                "payload": pa.array([f"{i}".encode() for i in range(6)], pa.large_binary()),
                "label": ["a", "b"] * 3,
                "product": names,
            }
        ),
    )
    unit, _ = splits.link(data, ["product"])
    assert unit[0] == unit[1]
    assert len(set(unit)) == 5


def test_windows_follow_each_other_with_rows_shared_evenly() -> None:
    date = np.r_[np.random.default_rng(0).integers(1000, size=997), [np.nan] * 3].astype(float)
    window = splits.windows(date, 400.0)
    assert set(window[~(date >= 400)]) == {-1}
    counts = np.bincount(window[window >= 0])
    assert len(counts) == splits.WINDOWS
    assert counts.max() - counts.min() < 10
    for earlier in range(splits.WINDOWS - 1):
        assert date[window == earlier].max() < date[window == earlier + 1].min()


@pytest.mark.parametrize("date", [[1, 1, 2, 3], [1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4]])
def test_dates_too_coarse_for_windows_are_refused(date: list[int]) -> None:
    with pytest.raises(UserError, match="too coarse for 4 windows"):
        splits.windows(np.array(date, dtype=float), 0.0)


def test_no_date_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="has a date"):
        splits.cutoff(np.array([np.nan, np.nan]))


@pytest.mark.parametrize("seed", range(6))
def test_the_source_left_out_is_tested_and_in_no_other_part(seed: int) -> None:
    data = corpus()
    source, names = data.codes("source")
    folds = splits.make_folds(data, ["group.cve"], seed)
    parts = splits.leave_one_source_out(folds, source, Sizes())
    order = splits.testable_sources(folds, source)
    assert [names[code] for code in order] == ["a", "b", "c"]  # by their rows
    assert set(source[parts.test]) == {order[seed % 3]}
    others = set(order) - {order[seed % 3]}
    assert set(source[parts.train]) == set(source[parts.validation]) == set(source[parts.id]) == others
    assert not set(folds.core[parts.id]) & set(folds.core[parts.test])


def test_small_sources_are_trained_on_and_not_tested() -> None:
    data = corpus()
    source = data.codes("source")[0].copy()
    source[:5] = 7
    folds = splits.make_folds(data, ["group.cve"], 0)
    assert 7 not in splits.testable_sources(folds, source)
    assert 7 in source[splits.leave_one_source_out(folds, source, Sizes()).train]


def test_one_source_is_refused() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 0)
    for source in (np.zeros(600, dtype=np.int64), np.full(600, -1)):
        with pytest.raises(UserError, match="at least two sources"):
            splits.leave_one_source_out(folds, source, Sizes())


def agreement(rows: int = 6000) -> tuple[splits.Folds, np.ndarray]:
    """Folds, and an attribute that agrees with 30 to 70 % of a class's rows; the last class is not resampled."""
    data = corpus(rows, cves=600)
    chance = 0.3 + 0.4 * data.labels / 3
    agrees = (np.random.default_rng(1).random(rows) < chance).astype(np.int8)
    agrees[data.labels == 3] = -1
    return splits.make_folds(data, ["group.cve"], 0, [data.labels * 2 + (agrees == 1)]), agrees


SHARES = {"id": 90, "flip": 10, "balanced": 50}


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(800, 200, 150)])
def test_resampling_reaches_every_strength_in_every_class(sizes: Sizes) -> None:
    folds, agrees = agreement()
    split = splits.correlated(folds, agrees, 90, SHARES, sizes)
    expected = {"train": (split.train, 90), "validation": (split.validation, 90)}
    expected |= {name: (rows, SHARES[name]) for name, rows in split.environments.items()}
    for name, (rows, percent) in expected.items():
        for c in range(3):
            own = rows[folds.labels[rows] == c]
            assert (agrees[own] == 1).mean() == pytest.approx(percent / 100, abs=0.05), (name, c)
    assert split.dropped == ()
    if sizes.train is not None:
        assert 0.9 * 800 < len(split.train) <= 800
        assert len(split.validation) <= 200
        assert len(split.environments["id"]) <= 150


def test_resampling_repeats_no_row_and_keeps_cores_apart() -> None:
    folds, agrees = agreement()
    split = splits.correlated(folds, agrees, 90, SHARES, Sizes())
    plain = splits.random(folds, Sizes())
    for rows in (split.train, split.validation, *split.environments.values()):
        assert len(np.unique(rows)) == len(rows)
    assert set(split.train) <= set(plain.train)
    for rows in split.environments.values():
        assert set(rows) <= set(plain.test)


def test_environments_of_resampling_differ_in_the_correlation_only() -> None:
    folds, agrees = agreement()
    environments = splits.correlated(folds, agrees, 90, SHARES, Sizes()).environments
    counts = [np.bincount(folds.labels[rows], minlength=4).tolist() for rows in environments.values()]
    assert counts[0] == counts[1] == counts[2]
    other_class = [rows[folds.labels[rows] == 3].tolist() for rows in environments.values()]
    assert other_class[0] == other_class[1] == other_class[2] != []


def test_a_class_without_a_side_among_the_tested_is_dropped_and_named() -> None:
    folds, agrees = agreement()
    agrees = np.where(folds.held & (folds.labels == 1), np.int8(1), agrees)
    split = splits.correlated(folds, agrees, 90, SHARES, Sizes())
    assert split.dropped == (1,)
    assert all(1 not in folds.labels[rows] for rows in split.environments.values())
    assert 1 in folds.labels[split.train]


def test_repeats_of_a_fold_resample_the_same_tests() -> None:
    folds, agrees = agreement()
    first, second = (
        splits.correlated(replace(folds, seed=seed), agrees, 90, SHARES, Sizes(800, 200, 150))
        for seed in (0, splits.FOLDS)
    )
    assert {n: rows.tolist() for n, rows in first.environments.items()} == {
        n: rows.tolist() for n, rows in second.environments.items()
    }
    assert not np.array_equal(first.train, second.train)
    assert not np.array_equal(first.validation, second.validation)


def test_zero_shot_trains_on_no_unseen_class_and_tests_both_kinds_on_other_units() -> None:
    data = corpus()
    for seed in range(splits.FOLDS):
        folds = splits.make_folds(data, ["group.cve"], seed)
        parts, unseen = splits.zero_shot(folds, Sizes())
        assert unseen == tuple(c for c in range(4) if c % splits.UNSEEN_FOLDS == seed % splits.UNSEEN_FOLDS)
        for rows in (parts.train, parts.validation, parts.id):
            assert set(folds.labels[rows]) == set(range(4)) - set(unseen)
        assert set(folds.labels[parts.test]) == set(unseen)
        trained = np.concatenate([parts.train, parts.validation])
        for rows in (parts.id, parts.test):
            assert not set(folds.unit[rows]) & set(folds.unit[trained])
            assert not set(folds.core[rows]) & set(folds.core[trained])


def test_a_class_with_few_rows_lowers_all_counts_but_not_below_the_fewest_of_the_rarest() -> None:
    """One class keeps 16 rows for training. Where it is a frequent one, the rarest would have less than a row."""
    data = corpus(6000, cves=600)
    rarest = []
    for seed in range(8):
        folds = splits.make_folds(data, ["group.cve"], seed)
        kept = np.cumsum((folds.labels == 0) & ~(folds.held & folds.tested)) <= 20
        scarce = np.flatnonzero((folds.labels != 0) | (folds.held & folds.tested) | kept)
        few = replace(
            folds,
            **{n: getattr(folds, n)[scarce] for n in ("unit", "core", "fold", "tested", "labels", "reserved")},
        )
        counts = np.bincount(few.labels[splits.long_tail(few, 100.0, Sizes()).train], minlength=4)
        rarest.append(int(counts.min()))
    assert min(rarest) == FEWEST_RARE


def test_every_row_of_the_target_is_tested_whatever_the_sizes_and_the_seed() -> None:
    folds = splits.make_folds(corpus(), ["group.cve"], 3)
    target = np.arange(600) % 5 == 0
    for seed in (0, 3, 9):
        parts = splits.cross_source(replace(folds, seed=seed), target, Sizes(100, 20, 30))
        assert np.array_equal(parts.test, np.flatnonzero(target))
        assert len(parts.id) <= 30
        assert not target[np.concatenate([parts.train, parts.validation, parts.id])].any()
        assert not set(folds.core[parts.train]) & set(folds.core[parts.test])


def test_the_long_tail_falls_to_a_hundredth_and_is_redrawn_by_seed() -> None:
    tails = []
    for seed in range(3):
        folds = splits.make_folds(corpus(6000, cves=600), ["group.cve"], seed)
        parts = splits.long_tail(folds, 100.0, Sizes())
        counts = np.bincount(folds.labels[parts.train], minlength=4)
        assert 60 < counts.max() / counts.min() < 140
        tails.append(np.argsort(counts).tolist())
    assert len({tuple(tail) for tail in tails}) > 1


def test_a_short_tail_has_the_same_counts_with_every_seed_and_enough_of_the_rarest_class() -> None:
    counts = []
    for seed in range(8):
        folds = splits.make_folds(corpus(6000, cves=600), ["group.cve"], seed)
        parts = splits.long_tail(folds, 100.0, Sizes(120, 40, 60))
        counts.append(sorted(np.bincount(folds.labels[parts.train], minlength=4).tolist()))
        assert np.bincount(folds.labels[parts.validation], minlength=4).min() >= 1
        assert np.array_equal(parts.id, parts.test)
    assert counts[0][0] == FEWEST_RARE
    assert all(tail == counts[0] for tail in counts)
    assert 110 <= sum(counts[0]) <= 120


@pytest.mark.parametrize(("rows", "ratio"), [(100_000, 100.0), (44, 1.0), (330, 22.9)])
def test_the_tail_falls_to_a_hundredth_where_rows_allow(rows: int, ratio: float) -> None:
    assert splits.tail_ratio(11, rows, 100.0) == pytest.approx(ratio, abs=0.1)
