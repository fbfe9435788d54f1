"""The forest as arrays: the predictions of scikit-learn's own, and a file that cannot hold anything else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness.methods.base.forest import Forest
from scipy.sparse import csr_array
from sklearn.ensemble import RandomForestClassifier

from harness import UserError, predictor_files, registry, space
from harness.testing import Subject

CLASSES = np.array([0, 2, 3])


@pytest.fixture(scope="module")
def table() -> csr_array:
    random = np.random.default_rng(5)
    dense = random.random((400, 60), dtype=np.float32) * (random.random((400, 60)) < 0.2)
    return csr_array(dense.astype(np.float32))


@pytest.fixture(scope="module")
def model(table: csr_array) -> RandomForestClassifier:
    labels = CLASSES[(table.toarray()[:, :3] > [[0.2, 0.1, 0.3]]).sum(axis=1) % 3]
    return RandomForestClassifier(30, min_samples_leaf=3, random_state=3, class_weight={0: 1.0, 2: 2.5, 3: 0.5}).fit(
        table, labels
    )


def test_a_forest_of_arrays_predicts_as_scikit_learn_does(model: RandomForestClassifier, table: csr_array) -> None:
    forest = Forest.from_sklearn(model.estimators_, model.classes_, 4)
    shares = forest.predict(table)
    assert shares.dtype == np.float32
    assert shares[:, CLASSES] == pytest.approx(model.predict_proba(table), abs=1e-6)
    assert not shares[:, 1].any()
    assert len(np.unique(shares)) > 100


def test_blocks_of_rows_change_no_bit(
    model: RandomForestClassifier, table: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    forest = Forest.from_sklearn(model.estimators_, model.classes_, 4)
    whole = forest.predict(table)
    monkeypatch.setattr("harness.methods.base.forest._BLOCK_CELLS", 7 * 30 * 4)
    assert (forest.predict(table) == whole).all()


def test_a_single_class_is_a_forest_of_leaves(table: csr_array, tmp_path: Path) -> None:
    model = RandomForestClassifier(3, random_state=0).fit(table, np.full(400, 2))
    Forest.from_sklearn(model.estimators_, model.classes_, 4).save(tmp_path)
    assert Forest.load(tmp_path, 4, 60).predict(table).tolist() == [[0, 0, 1, 0]] * 400


def _set(name: str, index: object, value: object) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][index] = value

    return change


def _drop_a_leaf(arrays: dict[str, np.ndarray]) -> None:
    arrays["shares"] = arrays["shares"][1:]


def _no_trees(arrays: dict[str, np.ndarray]) -> None:
    arrays.update({name: array[:0] for name, array in arrays.items()})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set("left", 0, 0), "tree 0: a child's number must be above its parent's"),
        (_set("right", 0, 2**31 - 1), "tree 0: a child's number must be above its parent's and below"),
        (_set("left", 0, -2), "the array left has values from -2"),
        (_set("left", 0, -1), "tree 0: a node has one child"),
        (_set("columns", 0, 60), "the array columns has values from 0 to 60; they must be from 0 to 59"),
        (_set("thresholds", 0, np.nan), "the array thresholds contains NaN"),
        (_set("sizes", 0, 2**31 - 1), "there must be at least one tree, and"),
        (_set("shares", 0, 0.5), "the class shares of a leaf do not sum to 1"),
        (_drop_a_leaf, "leaves; the trees have"),
        (_no_trees, "there must be at least one tree"),
    ],
)
def test_a_changed_file_is_refused(
    model: RandomForestClassifier,
    tmp_path: Path,
    change: Callable[[dict[str, np.ndarray]], None],
    sentence: str,
) -> None:
    Forest.from_sklearn(model.estimators_, model.classes_, 4).save(tmp_path)
    arrays = predictor_files.read_arrays(tmp_path, "forest")
    change(arrays)
    predictor_files.write_arrays(tmp_path, arrays, "forest")
    with pytest.raises(UserError, match=sentence) as caught:
        Forest.load(tmp_path, 4, 60)
    assert len(str(caught.value).splitlines()) == 1


def test_a_stopped_forest_is_the_beginning_of_the_whole_one() -> None:
    registry.discover()
    info = registry.method("tfidf-forest")
    subject = Subject(info)
    train, validation = (rows.training_data(frozenset()) for rows in (subject.toy.train, subject.toy.validation))
    params = {**space.defaults(info.space), "trees": 60}
    counts: list[tuple[int, int]] = []

    def grown(blocks: int) -> Forest:
        counts.clear()
        context = replace(
            subject.context(),
            should_stop=lambda: len(counts) >= blocks,
            count=lambda examples, steps: counts.append((examples, steps)),
        )
        predictor = info.factory().fit(train, validation, params, context)
        return predictor._forest  # type: ignore[attr-defined, no-any-return]

    whole = grown(99)
    assert counts == [(20 * len(train), 20)] * 3
    part = grown(2)
    assert len(part.sizes) == 40
    nodes = int(part.sizes.sum())
    assert (part.sizes == whole.sizes[:40]).all()
    assert (part.left == whole.left[:nodes]).all()
    assert (part.thresholds == whole.thresholds[:nodes]).all()
