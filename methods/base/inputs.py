"""The form in which a method reads payloads, a dimension of every space, so that no method wins by it alone."""

from harness import Categorical, Space, input_forms

DEFAULT_INPUT = "fields"  # chosen on the pilot CVEs, see docs/inputs.md
INPUT_SPACE: Space = {"input": Categorical(input_forms.FORMS, default=DEFAULT_INPUT)}
