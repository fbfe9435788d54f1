"""How many attacks of `synthetic` a mask of the input forms makes unrecognisable, by class.

``python -m tests.tools.masks`` rewrites the generated part of docs/inputs.md; with ``--examples`` it prints attacks.
"""

import random
import re
import sys
from dataclasses import dataclass, field, replace

from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample
from harness.benchmarks.synthetic.cues import CUES
from harness.benchmarks.synthetic.rendering import CueValues
from harness.benchmarks.synthetic.validity import CHECKS

from harness import Payloads, input_forms
from harness.data import masking
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "inputs.md"
BEGIN, END = "<!-- generated: python -m tests.tools.masks -->", "<!-- end of generated part -->"
LIMIT = 0.01
MASKS = ("tokens", "digits", "space")
SAMPLES = 2  # renderings of each core: one without cues, one under cues

# What the checks of `synthetic` cannot read in base64 or after masking, although it tells the class: serialised data
# and archives, whose lengths and sums they compare to the last byte. By the start of a technique's name.
SIGNATURES = {
    "php-": re.compile(r'[aoce]:\+?\d+:["{]', re.I),  # CRS 933170, also for arrays, custom objects and enumerations
    "java-native": re.compile(r"\xac\xed\0\x05|ro0ab", re.I),  # CRS 944200 and 944210
    "runtime-binary": re.compile(r"aaeaa|gasv|ga[jn]|^\0\x01\0\0\0\xff|^\x80[\x02-\x05]|^c[\w.]+\n\w+\n", re.I),
    "archive": re.compile(r"^pk\x03\x04", re.I),  # a local file header of ZIP (PKWARE APPNOTE, 4.3.7)
}
# The version and encoding in an XML declaration have digits that parsers insist on, and tell no class.
DECLARATION = re.compile(r"<\?xml\s[^?]*\?>\s*")

Example = tuple[str, str, str]  # technique, decoded attack, masked attack


@dataclass
class Audit:
    """Counts of one class: attacks, those that are recognised when decoded, and those that a mask changes."""

    attacks: int = 0
    recognised: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)

    def share(self, mask: str) -> float:
        """Share of the recognised attacks that are no longer recognised under a mask."""
        return self.changed.get(mask, 0) / self.recognised


def recognised(card: cards.Card, core: cards.Core, pieces: list[str]) -> bool:
    """Whether the check of the class, or a signature, finds the attack in its bytes: file name first, then content."""
    name, text = (pieces[0], "".join(pieces[1:])) if core.filename else (None, "".join(pieces))
    text = DECLARATION.sub("", text)
    if any(core.technique.startswith(start) and pattern.search(text) for start, pattern in SIGNATURES.items()):
        return True
    try:
        return CHECKS[card.threat_class](replace(core, text=text, filename=name), text) is None
    except (ValueError, IndexError):  # the readers of binary formats index without looking
        return False


def attacks(form: str, payloads: Payloads, spans: list[list[int]], rules: set[str]) -> list[list[str]]:
    """The bytes of each attack in a form, span by span, one character per byte."""
    formed = input_forms.apply(form, payloads, spans, rules)
    assert formed.spans is not None
    return [
        [payload[start:stop].decode("latin-1") for start, stop in zip(row[::2], row[1::2], strict=True)]
        for payload, row in zip(formed.payloads, formed.spans, strict=True)
    ]


def audit() -> dict[str, Audit]:
    """Masks every core of `synthetic`, and asks the check of its class before and after.

    Case is not folded, since the checks are those of products that tell it apart.
    """
    rng = random.Random(0)
    origins, renderings = [], []
    for card in cards.load():
        for number, core in enumerate(card.cores):
            for sample in range(SAMPLES):
                cues = {name: rng.choice(cue.values) for name, cue in CUES.items()} if sample else {}
                origins.append((card, core))
                renderings.append(render_sample(f"{card.cve}/{number}/{sample}", CueValues(**cues)))
    payloads = Payloads.from_list(rendering.payload for rendering in renderings)
    spans = [[edge for span in rendering.spans for edge in span] for rendering in renderings]
    decoding = set(input_forms.RULES) - set(masking.RULES)
    decoded = attacks("decoded", payloads, spans, decoding)
    masked = {mask: attacks("normal", payloads, spans, decoding | {mask}) for mask in MASKS}
    masked["all"] = attacks("normal", payloads, spans, decoding | {"host", *MASKS})
    out: dict[str, Audit] = {}
    for row, (card, core) in enumerate(origins):
        counts = out.setdefault(card.threat_class, Audit())
        counts.attacks += 1
        if not recognised(card, core, decoded[row]):
            continue
        counts.recognised += 1
        for mask, texts in masked.items():
            if not recognised(card, core, texts[row]):
                counts.changed[mask] = counts.changed.get(mask, 0) + 1
                if mask == "all":
                    counts.examples.append((core.technique, "".join(decoded[row]), "".join(texts[row])))
    return out


def table(audited: dict[str, Audit]) -> str:
    """The generated part of the page."""
    lines = [
        BEGIN,
        "",
        "| class | attacks | recognised when decoded | lost by `tokens` | `digits` | `space` | all masks |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, counts in sorted(audited.items()):
        shares = " | ".join(f"{counts.share(mask):.1%}" for mask in (*MASKS, "all"))
        lines.append(f"| {name} | {counts.attacks} | {counts.recognised / counts.attacks:.1%} | {shares} |")
    return "\n".join([*lines, "", END])


def main() -> None:
    """Rewrites the generated part of the page, or prints the attacks that a mask changes."""
    if "--examples" in sys.argv:
        for name, counts in audit().items():
            for technique, before, after in counts.examples:
                print(f"{name} {technique}\n  {before[:200]!r}\n  {after[:200]!r}")
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + table(audit()) + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
