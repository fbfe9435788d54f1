"""Helper functions of time. The present is one fixed instant, so that a corpus is the same in every build."""

import datetime
import re

from .values import Value, to_string

NOW = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
# Directives of date_time, and the parts of a layout of Go's ``time.Format``: each is the reference time's own value.
_DIRECTIVES = {
    "Y": "%Y",
    "y": "%Y",
    "M": "%m",
    "D": "%d",
    "d": "%d",
    "H": "%H",
    "h": "%H",
    "m": "%M",
    "S": "%S",
    "s": "%S",
}
_LAYOUT = {
    "2006": "%Y",
    "January": "%B",
    "Jan": "%b",
    "Monday": "%A",
    "Mon": "%a",
    "MST": "UTC",
    "Z07:00": "Z",
    "-07:00": "+00:00",
    "-0700": "+0000",
    "01": "%m",
    "02": "%d",
    "03": "%I",
    "04": "%M",
    "05": "%S",
    "06": "%y",
    "15": "%H",
    "PM": "%p",
}
_UNPADDED = {"1": "month", "2": "day", "3": "hour", "4": "minute", "5": "second"}
_PARTS = re.compile("|".join(map(re.escape, [*_LAYOUT, *_UNPADDED])))


def unix_time(seconds: Value = 0.0) -> float:
    """Returns the seconds since 1970 of an instant that many seconds after `NOW`."""
    if not isinstance(seconds, float):
        raise TypeError("not a number")
    return NOW.timestamp() + int(seconds)


def date_time(layout: Value, seconds: Value | None = None) -> str:
    """Returns an instant in UTC, formatted by directives (``%Y-%M-%D %H:%m:%S``) or by a layout of Go.

    Args:
        layout: the directives or the layout.
        seconds: since 1970; by default those of `NOW`.

    Raises:
        ValueError: a directive is unknown, or the seconds are out of range.
    """
    moment = (
        NOW if seconds is None else datetime.datetime.fromtimestamp(int(to_string(seconds).split(".")[0]), datetime.UTC)
    )
    text = to_string(layout)
    directives = set(re.findall("%([A-Za-z])", text))
    if not directives:
        return _PARTS.sub(lambda match: _part(match[0], moment), text)
    if not directives <= set(_DIRECTIVES):
        raise ValueError("unknown directive")
    return re.sub("%([A-Za-z])", lambda match: moment.strftime(_DIRECTIVES[match[1]]), text)


def _part(part: str, moment: datetime.datetime) -> str:
    if part not in _UNPADDED:
        return moment.strftime(_LAYOUT[part])
    value = getattr(moment, _UNPADDED[part])
    return str((value + 11) % 12 + 1 if part == "3" else value)


def to_unix_time(text: Value) -> int:
    """Returns the seconds since 1970 of a number, or of a date and time as ISO 8601 writes it (UTC unless it says so).

    Raises:
        ValueError: it is neither.
    """
    value = to_string(text)
    if re.fullmatch(r"[-+]?\d+(?:\.\d+)?", value):
        return int(float(value))
    moment = datetime.datetime.fromisoformat(re.sub(r" (?=Z|[-+]\d)", "", value))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())
