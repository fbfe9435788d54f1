"""A forest of classification trees as arrays: predicts with NumPy, and is loaded from a file that anyone may have made.

scikit-learn's own trees can only be saved as pickles, and its prediction follows whatever node a tree names. So the
trees are copied into arrays after training, saved as such, and checked when they are loaded. A fitted forest predicts
from the same arrays, so that the saved one gives equal bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import predictor_files

from .boosted_trees import parents

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_FILE = "forest"
_LARGEST = 2**31 - 1
_LEAF = -1
_BLOCK_CELLS = 2**22  # of a dense block of rows, and of the places in all trees of these rows
_SHARE_ERROR = 1e-6  # the shares of a leaf are float32


@dataclass(frozen=True)
class Forest:
    """Trees whose nodes follow each other; a prediction is the mean of the class shares of a row's leaves.

    Attributes:
        sizes: int64 (trees,), number of nodes of each tree.
        left, right: int32 (nodes,), children, numbered within the tree; -1 in a leaf.
        columns: int32 (nodes,), the column that an inner node tests; 0 in a leaf.
        thresholds: float64 (nodes,), a row goes left if its value is not larger; 0 in a leaf.
        shares: float32 (leaves, classes), class shares of the training rows in each leaf, in the order of the leaves.
    """

    sizes: npt.NDArray[np.int64]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    thresholds: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float32]

    @classmethod
    def from_sklearn(cls, trees: Iterable[Any], classes: npt.NDArray[np.int64], width: int) -> "Forest":
        """Copies fitted trees of scikit-learn.

        Args:
            trees: `sklearn.tree.DecisionTreeClassifier` objects.
            classes: int64, the class of each column of the trees' class shares.
            width: number of classes; those that the trees do not know have the share 0.
        """
        nodes = [tree.tree_ for tree in trees]
        left = np.concatenate([tree.children_left for tree in nodes]).astype(np.int32)
        is_leaf = left == _LEAF
        counts = np.concatenate([tree.value[:, 0] for tree in nodes])[is_leaf]
        shares = np.zeros((len(counts), width), np.float32)
        shares[:, classes] = counts / counts.sum(axis=1, keepdims=True)
        return cls(
            sizes=np.array([tree.node_count for tree in nodes], np.int64),
            left=left,
            right=np.concatenate([tree.children_right for tree in nodes]).astype(np.int32),
            columns=np.where(is_leaf, 0, np.concatenate([tree.feature for tree in nodes])).astype(np.int32),
            thresholds=np.where(is_leaf, 0.0, np.concatenate([tree.threshold for tree in nodes])),
            shares=shares,
        )

    def on_columns(self, columns: npt.NDArray[np.int64]) -> "Forest":
        """Returns the forest for the whole table, of which it was grown on these columns, in their order."""
        return replace(self, columns=np.where(self.left == _LEAF, 0, columns[self.columns]).astype(np.int32))

    @classmethod
    def load(cls, folder: Path, classes: int, width: int) -> "Forest":
        """Returns the forest that `save` wrote.

        Args:
            folder: of the saved predictor.
            classes: number of classes.
            width: number of columns.

        Raises:
            UserError: the file cannot be read, or does not hold trees with these classes and columns.
        """
        expected = {
            "sizes": predictor_files.ArraySpec("int64", ("trees",), 1, _LARGEST),
            "left": predictor_files.ArraySpec("int32", ("nodes",), _LEAF, _LARGEST),
            "right": predictor_files.ArraySpec("int32", ("nodes",), _LEAF, _LARGEST),
            "columns": predictor_files.ArraySpec("int32", ("nodes",), 0, width - 1),
            "thresholds": predictor_files.ArraySpec("float64", ("nodes",)),
            "shares": predictor_files.ArraySpec("float32", ("leaves", classes), 0, 1),
        }
        forest = cls(**predictor_files.read_arrays(folder, _FILE, expected=expected))
        try:
            forest._check()
        except ValueError as error:
            raise predictor_files.invalid(folder / f"{_FILE}.safetensors", str(error)) from error
        return forest

    def save(self, folder: Path) -> None:
        """Writes the trees to one file."""
        predictor_files.write_arrays(folder, {field.name: getattr(self, field.name) for field in fields(self)}, _FILE)

    def _check(self) -> None:
        """Checks that every walk from a root ends in a leaf with class shares."""
        if not len(self.sizes) or sum(self.sizes.tolist()) != len(self.left):
            raise ValueError(f"there must be at least one tree, and {len(self.left)} nodes in all trees together")
        for number, (start, size) in enumerate(zip(self._roots.tolist(), self.sizes.tolist(), strict=True)):
            parents(self.left[start : start + size], self.right[start : start + size], number)
        if (leaves := int(np.count_nonzero(self.left == _LEAF))) != len(self.shares):
            raise ValueError(f"there are class shares of {len(self.shares)} leaves; the trees have {leaves}")
        if (np.abs(self.shares.sum(axis=1) - 1) > len(self.shares[0]) * _SHARE_ERROR).any():
            raise ValueError("the class shares of a leaf do not sum to 1")

    @cached_property
    def _roots(self) -> npt.NDArray[np.int64]:
        """Number of each tree's root among the nodes of all trees, int64 (trees,)."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def _walk(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """The columns in use, each node's position among them, and its right and left child, int64 (nodes, 2).

        Children are numbered among the nodes of all trees.
        """
        used, positions = np.unique(self.columns, return_inverse=True)
        roots = np.repeat(self._roots, self.sizes)
        children: npt.NDArray[np.int64] = np.stack([self.right + roots, self.left + roots], axis=1)
        return used, positions, children

    def predict(self, table: "csr_array") -> npt.NDArray[np.float32]:
        """Returns the class probabilities of the rows of a table, float32 (n, classes)."""
        used, _, _ = self._walk
        out = np.zeros((table.shape[0], self.shares.shape[1]), np.float32)
        rows = max(1, _BLOCK_CELLS // max(len(used), len(self.sizes) * self.shares.shape[1]))
        for start in range(0, table.shape[0], rows):
            block = table[start : start + rows]
            out[start : start + rows] = self._predict_dense(block[:, used].toarray())
        return out

    def _predict_dense(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predicts from the columns in use, float32 (n, used), by walking down all trees of all rows at once."""
        _, positions, children = self._walk
        is_leaf = self.left == _LEAF
        places = np.tile(self._roots, len(values))  # the node that each row has reached in each tree
        rows = np.repeat(np.arange(len(values)), len(self._roots))
        walking = np.flatnonzero(~is_leaf[places])
        while len(walking):
            nodes = places[walking]
            # As in scikit-learn, values are float32 and thresholds float64.
            goes_left = values[rows[walking], positions[nodes]] <= self.thresholds[nodes]
            places[walking] = nodes = children[nodes, goes_left.astype(np.int8)]
            walking = walking[~is_leaf[nodes]]
        leaves = (np.cumsum(is_leaf) - 1)[places].reshape(len(values), len(self._roots))
        # Float64 sums over the trees in their order: the result of a row does not depend on the other rows.
        means: npt.NDArray[np.float64] = self.shares[leaves].sum(axis=1, dtype=np.float64) / len(self._roots)
        out: npt.NDArray[np.float32] = (means / means.sum(axis=1, keepdims=True)).astype(np.float32)
        return out
