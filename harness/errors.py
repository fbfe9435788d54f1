"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """A mistake in what the user gave: an argument, a file, a plug-in.

    Its message is one sentence that says what was wrong, where, and what would be right. The command line
    prints it without a traceback and exits with code 2.
    """


def nearest(name: str, known: list[str]) -> str:
    """Returns the closing words of an "unknown name" sentence: the closest known names, or all of them."""
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(sorted(known)) or 'none'}"
