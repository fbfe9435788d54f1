"""Reads JSON of files that others wrote: only what the standard defines, and one value per key."""

import json
from typing import Any


def loads(content: bytes | str) -> Any:
    """Returns the value of a JSON text.

    Unlike `json.loads` it refuses NaN and infinities, and objects with a key twice, of which readers take either value.

    Raises:
        ValueError: the text is not JSON, is nested too deeply, or has a number that Python does not read.
    """
    try:
        return json.loads(content, parse_constant=_refuse, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has the key {next(name for name in names if names.count(name) > 1)} more than once")
    return values
