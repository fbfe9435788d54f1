"""Reads JSON of files that others wrote: within a limit of memory, and only what the standard defines.

A JSON text can take a hundred times its size as Python objects, so its values are counted before they are made.
"""

import json
import sys
from typing import Any

import numpy as np

from harness.storage.bounded import TooLarge, in_words

MEMORY = 2**30  # bytes that the values of a text may take as Python objects

# Bytes of memory that a character outside of strings can cost, measured with CPython 3.11: `[0]`, `{"": 0}`, and an
# integer or a short string with its place in a list.
_COSTS = {ord("["): 112, ord("{"): 208, ord(","): 80}
_LARGEST_COST = max(_COSTS.values())


def loads(content: bytes | str, memory: int = MEMORY, strict: bool = True) -> Any:
    """Returns the value of a JSON text.

    Args:
        content: the text.
        memory: most bytes that its values may take.
        strict: refuse NaN, infinities, and objects with a key twice, of which readers take either value. Data files
            have NaN for missing values, so their readers do without.

    Raises:
        TooLarge: the values can take more than ``memory`` bytes.
        ValueError: the text is not JSON, is nested too deeply, or has an integer that is too long.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(data) * _LARGEST_COST > memory:  # rarely, so nothing is counted for a usual line
        _check_memory(data, memory)
    try:
        if strict:
            return json.loads(content, parse_constant=_refuse, object_pairs_hook=_object)
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "int_max_str_digits" not in str(error) and "integer string" not in str(error):
            raise
        # Python's advice is to raise its limit.
        raise ValueError(f"it has an integer of more than {sys.get_int_max_str_digits()} digits") from error


def _check_memory(data: bytes, memory: int) -> None:
    # The text, and the strings of the values, have one to four bytes per character, as the widest character needs.
    text = len(data) * (1 + 2 * _width(data))
    if text + sum(cost * data.count(character) for character, cost in _COSTS.items()) <= memory:
        return
    if text + _structure_cost(data) > memory:
        raise TooLarge(f"takes more than {in_words(memory)} of memory as JSON values")


def _width(data: bytes) -> int:
    if b"\\u" in data:
        return 4
    highest = int(np.frombuffer(data, np.uint8).max(initial=0))
    return 4 if highest >= 0xF0 else 2 if highest >= 0xC4 else 1


def _structure_cost(data: bytes) -> int:
    """Returns the cost of the characters outside of strings, where commas and brackets have no meaning."""
    plain = np.frombuffer(data.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    outside = ~np.logical_xor.accumulate(plain == ord('"'))
    return sum(cost * int(np.count_nonzero(outside & (plain == character))) for character, cost in _COSTS.items())


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        seen = set[str]()
        repeated = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"it has the key {repeated} more than once")
    return values
