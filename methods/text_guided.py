"""The two-stage text-guided contrastive model: descriptions of vulnerabilities guide a payload classifier."""

from harness import register_method

from .base.encoder import REQUIRES, SHARED
from .base.text import ALIGNMENT_SPACE, TextMethod


@register_method(
    "text-guided",
    version=4,
    tags=("text",),
    summary="payloads aligned to CVE descriptions by multi-positive InfoNCE; the classes' texts decide",
    reference="arXiv 2603.20181, with the objectives of arXiv 2004.11362 and 2303.15343",
    requires=REQUIRES,
    shared=SHARED,
    contrasts=("transformer", "control-random-vectors", "control-permuted-descriptions", "control-shared-head"),
)
class TextGuided(TextMethod):
    """Losses, inference and optimiser are searched; no auxiliary cross-entropy is in it."""

    space = ALIGNMENT_SPACE
