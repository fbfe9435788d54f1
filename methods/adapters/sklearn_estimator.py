"""``sklearn:MODULE:FACTORY``: a user's scikit-learn estimator or pipeline; ranked if it has a search space."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from harness import (
    AdaptedMethod,
    Categorical,
    Context,
    Dimension,
    MethodRef,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    hashing,
    nearest,
    register_method_family,
)

from ..base.answers import AdapterError, Labels


@register_method_family(
    "sklearn",
    version=1,
    argument="MODULE:FACTORY",
    kinds="ranked or fixed",
    summary="your own scikit-learn estimator or pipeline; ranked if it has a search space",
    requires=("sklearn",),
)
class ScikitLearn(AdaptedMethod):
    """Fits the estimator that the factory returns on byte strings and class names, a new one in each trial."""

    def __init__(self, ref: MethodRef, factory: Callable[..., Any] | None = None) -> None:
        super().__init__(ref)
        self._module: ModuleType | None = None
        if factory is None:
            factory = self._import_factory(ref)
        self._factory = factory
        self.space = _space(ref, getattr(factory, "space", getattr(self._module, "space", {})))
        if self.space:
            self.kind = "ranked"

    def _import_factory(self, ref: MethodRef) -> Callable[..., Any]:
        self._name, colon, attribute = ref.argument.partition(":")
        if not (colon and self._name and attribute):
            raise UserError(f"--method {ref}: the form is sklearn:MODULE:FACTORY, as in sklearn:my_model:pipeline.")
        self._module = _load(ref, self._name)
        factories = [name for name, value in vars(self._module).items() if callable(value) and not name.startswith("_")]
        if not hasattr(self._module, attribute):
            raise UserError(f"--method {ref}: {self._name} has no {attribute}; {nearest(attribute, factories)}")
        factory: Callable[..., Any] = getattr(self._module, attribute)
        if not callable(factory):
            raise UserError(
                f"--method {ref}: {attribute} is of type {type(factory).__name__}; a function or class that returns "
                "an unfitted estimator is required."
            )
        return factory

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`; an estimator that was passed as an object has no module."""
        module, colon, _ = ref.argument.partition(":")
        return f"the module {module}" if colon else ""

    @classmethod
    def from_object(cls, ref: MethodRef, value: Any) -> "ScikitLearn | None":
        """Returns a method around an unfitted estimator, or around a function or class that returns one."""
        if hasattr(value, "fit") and hasattr(value, "predict") and not isinstance(value, type):
            method = cls(ref, _Copies(value))
        elif callable(value):
            method = cls(ref, value)
        else:
            return None
        method.in_memory = True
        method.origin = getattr(value, "__module__", "")
        return method

    def content(self) -> Mapping[str, Any]:
        """Returns the labels and a hash of the module's file or of the in-memory object's code, without its imports."""
        if self.in_memory:
            code = self._factory.digest() if isinstance(self._factory, _Copies) else hashing.of_code(self._factory)
            return {"code": code, "labels": dict(self.ref.labels)}
        file = self._file()
        return {"digest": hashing.of_file(file) if file else "", "labels": dict(self.ref.labels)}

    def files(self) -> Mapping[str, Path]:
        """Returns the module's file if it is in the current folder; an installed module must be on every machine."""
        file = self._file()
        return {self._name: file} if file and file.is_relative_to(Path.cwd()) else {}

    def _file(self) -> Path | None:
        name = getattr(self._module, "__file__", None)
        return Path(name).absolute() if name else None

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Calls the factory with the parameters and fits the estimator that it returns."""
        estimator = self._factory(**params)
        if missing := [name for name in ("fit", "predict") if not hasattr(estimator, name)]:
            raise AdapterError(f"the factory returned {type(estimator).__name__}, which has no {missing[0]}")
        _seed(estimator, context.seed)
        names = np.array([threat_class.name for threat_class in context.classes])
        estimator.fit(_items(train.payloads), names[train.labels])
        context.count(len(train), 1)
        return _EstimatorPredictor(estimator, Labels(self.ref.labels, train, context))


class _Copies:
    """A factory of unfitted copies of one estimator, which has no search space of its own."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __call__(self) -> Any:
        from sklearn.base import clone

        return clone(self._estimator)

    def digest(self) -> str:
        """Returns a hash of the estimator's type and of all its parameters, functions by their code."""
        lines = [f"{type(self._estimator).__module__} {type(self._estimator).__qualname__}"]
        parameters = self._estimator.get_params(deep=True) if hasattr(self._estimator, "get_params") else {}
        for name, value in sorted(parameters.items()):
            is_code = isinstance(value, FunctionType | type)
            # The repr of an object without one of its own has its address, which differs between processes.
            text = hashing.of_code(value) if is_code else re.sub(r" at 0x[0-9a-f]+", "", repr(value))
            lines.append(f"{name}={text}")
        return hashing.of_json(lines)


def _load(ref: MethodRef, name: str) -> ModuleType:
    """Imports the module as Python does, the current folder first; on a cluster node from its copy there.

    A module that a record names is imported only if its file has the record's digest, and from the current folder only
    if no other module has its name: a folder of records must not hide an installed module.
    """
    copy = ref.local_paths.get(name)
    folder = Path.cwd() if copy is None else copy.parents[name.count(".")]
    if ref.digest is not None:
        _check_digest(ref, name, copy or _find(name, folder))
    if str(folder) not in sys.path:
        sys.path.insert(0 if ref.digest is None else len(sys.path), str(folder))
    try:
        if copy is None or copy == folder.joinpath(*name.split(".")).with_suffix(".py"):
            return importlib.import_module(name)
        return _load_alone(name, copy)
    except Exception as error:
        raise UserError(f"--method {ref}: {name} cannot be imported ({type(error).__name__}: {error}).") from error


def _check_digest(ref: MethodRef, name: str, file: Path | None) -> None:
    if file is None:
        raise UserError(f"--method {ref}: there is no file of the module {name}; go to the folder that contains it.")
    if (digest := hashing.of_file(file)) != ref.digest:
        expected = f"{ref.digest[:12]}…" if ref.digest else "none"
        raise UserError(
            f"--method {ref}: {file.name} has another digest ({digest[:12]}…) than in the record ({expected}), so it "
            "was not imported."
        )


def _find(name: str, folder: Path) -> Path | None:
    """Returns the file of a module, which is in a folder or installed, without importing it or its packages."""
    top, *_ = name.split(".")
    try:
        spec = importlib.util.find_spec(top) or PathFinder.find_spec(top, [str(folder)])
    except (ImportError, ValueError):  # the name is not one of a module, or that module has no file
        return None
    for end in range(2, name.count(".") + 2):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(name.split(".")[:end]), spec.submodule_search_locations)
    return Path(spec.origin).absolute() if spec is not None and spec.has_location and spec.origin else None


def _load_alone(name: str, file: Path) -> ModuleType:
    """Imports a module of a package whose other files are not on this machine."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _space(ref: MethodRef, value: Any) -> dict[str, Dimension]:
    """Reads a search space: `Dimension` objects, lists of choices (the first is the default), or single values."""
    if not isinstance(value, Mapping):
        raise UserError(
            f"--method {ref}: its space is of type {type(value).__name__}; a mapping of parameters is required."
        )
    space: dict[str, Dimension] = {}
    for name, item in value.items():
        choices = tuple(item) if isinstance(item, list | tuple) else (item,)
        if isinstance(item, Dimension):
            space[str(name)] = item
        elif choices and all(isinstance(choice, float | int | str | None) for choice in choices):
            space[str(name)] = Categorical(cast(Any, choices), default=cast(Any, choices[0]))
        else:
            raise UserError(
                f"--method {ref}: space[{name!r}] is {item!r}; a Float, an Int, a Categorical, or a list of numbers "
                "and strings is required."
            )
    return space


def _seed(estimator: Any, seed: int) -> None:
    """Sets every ``random_state`` that is None, in all steps of a pipeline, to the cell's seed."""
    if not hasattr(estimator, "get_params"):
        return
    names = (n for n, v in estimator.get_params().items() if v is None and n.split("__")[-1] == "random_state")
    if params := dict.fromkeys(names, seed):
        estimator.set_params(**params)


def _items(payloads: Payloads) -> npt.NDArray[np.object_]:
    """Returns payloads as an object array of ``bytes``, (n,), for scikit-learn's text vectorizers and splitters.

    A bytes dtype (``S``) would drop trailing zero bytes.
    """
    items = np.empty(len(payloads), dtype=object)
    items[:] = list(payloads)
    return items


class _EstimatorPredictor(Predictor):
    def __init__(self, estimator: Any, labels: Labels) -> None:
        self._estimator, self._labels = estimator, labels
        functions = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
        self._function = functions[0] if functions and hasattr(estimator, "classes_") else "predict"

    @property
    def notes(self) -> Sequence[str]:
        notes = {
            "decision_function": ["its probabilities are a softmax of decision_function"],
            "predict": ["its probabilities are 1 for what predict says and 0 else"],
        }
        return [*self._labels.notes, *notes.get(self._function, [])]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        items = _items(payloads)
        if self._function == "predict":
            names, codes = np.unique(np.asarray(self._estimator.predict(items)), return_inverse=True)
            _check(codes.shape, (len(items),), "predict")
            return self._labels.table([str(name) for name in names], np.eye(len(names))[codes])
        table = np.asarray(getattr(self._estimator, self._function)(items), dtype=np.float64)
        names = self._estimator.classes_
        if self._function == "decision_function":
            if table.ndim == 1:  # for two classes, scikit-learn returns the score of the second only
                table = np.stack([np.zeros(len(table)), table], axis=1)
            table = np.exp(table - table.max(axis=1, keepdims=True))
            table /= table.sum(axis=1, keepdims=True)
        _check(table.shape, (len(items), len(names)), self._function)
        return self._labels.table([str(name) for name in names], table)


def _check(shape: tuple[int, ...], expected: tuple[int, ...], function: str) -> None:
    if shape != expected:
        raise AdapterError(f"{function} returned shape {shape}; {expected} is required")
