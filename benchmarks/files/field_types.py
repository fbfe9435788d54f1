"""Converts the values of mapped columns to the types of the corpus, or reports why a value is not valid."""

import base64
import binascii
import datetime
import decimal
import functools
import re
from collections.abc import Callable
from typing import Any

from harness import taxonomy, values

MAX_PAYLOAD_BYTES = 16 * 2**20  # bytes of a payload
FIELDS = ("payload", "label", "id", "group", "date", "description", "cve", "vendor", "product", "source", "technique")
CUE = re.compile(r"cue\.[A-Za-z0-9._-]+")
_MAX_REMEMBERED = 200  # characters of a text whose conversion is kept
_LARGE = 2**53  # from here on, floats skip integers
_QUOTED_LIST = re.compile(r"""\s*\[\s*(?:(['"]).*\1\s*)?\]\s*""", re.DOTALL)
_QUOTED_ITEMS = re.compile(r"""'([^']*)'|"([^"]*)\"""")


def spelling(value: Any) -> str:
    """Returns a value as it is written in ``--where``: true and false as in JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool) else str(value)


def text(value: Any, what: str = "the text") -> str | None:
    """Returns a value as text; None if it is empty, NaN or an empty list. A list of one value is that value.

    A whole number is written without decimal places, since programs turn the integers of a column with missing values
    into decimal numbers.

    Args:
        value: from any reader.
        what: what the value is, for an error.

    Raises:
        ValueError: it is a list of several values or an object, is not valid UTF-8, or contains a lone surrogate.
    """
    if value.__class__ is str and value.isascii():  # by far the most frequent case
        return value or None
    if isinstance(value, bytes):
        try:
            return value.decode() or None
        except UnicodeDecodeError as error:
            raise ValueError(f"{what} {value.decode('utf-8', 'replace')[:20]!r} is not UTF-8") from error
    if not isinstance(value, str):
        if isinstance(value, list | tuple) and len(value) == 1:
            return text(value[0], what)
        if values.is_null(value) or value in ([], ()):
            return None
        if isinstance(value, list | tuple):
            raise ValueError(f"{what} is a list of {len(value)} values; one is needed")
        if isinstance(value, dict):
            raise ValueError(f"{what} is an object with keys; a text or a number is needed")
        if isinstance(value, float | decimal.Decimal) and -_LARGE < value < _LARGE and value == int(value):
            return str(int(value))
        value = spelling(value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{what} {value[:20]!r} contains a lone surrogate") from error
    return value or None


def has_value(value: Any) -> bool:
    """Whether a value is not missing, as ``--where COLUMN=?`` asks."""
    if isinstance(value, list | tuple):
        return any(map(has_value, value))
    return not values.is_null(value) and not values.is_missing(spelling(value))


def remembered(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns the same conversion with the results of short texts kept, which repeat in columns of labels and dates.

    Without this, reading a CSV file would take three times as long.
    """
    remember = functools.lru_cache(maxsize=4096)(convert)

    def result(value: Any) -> Any:
        kept = value.__class__ in (bytes, str) and len(value) <= _MAX_REMEMBERED
        return remember(value) if kept else convert(value)

    return result


def _description(value: Any) -> str | None:
    out = text(value, "the description")
    return None if out is None or values.is_missing(out) else out


def _cve(value: Any) -> str | None:
    """Returns the text of one CVE or of a list of CVEs, of which a row may name several."""
    items = value if isinstance(value, list) else [value]
    return " ".join(filter(None, (text(item, "the CVE") for item in items))) or None


def _name(value: Any, what: str) -> str | None:
    out = text(value, what)
    return None if out is None else values.unit(out)


def _cue(value: Any) -> str | None:
    out = text(value, "the cue")
    return None if out is None or values.is_missing_label(out) else out


def _id(value: Any) -> str:
    out = text(value, "the id")
    if out is None or values.is_missing_label(out):
        raise ValueError("the id is missing")
    return out


def _parsed_list(value: Any) -> Any:
    """Returns the items of a list that is written into a text, as pandas writes it into CSV files; else the value."""
    string = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if isinstance(string, str) and len(string) <= _MAX_REMEMBERED and _QUOTED_LIST.fullmatch(string):
        return [single or double for single, double in _QUOTED_ITEMS.findall(string)]
    return value


def _label(value: Any) -> str:
    out = text(_parsed_list(value), "the label")
    name = None if out is None else values.label(out)
    if name is None:
        raise ValueError("the label is missing")
    return name


def _threat_class(value: Any) -> str:
    """Returns the class of a CWE or of a class name in any common spelling; other labels do not change."""
    value = _parsed_list(value)
    if isinstance(value, list) and len(value) > 1:
        return _common_class([name for item in value if (name := text(item, "the label")) is not None])
    out = _label(value)
    return taxonomy.class_named(out) or out


def _common_class(names: list[str]) -> str:
    """Returns the one class of several labels: CWEs of which one may have none, or names of the same class."""
    if all(re.search("cwe", name, re.I) for name in names):
        found = taxonomy.class_named(" ".join(names))
    else:
        classes = list(map(taxonomy.class_named, names))
        found = None if None in classes else taxonomy.most_specific(filter(None, classes))
    if found is None:
        raise ValueError(f"the label is a list of {len(names)} values that do not name one class of the taxonomy")
    return found


def _payload(value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes) or not value:
        raise ValueError("the payload is missing or not text")
    return _check_length(value)


def _payload_text(value: Any) -> str:
    out = text(value, "the payload")
    if out is None:
        raise ValueError("it is missing")
    return out


def _from_base64(value: Any) -> bytes:
    try:
        return _check_length(base64.b64decode("".join(_payload_text(value).split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the payload is not base64 ({error})") from error


def _from_hex(value: Any) -> bytes:
    try:
        return _check_length(bytes.fromhex(_payload_text(value)))
    except ValueError as error:
        raise ValueError(f"the payload is not hexadecimal ({error})") from error


def _check_length(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the payload has {len(payload) / 2**20:.0f} MiB; the limit is {MAX_PAYLOAD_BYTES >> 20} MiB")
    return payload


def _date(value: Any) -> datetime.date | None:
    if isinstance(value, datetime.date) or values.is_null(value):
        return values.day(value)
    out = text(value, "the date")
    return None if out is None else values.day(out)


# For each field of --map: its column in the corpus, and the function that converts its values. `Corpus.create` gives
# units, such as CVEs and vendors, one spelling.
CONVERTERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    **{field: (field, functools.partial(text, what=f"the {field}")) for field in FIELDS},
    "id": ("sample", _id),
    "payload": ("payload", _payload),
    "payload.base64": ("payload", _from_base64),
    "payload.hex": ("payload", _from_hex),
    "label": ("label", remembered(_label)),
    "label.taxonomy": ("label", remembered(_threat_class)),
    "cve": ("cve", _cve),
    "description": ("description", _description),
    "vendor": ("vendor", remembered(functools.partial(_name, what="the vendor"))),
    "product": ("product", remembered(functools.partial(_name, what="the product"))),
    "date": ("date", remembered(_date)),
}


def converter(field: str) -> tuple[str, Callable[[Any], Any]]:
    """Returns the corpus column of a field of ``--map``, and the function that converts its values."""
    return CONVERTERS.get(field) or (field, _cue)
