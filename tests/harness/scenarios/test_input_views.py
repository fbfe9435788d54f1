"""What a method sees in an input view."""

from harness import Payloads, Rendered
from harness.scenarios import input_views


def test_cues_are_rendered_as_text() -> None:
    rendered = Rendered(Payloads.from_list([b"a", b"b"]), [None, None], {"host": ["x", "y"], "agent": ["c", None]})
    assert list(input_views.cues(rendered)) == [b"host=x\nagent=c\n", b"host=y\n"]
    assert list(input_views.cues(Rendered(Payloads.from_list([b"a"]), [None]))) == [b""]
    assert input_views.cues(rendered).lengths.tolist() == [15, 7]
