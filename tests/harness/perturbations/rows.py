"""Messages to perturb: renderings of the synthetic benchmark, with and without cues, with a known attack location."""

from functools import cache

from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample, samples
from harness.benchmarks.synthetic.rendering import CueValues

from harness.perturbations.base import Perturbation
from harness.perturbations.engine import PerturbationTally, attempt
from harness.perturbations.message import Message

CUES = CueValues(host="site.example", client="curl/8.{n}.0", prefix="/home", token="xxxxxxxxxx", order="HADU")


@cache
def rows(per_class: int) -> tuple[tuple[str, bytes, str, tuple[int, ...]], ...]:
    """Returns sample id, payload, label and flat spans of the first rows of each class."""
    out = []
    for name in dict.fromkeys(card.threat_class for card in cards.load()):
        for index, (sample, _, _) in enumerate(samples(name)[:per_class]):
            rendering = render_sample(sample, CUES if index % 2 else CueValues())
            flat = tuple(edge for span in rendering.spans for edge in span)
            out.append((sample, rendering.payload, name, flat))
    return tuple(out)


def messages(per_class: int) -> list[Message]:
    """Returns new messages, which are not parsed yet."""
    return [Message.of(*row) for row in rows(per_class)]


def perturbed(perturbation: Perturbation, per_class: int, tally: PerturbationTally) -> list[tuple[Message, Message]]:
    """Returns (before, after) for every message that a perturbation changes."""
    out = []
    for message in messages(per_class):
        if perturbation.applies(message) and (after := attempt(perturbation, message, 0, 0, tally)) is not None:
            out.append((message, after))
    return out


def request(text: str, attack: str | None = None, label: str = "sql-injection") -> Message:
    """Returns a message of a text whose head has line feeds as line ends; the attack is at its first occurrence."""
    head, blank, body = text.partition("\n\n")
    payload = (head.replace("\n", "\r\n") + blank.replace("\n", "\r\n") + body).encode("latin-1")
    if attack is None:
        return Message.of("sample", payload, label)
    start = payload.index(attack.encode("latin-1"))
    return Message.of("sample", payload, label, [start, start + len(attack)])
