"""Checks code in a C-like language by tokens, since no grammar fits all: whether it balances, and whether it acts."""

import re

COMMENTS = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ACTS = re.compile(  # a call, an assignment, a statement
    r"""[\w$\])"'`?.>]\(|[\w\])]``|[\w$\])"]\s*=(?![=>~])"""
    r"|\b(?:echo|print|throw|import|include|require|puts|MsgBox|Invoke-Expression)\b"
)
_KEYWORDS = r"(?<!\breturn)(?<!\bthrow)(?<!\bnew)(?<!\bvar)(?<!\blet)(?<!\btypeof)(?<!\bfunction)(?<!\bimport)"
_JUXTAPOSED = re.compile(rf"""(?:""|'')[ \t]*[\w"']|[\w)]{_KEYWORDS}[ \t]*(?:""|'')|[\w)]{_KEYWORDS}[ \t]+\w""")


def skeleton(code: str, comments: str = COMMENTS) -> str | None:
    """Returns code with empty strings and without comments, or None if a quote or a bracket is unbalanced."""
    string = r'"(?:\\.|[^"\\\n])*+"' + r"|'(?:\\.|[^'\\\n])*+'|`(?:\\.|[^`\\])*+`"
    pieces, at = [], 0
    for match in re.finditer(rf"({string})|{comments}|(?P<open>[\"'`])", code, flags=re.S):
        if match["open"]:  # stop here: each further quote would be searched for an end that it lacks
            return None
        pieces += [code[at : match.start()], match[1][0] * 2 if match[1] else " "]
        at = match.end()
    bare = "".join([*pieces, code[at:]])
    stack: list[str] = []
    for character in re.sub("\"\"|''|``", "", bare):
        if character in "([{":
            stack.append(character)
        elif character in "\"'`" or (character in _PAIRS and (not stack or stack.pop() != _PAIRS[character])):
            return None
    return None if stack else bare


def acts(place: str, code: str, comments: str = COMMENTS) -> bool:
    """Whether a program with the code inserted is balanced, and the code calls, assigns or throws something.

    Args:
        place: a program with ``{}`` in it.
        code: the code to insert.
        comments: a regular expression of comments.
    """
    program, benign = (skeleton(place.format(text) + "\n", comments) for text in (code, "x"))
    return program is not None and len(_ACTS.findall(program)) > len(_ACTS.findall(benign or ""))


def javascript(place: str, code: str) -> bool:
    """Whether code acts in a place of a script, without adjacent operands, which only prose has."""
    return acts(place, code) and not _JUXTAPOSED.search(skeleton(place.format(code) + "\n") or "")
