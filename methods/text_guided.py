"""text-guided: a payload classifier trained in two contrastive stages on descriptions of vulnerabilities."""

from harness import register_method

from .base.encoder import REQUIRES, SHARED_STEP
from .base.text import ALIGNMENT_SPACE, TextMethod


@register_method(
    "text-guided",
    version=5,
    tags=("text",),
    summary="payloads aligned with CVE descriptions by multi-positive InfoNCE; the nearest class text is predicted",
    reference="arXiv 2603.20181, with the objectives of arXiv 2004.11362 and 2303.15343",
    requires=REQUIRES,
    shared=SHARED_STEP,
    contrasts=("transformer", "control-random-vectors", "control-permuted-descriptions", "control-shared-head"),
)
class TextGuided(TextMethod):
    """Searches losses, inference and optimiser settings; uses no auxiliary cross-entropy."""

    space = ALIGNMENT_SPACE
