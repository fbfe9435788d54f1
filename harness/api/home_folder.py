"""Expands ``~`` where a shell does not: behind the colon of ``files:~/data.csv`` or ``exec:~/bin/classifier``."""

import os
import re


def expanded(text: str) -> str:
    """Returns a text with ``~/`` replaced by the home folder at its start and after a space, a colon or ``=``."""
    home = os.path.expanduser("~")
    return re.sub(r"(^|[\s:=])~/", lambda match: f"{match[1]}{home}/", text)
