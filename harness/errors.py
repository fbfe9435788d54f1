"""The exception for user mistakes, and helpers that format error messages."""


class UserError(Exception):
    """A mistake in the user's input: an argument, a file or a plug-in.

    The message is one sentence that says what was wrong, where, and what would be right. The command line prints it
    without a traceback and exits with code 2.
    """


def format_error(error: Exception) -> str:
    """Formats an exception as ``Type: message (file, line)``, using the innermost frame outside site-packages.

    Example: ``RuntimeError: boom (slow.py, line 16)``. A `UserError` is formatted without its type, and the message is
    cut at 300 characters.
    """
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    own_frames = [frame for frame in frames if "site-packages" not in frame.filename and frame.lineno]
    prefix = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    location = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in (own_frames or frames)[-1:])
    return prefix + (" ".join(str(error).split())[:300] or "no message") + location


def nearest(name: str, names: list[str]) -> str:
    """Returns a hint for an "unknown name" error: "did you mean …?" with the closest known names, else all of them."""
    import difflib

    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(sorted(names)) or 'none'}"
