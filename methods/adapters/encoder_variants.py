"""``transformer:OPTIONS`` and ``text-guided:OPTIONS``: these methods with another encoder, negatives or copies."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness import (
    PLAIN_TRAINING,
    AdaptedMethod,
    Context,
    Learner,
    MethodRef,
    PairedMethod,
    Params,
    Payloads,
    Plain,
    Predictor,
    Space,
    Strategy,
    Training,
    TrainingData,
    UserError,
    nearest,
    register_method_family,
)

from ..base.encoder import REQUIRES, SHARED_STEP
from ..learners.encoder import EncoderLearner, FineTunedEncoder
from ..strategies.carrier_mix import CarrierMix
from ..strategies.header_mix import HeaderMix
from ..strategies.text_guided import TextGuided

COPIES: dict[str, type[Strategy]] = {"header-mix": HeaderMix, "carrier-mix": CarrierMix}


class _Variant(AdaptedMethod):
    """A strategy on a learner, with options, some of which name an encoder."""

    kind = "ranked"

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """See `AdaptedMethod.names`; an encoder of the Hugging Face cache has been downloaded by the user."""
        values = [part.rpartition("=")[2] for part in ref.argument.split(":")]
        folders = [value for value in values if Path(value).is_dir()]
        return f"the encoder folder {' and '.join(folders)}" if folders else ""

    def pair(self, strategy: Strategy, learner: Learner) -> None:
        """Makes this the method of a strategy on a learner."""
        self._pair = PairedMethod(strategy, learner)
        self.space = self._pair.space

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """See `Method.fit`."""
        return self._pair.fit(train, validation, params, context)

    def check(self) -> None:
        """See `Method.check`."""
        self._pair.check()

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """See `Method.prepare`."""
        self._pair.prepare(payloads, context)

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`."""
        return self._pair.load(folder, context)


@register_method_family(
    "transformer",
    version=4,
    argument="ENCODER[:trained=side|N|whole]",
    kinds="ranked",
    summary="transformer on any encoder, by Hugging Face id or folder; trains a network beside it, N layers, or all",
    requires=REQUIRES,
)
class TransformerVariant(_Variant):
    """The learner ``encoder`` with an encoder that the user chooses."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        self._learner = _encoder(_options(ref, {"encoder": str, "trained": _layers}, first="encoder"))
        self.pair(Plain(), self._learner)
        self.shared = _shared_step(self._learner)

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        return {"encoder": _identity(self._learner.encoder), "trained": self._learner.trained}


@register_method_family(
    "text-guided",
    version=5,
    argument="LEARNER[:OPTION=VALUE…]",
    kinds="ranked",
    summary="text-guided on a learner with text-encoder=, text-tower=trained, negatives=same-carrier, "
    "copies=header-mix|carrier-mix, and on the learner encoder with encoder=, trained=side|N|whole",
    requires=REQUIRES,
)
class TextGuidedVariant(_Variant):
    """`TextGuided` with encoders, negatives and copies that the user chooses."""

    def __init__(self, ref: MethodRef) -> None:
        super().__init__(ref)
        options = _options(
            ref,
            {
                "learner": str,
                "encoder": str,
                "trained": _layers,
                "text-encoder": str,
                "text-tower": _one_of("frozen", "trained"),
                "negatives": _one_of("none", "same-carrier"),
                "copies": _one_of("none", *COPIES),
            },
            first="learner",
        )
        self._learner = _learner(ref, options)
        self._text = _TextGuided(
            options.get("text-encoder", TextGuided.text_encoder),
            options.get("text-tower") == "trained",
            options.get("negatives") == "same-carrier",
        )
        self._copies = options.get("copies", "none")
        if self._text.hard_negatives and self._copies != "none":
            raise UserError(f"--method {ref}: negatives= and copies= cannot be combined; leave one of them out.")
        reads_spans = self._text.hard_negatives or self._copies == "carrier-mix"
        self.tags = frozenset(("text", "span") if reads_spans else ("text",))
        if self._copies == "none":
            self.pair(self._text, self._learner)
        else:
            self.pair(COPIES[self._copies](), _Aligned(self._text, self._learner))
        self.shared = _shared_step(self._learner)

    def content(self) -> Mapping[str, Any]:
        """See `AdaptedMethod.content`."""
        encoder = self._learner if isinstance(self._learner, EncoderLearner) else None
        return {
            "learner": type(self._learner).__name__,
            "encoder": _identity(encoder.encoder) if encoder else "",
            "trained": encoder.trained if encoder else None,
            "text-encoder": _identity(self._text.text_encoder),
            "trains-text": self._text.trains_text,
            "negatives": self._text.hard_negatives,
            "copies": self._copies,
        }


class _TextGuided(TextGuided):
    def __init__(self, text_encoder: str, trains_text: bool, hard_negatives: bool) -> None:
        self.text_encoder, self.trains_text, self.hard_negatives = text_encoder, trains_text, hard_negatives

    def negatives(self, train: TrainingData) -> Any:
        """See `AlignmentStrategy.negatives`."""
        if not self.hard_negatives:
            return None
        import torch

        from ..neural.negatives import same_carrier

        return torch.from_numpy(same_carrier(train))


class _Aligned(Learner):
    """A learner that is trained by `TextGuided`, so that another strategy can choose its rows."""

    def __init__(self, strategy: TextGuided, learner: Learner) -> None:
        self._strategy, self._learner = strategy, learner
        self.space = PairedMethod(strategy, learner).space

    def fit(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        assert validation is not None
        return self._strategy.fit(self._learner, train, validation, params, context, training)

    def load(self, folder: Path, space: Space, by_loss: bool, context: Context) -> Predictor:
        return self._learner.load(folder, space, True, context)

    def check(self) -> None:
        self._learner.check()
        self._strategy.check()

    def prepare(self, payloads: Payloads, context: Context) -> None:
        self._learner.prepare(payloads, context)


def _learner(ref: MethodRef, options: Mapping[str, Any]) -> Learner:
    """Returns the learner of the option ``learner``, by default the encoder, which alone has options of its own."""
    from ..learners.byte_cnn import ByteCNNLearner
    from ..learners.ngrams import Ngrams

    name = options.get("learner", "encoder")
    others: dict[str, type[Learner]] = {"byte-cnn": ByteCNNLearner, "ngrams": Ngrams}
    if name == "encoder":
        return _encoder(options)
    if name not in others:
        raise UserError(f"--method {ref}: there is no learner {name}; {nearest(name, ['encoder', *others])}")
    if own := sorted({"encoder", "trained"} & set(options)):
        raise UserError(f"--method {ref}: {own[0]}= is an option of the learner encoder, not of {name}.")
    return others[name]()


def _encoder(options: Mapping[str, Any]) -> EncoderLearner:
    trained = options.get("trained", 0)
    learner = EncoderLearner() if trained == 0 else FineTunedEncoder()
    learner.encoder, learner.trained = options.get("encoder", learner.encoder), trained
    return learner


def _options(ref: MethodRef, parsers: Mapping[str, Callable[[str], Any]], first: str) -> dict[str, Any]:
    """Parses ``VALUE:NAME=VALUE:…``; a part without a name is the option ``first``."""
    options: dict[str, Any] = {}
    for part in ref.argument.split(":"):
        name, _, value = part.partition("=") if "=" in part else (first, "=", part)
        if name not in parsers:
            raise UserError(f"--method {ref}: there is no option {name}; {nearest(name, list(parsers))}")
        if name in options or not value:
            raise UserError(f"--method {ref}: {name} is given {'twice' if name in options else 'without a value'}.")
        try:
            options[name] = parsers[name](value)
        except ValueError as error:
            raise UserError(f"--method {ref}: {name}={value} is not valid; {error}.") from error
    return options


def _layers(text: str) -> int | None:
    if text in ("side", "whole"):
        return 0 if text == "side" else None
    if not text.isdigit() or int(text) < 1:
        raise ValueError("it must be a number of layers (at least 1), side or whole")
    return int(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(nearest(text, list(words)).rstrip("."))
        return text

    return read


def _identity(encoder: str) -> str:
    """Returns a hash of an encoder's files, so that another model under the same name has another key."""
    from ..neural.encoders import Encoder

    return Encoder(encoder).identity


def _shared_step(learner: Learner) -> str:
    """Returns the name of the step that a learner prepares; empty if it prepares none."""
    if not isinstance(learner, EncoderLearner) or learner.trained is None:
        return ""
    is_default = (learner.encoder, learner.trained) == (EncoderLearner.encoder, EncoderLearner.trained)
    return SHARED_STEP if is_default else f"trunk of {learner.encoder}, {learner.trained} trained"
