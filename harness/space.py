"""Declarative search spaces of hyperparameters: plain values that can be listed, hashed and sampled by Optuna.

A space maps names to dimensions::

    space = {"alpha": Float(1e-4, 10, default=1.0, log=True), "depth": Int(2, 8, default=4)}
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    import optuna

Value = float | int | str | bool
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; sampled log-uniformly if ``log`` is true."""

    low: float
    high: float
    default: float
    log: bool = False

    def suggest(self, trial: "optuna.Trial", name: str) -> float:
        """Samples a value with an Optuna trial."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def contains(self, value: object) -> bool:
        """Whether a value is a number in the range; NaN and Boolean values are not."""
        return type(value) in (int, float) and self.low <= value <= self.high  # type: ignore[operator]

    @property
    def requirement(self) -> str:
        """Says what a value must be, for error messages."""
        return f"a number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Int:
    """An integer in [low, high], both included; sampled log-uniformly if ``log`` is true."""

    low: int
    high: int
    default: int
    log: bool = False

    def suggest(self, trial: "optuna.Trial", name: str) -> int:
        """Samples a value with an Optuna trial."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def contains(self, value: object) -> bool:
        """Whether a value is an integer in the range; Boolean values are not."""
        return type(value) is int and self.low <= value <= self.high

    @property
    def requirement(self) -> str:
        """Says what a value must be, for error messages."""
        return f"an integer from {self.low} to {self.high}"


@dataclass(frozen=True)
class Categorical:
    """One of a few choices."""

    choices: tuple[Value, ...]
    default: Value

    def suggest(self, trial: "optuna.Trial", name: str) -> Value:
        """Samples a value with an Optuna trial."""
        return trial.suggest_categorical(name, list(self.choices))  # type: ignore[return-value]

    def contains(self, value: object) -> bool:
        """Whether a value is one of the choices and of the same type."""
        return any(type(choice) is type(value) and choice == value for choice in self.choices)

    @property
    def requirement(self) -> str:
        """Says what a value must be, for error messages."""
        return f"one of {', '.join(map(repr, self.choices))}"


Dimension = Float | Int | Categorical
Space = Mapping[str, Dimension]


def check_space(owner: str, space: Space) -> None:
    """Checks that every dimension has a non-empty range and a default within it.

    Raises:
        UserError: a dimension is invalid; the message names the owner, the dimension and the mistake.
    """
    for name, dimension in space.items():
        where = f"{owner}: space[{name!r}]"
        if isinstance(dimension, Categorical):
            if dimension.default not in dimension.choices:
                raise UserError(f"{where}: the default {dimension.default!r} is not among {dimension.choices}.")
        elif isinstance(dimension, Float | Int):
            if not dimension.low < dimension.high:
                raise UserError(f"{where}: low ({dimension.low}) must be below high ({dimension.high}).")
            if not dimension.low <= dimension.default <= dimension.high:
                raise UserError(
                    f"{where}: the default {dimension.default} is outside [{dimension.low}, {dimension.high}]."
                )
            if dimension.log and dimension.low <= 0:
                raise UserError(f"{where}: with log=True, low must be above 0, not {dimension.low}.")
        else:
            raise UserError(f"{where} is {dimension!r}; it must be a Float, an Int or a Categorical.")


def defaults(space: Space) -> dict[str, Value]:
    """Returns the default configuration, which is trial 0 of every tuning."""
    return {name: dimension.default for name, dimension in space.items()}


def draw(space: Space, trial: "optuna.Trial") -> dict[str, Value]:
    """Samples a configuration with an Optuna trial."""
    return {name: dimension.suggest(trial, name) for name, dimension in space.items()}


def size(space: Space) -> float:
    """Returns the number of configurations; infinite if there is a `Float` dimension."""
    counts = (
        len(d.choices) if isinstance(d, Categorical) else (d.high - d.low + 1 if isinstance(d, Int) else math.inf)
        for d in space.values()
    )
    return math.prod(counts)


def describe(space: Space) -> dict[str, dict[str, Any]]:
    """Returns the space as plain JSON values, for cell keys, golden hashes and ``harness list``."""
    return {name: {"kind": type(d).__name__, **asdict(d)} for name, d in sorted(space.items())}
