"""Decides which requests of a template attack and which only prepare: sign-in, plain GET, set-up."""

import re

from harness import http_request

from .requests import Step
from .signs import is_plain, shows_attack

ATTACK, LOGIN, PLAIN_GET, SET_UP, NO_ATTACK = "attack", "login", "plain GET", "set-up", "no attack in the template"
_PASSWORD = re.compile(rb"pass(?:w|phrase|\b|_)|passwd|pwd", re.I)  # in the name of a field
_PASSWORD_FIELD = re.compile(
    rb"(?:pass(?:w|phrase)?\w{0,20}|pwd)[\"'\]]{0,2}\s?[=:]", re.I
)  # in a body of unknown type
_SIGN_IN_PATH = re.compile(rb"/(?:do-?)?(?:log-?in|sign-?in|log-?on|sessions?|authenticate|auth)(?:\.\w+|/)?\Z", re.I)


def roles(steps: list[Step]) -> list[str]:
    """Returns the role of each step.

    Steps with a sign of an attack are attacks, and all others prepare. If none has one, the steps that are neither a
    sign-in nor consist of plain words only are attacks; a template without such a step has no attack.
    """
    requests = [http_request.Request(step.payload) for step in steps]
    helpers = [_helper(step, request) for step, request in zip(steps, requests, strict=True)]
    attacks = [shows_attack(request, step.signs_in) for step, request in zip(steps, requests, strict=True)]
    if not any(attacks):
        attacks = [r != LOGIN and not is_plain(request) for r, request in zip(helpers, requests, strict=True)]
    if not any(attacks):
        return [NO_ATTACK] * len(steps)
    return [ATTACK if attack else helper for attack, helper in zip(attacks, helpers, strict=True)]


def _helper(step: Step, request: http_request.Request) -> str:
    """Returns the role of a step that does not attack."""
    posts = request.text(request.method) == b"POST" and _SIGN_IN_PATH.search(request.text(request.path)) is not None
    if step.signs_in or posts or any(_is_password(request, parameter) for parameter in request.body_parameters):
        return LOGIN
    reads = request.text(request.method) in (b"GET", b"HEAD", b"OPTIONS")
    return PLAIN_GET if reads and request.query[0] == request.query[1] and not request.text(request.body) else SET_UP


def _is_password(request: http_request.Request, parameter: http_request.Parameter) -> bool:
    if parameter.place == "raw":
        return _PASSWORD_FIELD.search(request.text(parameter.value)) is not None
    return _PASSWORD.search(request.text(parameter.name)) is not None
