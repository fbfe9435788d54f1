"""The types of a record's fields: text that a file can hold, and numbers that are finite and in range.

A record is written by one program and read by others, and may have been edited in between, so every field says what it
may hold. Each type refuses a value with one message; `harness.records.store` adds the file and the place.
"""

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from harness.safe_text import encodable

_MOST_LEVELS = 20  # nested lists and objects of a plain value
_LARGEST = 2**53  # integers up to here are exact in every JSON reader
_METRIC_TOLERANCE = 1e-6  # rounding beyond -1 and 1


class StrictModel(BaseModel):
    """A model without unknown fields, NaN or infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _text(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def _plain(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """Returns a value of numbers, text, lists and dictionaries of them, with its text encodable."""
    if not levels:
        raise ValueError(f"it is nested more than {_MOST_LEVELS} levels deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, int) and abs(value) < 2**64:
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {encodable(str(name)): _plain(inner, levels - 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, levels - 1) for inner in value]
    raise ValueError("it must consist of text, finite numbers below 2**64, lists and objects")


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("a name occurs more than once")
    return values


def _sorted(values: list[str]) -> list[str]:
    if any(one >= other for one, other in pairwise(values)):
        raise ValueError("they are not sorted, or a name occurs more than once")
    return values


def _metrics(values: dict[str, float]) -> dict[str, float]:
    for name, value in values.items():
        if name == "rows":
            if not 0 < value <= _LARGEST:
                raise ValueError("rows must be above 0")
        elif abs(value) > 1 + _METRIC_TOLERANCE:
            raise ValueError(f"{name} must be from -1 to 1")
    return values


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[Text, Field(min_length=1)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Positive = Annotated[int, Field(ge=1, le=_LARGEST)]
Integer = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Amount = Annotated[float, Field(ge=0, le=1e12)]  # seconds or megabytes
Duration = Annotated[float, Field(gt=0, le=1e12)]  # seconds
Share = Annotated[float, Field(ge=0, le=1)]
Metrics = Annotated[dict[Name, float], AfterValidator(_metrics)]
Plain = Annotated[dict[str, Any], BeforeValidator(_plain)]
DistinctNames = Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]
SortedNames = Annotated[list[Name], AfterValidator(_sorted)]
