"""The one exception that a user's mistake raises, and how others are told."""


class UserError(Exception):
    """A mistake in what the user gave: an argument, a file, a plug-in.

    Its message is one sentence that says what was wrong, where, and what would be right. The command line
    prints it without a traceback and exits with code 2.
    """


def raised(error: Exception) -> str:
    """Returns what was raised, and the last line of no installed package: "RuntimeError: boom (slow.py, line 16)"."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.lineno]
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in (own or frames)[-1:])
    return kind + (" ".join(str(error).split())[:300] or "no message") + where


def nearest(name: str, known: list[str]) -> str:
    """Returns the closing words of an "unknown name" sentence: the closest known names, or all of them."""
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(sorted(known)) or 'none'}"
