"""What the methods on MiniLM's payload tower have in common. This module registers nothing."""

from harness import Context, Method, Payloads

REQUIRES = ("torch", "tokenizers", "transformers.models.bert.modeling_bert", "transformers.optimization")
SHARED = "minilm-trunk"
EPOCHS = 5
BATCH = 16


class MiniLMMethod(Method):
    """A method whose payload tower is MiniLM's top over the frozen trunk."""

    def check(self) -> None:
        """Refuses to start without the verified weights."""
        from methods.neural.minilm import folder

        folder()

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """Computes the frozen trunk's activations."""
        from methods.neural.minilm import trunk_of_payloads

        trunk_of_payloads(payloads, context)
