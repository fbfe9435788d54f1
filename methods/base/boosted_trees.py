"""Saves the trees of XGBoost as arrays, and loads them from a file that may have been made by anyone.

XGBoost checks little when it loads a model: a child's number outside its tree crashes the process, and a tree with a
cycle never ends. So XGBoost never reads a saved file. The arrays are checked here, and XGBoost loads a new document
that holds their numbers and nothing else of the file.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import predictor_files

if TYPE_CHECKING:
    import xgboost

_FILE = "trees"
_ROOT_PARENT = 2**31 - 1  # XGBoost's mark of a node without a parent
_LARGEST = 2**31 - 1


def save(folder: Path, booster: "xgboost.Booster") -> None:
    """Writes the trees of a softmax model to one file; nodes of all trees follow each other."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    nodes = {
        name: np.concatenate([np.array(tree[name], spec.dtype) for tree in trees])
        for name, spec in _node_specs(1).items()
    }
    sizes = np.array([len(tree["left_children"]) for tree in trees], np.int64)
    base_score = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float32)
    predictor_files.write_arrays(folder, {**nodes, "sizes": sizes, "base_score": base_score}, _FILE)


def load(folder: Path, classes: int, width: int) -> "xgboost.Booster":
    """Returns the booster that `save` wrote.

    Args:
        folder: of the saved predictor.
        classes: number of classes; every round has a tree for each.
        width: number of columns.

    Raises:
        UserError: the file cannot be read, or does not hold trees with these classes and columns.
    """
    import xgboost

    arrays = predictor_files.read_arrays(folder, _FILE, expected=_specs(classes, width))
    settings = {"objective": "multi:softprob", "num_class": classes, "num_feature": width, "nthread": 1, "verbosity": 0}
    document = json.loads(xgboost.Booster(settings).save_raw("json"))
    try:
        _fill(document["learner"], arrays, classes, width)
    except ValueError as error:
        raise predictor_files.invalid(folder / f"{_FILE}.safetensors", str(error)) from error
    return xgboost.Booster({"nthread": 1}, model_file=bytearray(json.dumps(document).encode()))


def _specs(classes: int, width: int) -> dict[str, predictor_files.ArraySpec]:
    return {
        "sizes": predictor_files.ArraySpec("int64", ("trees",), 1, _LARGEST),  # number of nodes of each tree
        "base_score": predictor_files.ArraySpec("float32", (classes,)),  # score of each class before the first tree
        **_node_specs(width),
    }


def _node_specs(width: int) -> dict[str, predictor_files.ArraySpec]:
    """Returns what the arrays of nodes must be; they have XGBoost's names."""
    return {
        "left_children": predictor_files.ArraySpec("int32", ("nodes",), -1, _LARGEST),  # within the tree; -1 for a leaf
        "right_children": predictor_files.ArraySpec("int32", ("nodes",), -1, _LARGEST),
        "split_indices": predictor_files.ArraySpec("int32", ("nodes",), 0, width - 1),
        "split_conditions": predictor_files.ArraySpec("float32", ("nodes",)),
        "default_left": predictor_files.ArraySpec("uint8", ("nodes",), 0, 1),
    }


def _fill(empty: dict[str, Any], arrays: dict[str, npt.NDArray[Any]], classes: int, width: int) -> None:
    """Adds trees to a learner without trees that XGBoost itself wrote."""
    sizes = arrays["sizes"]
    if not len(sizes) or len(sizes) % classes:
        raise ValueError(f"there are {len(sizes)} trees; each of at least one round must have {classes}, one per class")
    if sum(sizes.tolist()) != len(arrays["left_children"]):
        raise ValueError(f"the trees must have {len(arrays['left_children'])} nodes together")
    empty["learner_model_param"]["base_score"] = json.dumps(_plain(arrays["base_score"]))
    model, count = empty["gradient_booster"]["model"], len(sizes)
    model["gbtree_model_param"]["num_trees"] = str(count)
    model["iteration_indptr"] = list(range(0, count + 1, classes))
    model["tree_info"] = [number % classes for number in range(count)]
    ends = np.cumsum(sizes)
    model["trees"] = [
        _tree({name: arrays[name][end - size : end] for name in _node_specs(width)}, number, width)
        for number, (size, end) in enumerate(zip(sizes, ends, strict=True))
    ]


def _tree(arrays: dict[str, npt.NDArray[Any]], number: int, width: int) -> dict[str, Any]:
    """Returns a tree for XGBoost's JSON."""
    nodes = len(arrays["left_children"])
    return {
        **{name: _plain(array) for name, array in arrays.items()},
        **dict.fromkeys(("base_weights", "loss_changes", "sum_hessian"), [0.0] * nodes),  # statistics of the training
        **{f"categories{part}": [] for part in ("", "_nodes", "_segments", "_sizes")},
        "split_type": [0] * nodes,  # no column is categorical
        "id": number,
        "parents": parents(arrays["left_children"], arrays["right_children"], number),
        "tree_param": {"num_deleted": "0", "num_feature": str(width), "num_nodes": str(nodes), "size_leaf_vector": "1"},
    }


def parents(left: npt.NDArray[Any], right: npt.NDArray[Any], number: int) -> list[int]:
    """Returns the parent of each node after checking that the nodes form one tree with node 0 as its root.

    A child has a larger number than its parent, as XGBoost numbers them, so that no path can return to a node; and
    every node but the root is the child of exactly one other, so that every node is reached.
    """
    nodes, inner = len(left), np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    above = np.concatenate([inner, inner])
    if ((left == -1) != (right == -1)).any():
        raise ValueError(f"tree {number}: a node has one child; it must have two or none")
    if ((children <= above) | (children >= nodes)).any():
        raise ValueError(
            f"tree {number}: a child's number must be above its parent's and below the number of nodes, {nodes}"
        )
    if len(children) != nodes - 1 or len(np.unique(children)) != nodes - 1:
        raise ValueError(f"tree {number}: every node but the first must be the child of exactly one other node")
    parents = np.full(nodes, _ROOT_PARENT)
    parents[children] = above
    plain: list[int] = parents.tolist()
    return plain


def _plain(array: npt.NDArray[Any]) -> list[Any]:
    """Returns an array as a list; float32 values as the shortest decimals that XGBoost reads as the same values."""
    if array.dtype.kind == "f":
        return [float(text) for text in array.astype("U")]
    plain: list[Any] = array.tolist()
    return plain
