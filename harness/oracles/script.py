"""What balances, and what acts, in a language of C's kind: a check by tokens, as no grammar fits them all."""

import re

COMMENTS = r"//[^\n]*|/\*.*?\*/"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ACTS = re.compile(  # a call, an assignment, a statement
    r"""[\w$\])"'`?.>]\(|[\w\])]``|[\w$\])"]\s*=(?![=>~])"""
    r"|\b(?:echo|print|throw|import|include|require|puts|MsgBox|Invoke-Expression)\b"
)
_KEYWORDS = r"(?<!\breturn)(?<!\bthrow)(?<!\bnew)(?<!\bvar)(?<!\blet)(?<!\btypeof)(?<!\bfunction)(?<!\bimport)"
_JUXTAPOSED = re.compile(rf"""(?:""|'')[ \t]*[\w"']|[\w)]{_KEYWORDS}[ \t]*(?:""|'')|[\w)]{_KEYWORDS}[ \t]+\w""")


def skeleton(code: str, comments: str = COMMENTS) -> str | None:
    """Returns code with its strings emptied and comments gone, or None if a quote or a bracket is unbalanced."""
    string = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"
    bare = re.sub(rf"({string})|{comments}", lambda m: m[1][0] * 2 if m[1] else " ", code, flags=re.S)
    stack: list[str] = []
    for character in re.sub("\"\"|''|``", "", bare):
        if character in "([{":
            stack.append(character)
        elif character in "\"'`" or (character in _PAIRS and (not stack or stack.pop() != _PAIRS[character])):
            return None
    return None if stack else bare


def acts(place: str, code: str, comments: str = COMMENTS) -> bool:
    """Whether code put into a place of a program leaves it balanced and calls, assigns or throws there."""
    filled, benign = (skeleton(place.format(text) + "\n", comments) for text in (code, "x"))
    return filled is not None and len(_ACTS.findall(filled)) > len(_ACTS.findall(benign or ""))


def javascript(place: str, code: str) -> bool:
    """Whether code acts in a place of a script and puts no two operands side by side, as prose does."""
    return acts(place, code) and not _JUXTAPOSED.search(skeleton(place.format(code) + "\n") or "")
