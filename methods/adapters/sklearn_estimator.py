"""``sklearn:MODULE:FACTORY``: a scikit-learn estimator or pipeline of the user's, ranked where it brings a space."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping, Sequence
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
    summary="your own scikit-learn estimator or pipeline; ranked where it brings a space",
    requires=("sklearn",),
)
class ScikitLearn(AdaptedMethod):
    """What the factory returns is fitted on byte strings and class names, one estimator per trial."""

    def __init__(self, ref: MethodRef, factory: Callable[..., Any] | None = None) -> None:
        super().__init__(ref)
        self._module: ModuleType | None = None
        if factory is None:
            factory = self._imported(ref)
        self._factory = factory
        self.space = _space(ref, getattr(factory, "space", getattr(self._module, "space", {})))
        if self.space:
            self.kind = "ranked"

    def _imported(self, ref: MethodRef) -> Callable[..., Any]:
        self._name, colon, attribute = ref.argument.partition(":")
        if not (colon and self._name and attribute):
            raise UserError(f"--method {ref}: it must read sklearn:MODULE:FACTORY, as in sklearn:my_model:pipeline.")
        self._module = _load(ref, self._name)
        known = [name for name, value in vars(self._module).items() if callable(value) and not name.startswith("_")]
        if not hasattr(self._module, attribute):
            raise UserError(f"--method {ref}: {self._name} has no {attribute}; {nearest(attribute, known)}")
        factory: Callable[..., Any] = getattr(self._module, attribute)
        if not callable(factory):
            raise UserError(
                f"--method {ref}: {attribute} is {type(factory).__name__}; a function or class that returns an "
                "unfitted estimator is needed."
            )
        return factory

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
        return method

    def content(self) -> Mapping[str, Any]:
        """The bytes of the module's own file, or the code of an object in memory; what it imports is not seen."""
        if self.in_memory:
            code = self._factory.digest() if isinstance(self._factory, _Copies) else hashing.of_code(self._factory)
            return {"code": code, "labels": dict(self.ref.labels)}
        file = self._file()
        return {"digest": hashing.of_file(file) if file else "", "labels": dict(self.ref.labels)}

    def files(self) -> Mapping[str, Path]:
        """The module's file where it lies in the current folder; an installed one is expected everywhere."""
        file = self._file()
        return {self._name: file} if file and file.is_relative_to(Path.cwd()) else {}

    def _file(self) -> Path | None:
        name = getattr(self._module, "__file__", None)
        return Path(name).absolute() if name else None

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Fits what the factory returns for these parameters."""
        estimator = self._factory(**params)
        if missing := [name for name in ("fit", "predict") if not hasattr(estimator, name)]:
            raise AdapterError(f"the factory returned {type(estimator).__name__}, which has no {missing[0]}")
        _seed(estimator, context.seed)
        names = np.array([threat_class.name for threat_class in context.classes])
        estimator.fit(_items(train.payloads), names[train.labels])
        context.count(len(train), 1)
        return _Fitted(estimator, Labels(self.ref.labels, train, context))


class _Copies:
    """A factory of unfitted copies of one estimator, which has no search space of its own."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __call__(self) -> Any:
        from sklearn.base import clone

        return clone(self._estimator)

    def digest(self) -> str:
        """Returns a hash of the estimator's type and of all its parameters, functions by their code."""
        described = [f"{type(self._estimator).__module__} {type(self._estimator).__qualname__}"]
        parameters = self._estimator.get_params(deep=True) if hasattr(self._estimator, "get_params") else {}
        for name, value in sorted(parameters.items()):
            is_code = isinstance(value, FunctionType | type)
            text = hashing.of_code(value) if is_code else re.sub(r" at 0x[0-9a-f]+", "", repr(value))
            described.append(f"{name}={text}")
        return hashing.of_json(described)


def _load(ref: MethodRef, name: str) -> ModuleType:
    """Imports the module as Python does: from the current folder first, or from where it was sent."""
    sent = ref.local_paths.get(name)
    folder = Path.cwd() if sent is None else sent.parents[name.count(".")]
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        if sent is None or sent == folder.joinpath(*name.split(".")).with_suffix(".py"):
            return importlib.import_module(name)
        return _load_alone(name, sent)
    except Exception as error:
        raise UserError(f"--method {ref}: {name} cannot be imported ({type(error).__name__}: {error}).") from error


def _load_alone(name: str, file: Path) -> ModuleType:
    """Imports a module of a package of which there is nothing else here."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _space(ref: MethodRef, given: Any) -> dict[str, Dimension]:
    """Reads a search space: our dimensions, lists of choices (the first is the default), or single values."""
    if not isinstance(given, Mapping):
        raise UserError(f"--method {ref}: its space is {type(given).__name__}; a mapping of parameters is needed.")
    found: dict[str, Dimension] = {}
    for name, value in given.items():
        choices = tuple(value) if isinstance(value, list | tuple) else (value,)
        if isinstance(value, Dimension):
            found[str(name)] = value
        elif choices and all(isinstance(choice, float | int | str | None) for choice in choices):
            found[str(name)] = Categorical(cast(Any, choices), default=cast(Any, choices[0]))
        else:
            raise UserError(
                f"--method {ref}: space[{name!r}] is {value!r}; a Float, an Int, a Categorical, or a list of numbers "
                "and texts is needed."
            )
    return found


def _seed(estimator: Any, seed: int) -> None:
    """Gives the cell's seed to every part that would draw another number each time."""
    if not hasattr(estimator, "get_params"):
        return
    unset = (n for n, v in estimator.get_params().items() if v is None and n.split("__")[-1] == "random_state")
    if chosen := dict.fromkeys(unset, seed):
        estimator.set_params(**chosen)


def _items(payloads: Payloads) -> npt.NDArray[np.object_]:
    """The payloads as an object array of ``bytes``, which scikit-learn's text vectorizers and its splitters take."""
    items = np.empty(len(payloads), dtype=object)
    items[:] = list(payloads)
    return items


class _Fitted(Predictor):
    def __init__(self, estimator: Any, labels: Labels) -> None:
        self._estimator, self._labels = estimator, labels
        known = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
        self._way = known[0] if known and hasattr(estimator, "classes_") else "predict"

    @property
    def notes(self) -> Sequence[str]:
        how = {
            "decision_function": ["its probabilities are a softmax of decision_function"],
            "predict": ["its probabilities are 1 for what predict says and 0 else"],
        }
        return [*self._labels.notes, *how.get(self._way, [])]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        items = _items(payloads)
        if self._way == "predict":
            names, codes = np.unique(np.asarray(self._estimator.predict(items)), return_inverse=True)
            _check(codes.shape, (len(items),), "predict")
            return self._labels.table([str(name) for name in names], np.eye(len(names))[codes])
        table = np.asarray(getattr(self._estimator, self._way)(items), dtype=np.float64)
        names = self._estimator.classes_
        if self._way == "decision_function":
            if table.ndim == 1:  # two classes: the score of the second
                table = np.stack([np.zeros(len(table)), table], axis=1)
            table = np.exp(table - table.max(axis=1, keepdims=True))
            table /= table.sum(axis=1, keepdims=True)
        _check(table.shape, (len(items), len(names)), self._way)
        return self._labels.table([str(name) for name in names], table)


def _check(shape: tuple[int, ...], needed: tuple[int, ...], what: str) -> None:
    if shape != needed:
        raise AdapterError(f"{what} returned shape {shape}, {needed} is needed")
