"""normal-input and its control: the learner on one input form, to measure what normalising payloads is worth."""

from harness import Categorical, Plain, register_strategy


@register_strategy(
    "normal-input",
    version=1,
    kind="heavy",
    summary="reading payloads in normal form, whatever else is searched",
    contrasts=("control-raw-input",),
)
class NormalInput(Plain):
    """The claim is about the form, not about a learner: decoding and masks remove what varies without a meaning."""

    space = {"input": Categorical(("normal",), default="normal")}


@register_strategy(
    "control-raw-input",
    version=1,
    kind="control",
    summary="reading payloads as stored, whatever else is searched",
)
class RawInput(Plain):
    """Differs from `normal-input` in the form alone."""

    space = {"input": Categorical(("raw",), default="raw")}
