"""Saves and loads a tower and a scorer; the folder may have been made by anyone.

The method builds the tower, not the folder: a saved argument is accepted if it is a hyperparameter within the method's
search space, or equal to what the method uses. So a folder can name neither another encoder nor a size of its own.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness import Context, Params, Space, UserError, predictor_files, space

from .scorers import Scorer
from .towers import Tower

_PARTS = "model"  # a JSON file: for tower and scorer the name of the class and the arguments of its constructor


def save(folder: Path, tower: Tower, scorer: Scorer) -> None:
    """Writes the constructor arguments of tower and scorer, and their weights."""
    from safetensors.torch import save_file

    parts: dict[str, Tower | Scorer] = {"tower": tower, "scorer": scorer}
    described = {name: [type(part).__name__, part.arguments] for name, part in parts.items()}
    (folder / f"{_PARTS}.json").write_text(json.dumps(described), encoding="utf-8")
    for name, part in parts.items():
        save_file({k: v.contiguous() for k, v in part.state_dict().items()}, folder / f"{name}.safetensors")


def load(folder: Path, build: Callable[[Params], Tower], search_space: Space, context: Context) -> tuple[Tower, Scorer]:
    """Returns the tower and the scorer that `save` wrote.

    Args:
        folder: folder of the saved predictor.
        build: returns the untrained tower of a configuration.
        search_space: of the method.
        context: its classes are those of the scorer.

    Raises:
        UserError: a file is damaged, or does not describe a predictor of this method.
    """
    parts = predictor_files.read_values(folder, _PARTS)
    path = folder / f"{_PARTS}.json"
    tower = _tower(path, _part(path, parts, "tower"), build, search_space)
    _load_weights(tower, folder / "tower.safetensors")
    scorer = _scorer(path, _part(path, parts, "scorer"), tower.width, len(context.classes))
    _load_weights(scorer, folder / "scorer.safetensors")
    try:
        scorer.check()
    except ValueError as error:
        raise predictor_files.invalid(folder / "scorer.safetensors", str(error)) from error
    return tower, scorer


def _part(path: Path, parts: Mapping[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Returns the class name and the arguments of a part."""
    match parts.get(name):
        case [str(kind), dict(arguments)]:
            return kind, arguments
    raise predictor_files.invalid(path, f"{name} must be a list of a name and an object of arguments")


def _tower(path: Path, part: tuple[str, dict[str, Any]], build: Callable[[Params], Tower], known: Space) -> Tower:
    kind, arguments = part
    searched = {name: value for name, value in arguments.items() if name in known}
    for name, value in searched.items():
        _check_argument(path, f"tower/{name}", value, known[name])
    tower = build({**space.defaults(known), **searched})
    if kind != type(tower).__name__:
        raise predictor_files.invalid(path, f"tower is {kind!r}; it must be {type(tower).__name__!r}")
    _check_equal(path, "tower", arguments, tower.arguments)
    return tower


def _scorer(path: Path, part: tuple[str, dict[str, Any]], width: int, classes: int) -> Scorer:
    """Returns a scorer whose tensors have shapes but no values and no memory yet (they are on the device ``meta``)."""
    kind, arguments = part
    if kind not in Scorer.KINDS:
        raise predictor_files.invalid(path, f"scorer is {kind!r}; it must be one of {', '.join(sorted(Scorer.KINDS))}")
    limits = Scorer.KINDS[kind].LIMITS
    _check_equal(path, "scorer", arguments, {"width": width, "classes": classes}, limits)
    for name, dimension in limits.items():
        _check_argument(path, f"scorer/{name}", arguments[name], dimension)
    try:
        with torch.device("meta"):
            return Scorer.KINDS[kind](**arguments)
    except ValueError as error:
        raise predictor_files.invalid(path, str(error)) from error


def _check_argument(path: Path, name: str, value: Any, dimension: Any) -> None:
    if not dimension.contains(value):
        raise predictor_files.invalid(path, f"{name} is {str(value)[:60]}; it must be {dimension.requirement}")


def _check_equal(
    path: Path, part: str, arguments: Mapping[str, Any], fixed: Mapping[str, Any], other: Space | None = None
) -> None:
    """Checks that the arguments are the fixed ones and those named in ``other``, whose values are checked elsewhere."""
    names = {*fixed, *(other or {})}
    if different := sorted(names ^ set(arguments)):
        problem = "is missing" if different[0] in names else "is unknown"
        raise predictor_files.invalid(path, f"{part}/{different[0]} {problem}")
    for name, value in fixed.items():
        if type(arguments[name]) is not type(value) or arguments[name] != value:
            text = str(arguments[name])[:60]
            raise predictor_files.invalid(path, f"{part}/{name} is {text}; it must be {value}")


def _load_weights(part: nn.Module, path: Path) -> None:
    """Gives a module the weights of a file, after comparing names, dtypes and shapes with those of the module.

    Raises:
        UserError: the file is damaged, does not fit the module, or contains NaN or infinite values.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is not a complete safetensors file ({error}).") from error
    expected = part.state_dict()
    if different := sorted(set(expected) ^ set(weights)):
        problem = "is missing" if different[0] in expected else "is unknown"
        raise predictor_files.invalid(path, f"the array {different[0]} {problem}")
    for name, tensor in expected.items():
        saved = weights[name]
        if (saved.dtype, saved.shape) != (tensor.dtype, tensor.shape):
            problem = f"is {_described(saved)}; it must be {_described(tensor)}"
            raise predictor_files.invalid(path, f"the array {name} {problem}")
        if not torch.isfinite(saved).all():
            raise predictor_files.invalid(path, f"the array {name} contains NaN or infinite values")
    part.load_state_dict(weights, assign=True)


def _described(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
