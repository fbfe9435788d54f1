"""Loads saved trees of XGBoost whose file may have been made by anyone.

XGBoost checks little when it loads a model: a child's number outside its tree crashes the process, and a tree with a
cycle never ends. So XGBoost does not see the file. The numbers of its trees are read here and checked, and XGBoost
loads a new document that holds these numbers and nothing else of the file.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import predictor_files

from . import ubjson

if TYPE_CHECKING:
    import xgboost

_ROOT_PARENT = 2**31 - 1  # XGBoost's mark of a node without a parent
_NODE_ARRAYS = {  # of a tree's nodes, with the kinds of NumPy dtype in which XGBoost saves them
    "left_children": "i",
    "right_children": "i",
    "split_indices": "i",
    "split_conditions": "f",
    "default_left": "u",
    "split_type": "u",
}


def load(path: Path, classes: int, width: int) -> "xgboost.Booster":
    """Returns the booster that `xgboost.Booster.save_model` wrote to a ``.ubj`` file.

    Args:
        path: the file.
        classes: number of classes; every round has a tree for each.
        width: number of columns.

    Raises:
        UserError: the file cannot be read, or is not a softmax model of trees with these classes and columns.
    """
    import xgboost

    settings = {"objective": "multi:softprob", "num_class": classes, "num_feature": width, "nthread": 1, "verbosity": 0}
    document = json.loads(xgboost.Booster(settings).save_raw("json"))
    try:
        _fill(document["learner"], _Place(ubjson.parse(path.read_bytes()), "").child("learner"), classes, width)
    except OSError as error:
        raise predictor_files.invalid(path, f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise predictor_files.invalid(path, str(error)) from error
    return xgboost.Booster({"nthread": 1}, model_file=bytearray(json.dumps(document).encode()))


class _Place:
    """A value of the document, with its path for error messages."""

    def __init__(self, value: Any, path: str) -> None:
        self.value, self.path = value, path

    def child(self, name: str) -> "_Place":
        if not isinstance(self.value, dict) or name not in self.value:
            raise ValueError(f"{self.path or 'the document'} has no {name}")
        return _Place(self.value[name], f"{self.path}/{name}".lstrip("/"))

    def must_be(self, expected: Any) -> None:
        value = self.value.tolist() if isinstance(self.value, np.ndarray) else self.value
        if value != expected:
            raise ValueError(f"{self.path} is not {_short(expected)} but {_short(value)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _fill(empty: dict[str, Any], learner: _Place, classes: int, width: int) -> None:
    """Copies the checked numbers of a learner to an ``empty`` one, without trees, that XGBoost itself wrote."""
    learner.child("objective").must_be(empty["objective"])
    parameters = learner.child("learner_model_param")
    for name in ("num_class", "num_feature", "num_target"):
        parameters.child(name).must_be(empty["learner_model_param"][name])
    empty["learner_model_param"]["base_score"] = _base_score(parameters.child("base_score"), classes)

    booster = learner.child("gradient_booster")
    booster.child("name").must_be("gbtree")
    model, new = booster.child("model"), empty["gradient_booster"]["model"]
    trees = model.child("trees")
    if not isinstance(trees.value, list) or not trees.value or len(trees.value) % classes:
        raise ValueError(f"{trees.path} must have {classes} trees, one per class, for each of at least one round")
    count = len(trees.value)
    new["gbtree_model_param"]["num_trees"] = str(count)
    new["iteration_indptr"] = list(range(0, count + 1, classes))
    new["tree_info"] = [number % classes for number in range(count)]
    for name in ("gbtree_model_param", "iteration_indptr", "tree_info"):
        model.child(name).must_be(new[name])
    new["trees"] = [_tree(_Place(tree, f"{trees.path}/{i}"), i, width) for i, tree in enumerate(trees.value)]


def _base_score(place: _Place, classes: int) -> str:
    """Returns the score of each class before the first tree, as XGBoost writes it."""
    try:
        scores = json.loads(place.value)
    except (TypeError, ValueError, RecursionError):
        scores = None
    numbers = isinstance(scores, list) and all(type(score) in (int, float) for score in scores)
    if not numbers or len(scores) != classes or not np.isfinite(np.array(scores, dtype=np.float32)).all():
        raise ValueError(f"{place.path} must be a list of {classes} finite numbers")
    return json.dumps(scores)


def _tree(place: _Place, number: int, width: int) -> dict[str, Any]:
    """Returns a tree for XGBoost's JSON, with the checked arrays of its nodes."""
    arrays = {name: _node_array(place.child(name), kind) for name, kind in _NODE_ARRAYS.items()}
    left, right = arrays["left_children"], arrays["right_children"]
    nodes = len(left)
    for name, array in arrays.items():
        if len(array) != nodes:
            raise ValueError(f"{place.path}/{name} has {len(array)} values, but the tree has {nodes} nodes")
    if not np.isfinite(arrays["split_conditions"]).all():
        raise ValueError(f"{place.path}/split_conditions contains NaN or infinite values")
    if ((arrays["split_indices"] < 0) | (arrays["split_indices"] >= width)).any():
        raise ValueError(f"{place.path}/split_indices has a column outside 0 to {width - 1}")
    if (arrays["default_left"] > 1).any():
        raise ValueError(f"{place.path}/default_left has a value other than 0 and 1")
    if arrays["split_type"].any():
        raise ValueError(f"{place.path}/split_type is not 0 everywhere; no column is categorical")
    zeros = [0.0] * nodes
    return {
        **{name: _plain(array) for name, array in arrays.items()},
        **dict.fromkeys(("base_weights", "loss_changes", "sum_hessian"), zeros),  # statistics of the training
        **{f"categories{part}": [] for part in ("", "_nodes", "_segments", "_sizes")},
        "id": number,
        "parents": _parents(left, right, place.path),
        "tree_param": {"num_deleted": "0", "num_feature": str(width), "num_nodes": str(nodes), "size_leaf_vector": "1"},
    }


def _node_array(place: _Place, kind: str) -> npt.NDArray[Any]:
    array = place.value
    if not isinstance(array, np.ndarray) or array.dtype.kind != kind or not len(array):
        raise ValueError(f"{place.path} is not an array of {'real numbers' if kind == 'f' else 'integers'}")
    return array


def _parents(left: npt.NDArray[Any], right: npt.NDArray[Any], path: str) -> list[int]:
    """Returns the parent of each node after checking that the nodes form one tree with node 0 as its root.

    A child has a larger number than its parent, as XGBoost numbers them, so that no path can return to a node; and
    every node but the root is the child of exactly one other, so that every node is reached.
    """
    nodes, inner = len(left), np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    above = np.concatenate([inner, inner])
    if ((left == -1) != (right == -1)).any():
        raise ValueError(f"{path}: a node has one child; it must have two or none")
    if ((children <= above) | (children >= nodes)).any():
        raise ValueError(f"{path}: a child's number must be above its parent's and below the number of nodes, {nodes}")
    if len(children) != nodes - 1 or len(np.unique(children)) != nodes - 1:
        raise ValueError(f"{path}: every node but the first must be the child of exactly one other node")
    parents = np.full(nodes, _ROOT_PARENT)
    parents[children] = above
    plain: list[int] = parents.tolist()
    return plain


def _plain(array: npt.NDArray[Any]) -> list[Any]:
    """Returns an array as a list; float32 values as the shortest decimals that XGBoost reads as the same values."""
    if array.dtype.kind == "f":
        return [float(text) for text in array.astype(np.float32).astype("U")]
    plain: list[Any] = array.tolist()
    return plain
