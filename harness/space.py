"""Declarative search spaces: plain values that can be listed, hashed and drawn from by Optuna."""

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
    """A real number in [low, high], drawn log-uniformly when ``log`` is true."""

    low: float
    high: float
    default: float
    log: bool = False

    def suggest(self, trial: "optuna.Trial", name: str) -> float:
        """Draws a value through Optuna."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Int:
    """An integer in [low, high], both included, drawn log-uniformly when ``log`` is true."""

    low: int
    high: int
    default: int
    log: bool = False

    def suggest(self, trial: "optuna.Trial", name: str) -> int:
        """Draws a value through Optuna."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Categorical:
    """One of a few named choices."""

    choices: tuple[Value, ...]
    default: Value

    def suggest(self, trial: "optuna.Trial", name: str) -> Value:
        """Draws a value through Optuna."""
        return trial.suggest_categorical(name, list(self.choices))  # type: ignore[return-value]


Dimension = Float | Int | Categorical
Space = Mapping[str, Dimension]


def check_space(owner: str, space: Space) -> None:
    """Refuses a dimension whose bounds are empty or whose default lies outside them.

    Raises:
        UserError: naming the owner, the dimension and what is wrong.
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
                raise UserError(f"{where}: a logarithmic range must begin above 0, not at {dimension.low}.")
        else:
            raise UserError(f"{where} is {dimension!r}; a Float, an Int or a Categorical is needed.")


def defaults(space: Space) -> dict[str, Value]:
    """Returns the default configuration, which is trial 0 of every search."""
    return {name: dimension.default for name, dimension in space.items()}


def draw(space: Space, trial: "optuna.Trial") -> dict[str, Value]:
    """Draws one configuration through an Optuna trial."""
    return {name: dimension.suggest(trial, name) for name, dimension in space.items()}


def size(space: Space) -> float:
    """Returns the number of configurations, infinite when a real number is searched."""
    counts = (
        len(d.choices) if isinstance(d, Categorical) else (d.high - d.low + 1 if isinstance(d, Int) else math.inf)
        for d in space.values()
    )
    return math.prod(counts)


def describe(space: Space) -> dict[str, dict[str, Any]]:
    """Returns the space as plain JSON values, for keys, golden hashes and ``harness list``."""
    return {name: {"kind": type(d).__name__, **asdict(d)} for name, d in sorted(space.items())}
