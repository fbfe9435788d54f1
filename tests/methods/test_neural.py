import numpy as np
import torch
from torch import nn
from torch.nn import functional

from harness import Payloads
from methods.neural.inputs import ByteInputs, HiddenInputs
from methods.neural.losses import InfoNCEHead, SquaredDistanceHead, triplet
from methods.neural.text import Ragged, payload_text
from methods.neural.towers import ByteCNN
from methods.neural.training import batches


def test_payload_text_puts_the_body_before_the_headers() -> None:
    assert (
        payload_text(b"POST /a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\nbody=1") == "POST /a HTTP/1.1\nbody=1\nHost: h\nX: y"
    )
    assert payload_text(b"\xff no request") == "\xff no request"
    assert payload_text(b"") == ""


def test_byte_cnn_is_a_gated_convolution_over_every_window() -> None:
    torch.manual_seed(0)
    tower = ByteCNN(embedding=3, channels=5, window=4, stride=2).eval()
    inputs = ByteInputs(Payloads.from_list([b"hello world", b"abc", b""]), 100, shortest=4)
    batch, mask = inputs.batch(np.arange(3))
    weight = tower.filters.weight.reshape(10, 4, 3).permute(0, 2, 1)  # as a convolution: out, in, window
    plain = functional.conv1d(tower.embed(batch).transpose(1, 2), weight, tower.filters.bias, stride=2)
    value, gate = plain.chunk(2, dim=1)
    assert torch.allclose(tower(batch, mask), (value * torch.sigmoid(gate)).amax(2), atol=1e-6)


def test_byte_inputs_tell_padding_from_the_zero_byte() -> None:
    batch, mask = ByteInputs(Payloads.from_list([b"\x00\xff", b"abcd"]), 3).batch(np.array([0, 1]))
    assert batch.tolist() == [[1, 256, 0], [98, 99, 100]]
    assert mask.tolist() == [[True, True, False], [True, True, True]]


def test_hidden_inputs_gather_ragged_rows() -> None:
    values = np.arange(12, dtype=np.float16).reshape(6, 2)
    batch, mask = HiddenInputs(Ragged(values, np.array([0, 1, 4, 6]))).batch(np.array([2, 0]))
    assert batch.tolist() == [[[8, 9], [10, 11]], [[0, 1], [0, 0]]]
    assert mask.tolist() == [[True, True], [True, False]]


def test_batches_cover_every_row_once_and_are_even_in_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 1000, 5000)
    cut = list(batches(lengths, 32, np.random.default_rng(1)))
    assert sorted(np.concatenate(cut).tolist()) == list(range(5000))
    padded = sum(len(rows) * lengths[rows].max() for rows in cut)
    assert padded < 1.1 * lengths.sum()


def _text_tensors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    texts = functional.normalize(torch.randn(4, 6), dim=1)
    return texts, torch.tensor([0, 0, 1, 2]), torch.tensor([0, 2, -1]), functional.normalize(torch.randn(3, 6), dim=1)


def test_infonce_against_the_formula() -> None:
    torch.manual_seed(0)
    tensors = _text_tensors()
    vectors, labels, rows = torch.randn(3, 6), torch.tensor([0, 1, 2]), torch.arange(3)
    similarity = functional.normalize(vectors, dim=1) @ tensors[0].T / 0.5
    for same_class in (True, False):
        expected = []
        for row in range(3):
            own = int(tensors[2][row])
            of_class = [j for j in range(4) if tensors[1][j] == labels[row]]
            positive = of_class if same_class else [own] if own >= 0 else []
            negative = [j for j in range(4) if j not in of_class]
            if positive:
                mass = similarity[row, positive].exp().sum()
                expected.append(-(mass / (mass + similarity[row, negative].exp().sum())).log())
        loss = InfoNCEHead(0.5, same_class, *tensors).loss(vectors, labels, rows)
        assert torch.allclose(loss, torch.stack(expected).mean(), atol=1e-5)


def test_squared_distance_is_least_at_the_description_and_skips_rows_without_one() -> None:
    tensors = _text_tensors()
    head = SquaredDistanceHead(*tensors)
    at_text = torch.stack([3 * tensors[0][0], tensors[0][2], torch.randn(6)])
    assert head.loss(at_text, torch.tensor([0, 1, 2]), torch.arange(3)).item() < 1e-6
    assert head.scores(tensors[3]).argmax(1).tolist() == [0, 1, 2]


def test_triplet_ignores_anchors_without_a_pair() -> None:
    vectors = nn.functional.normalize(torch.randn(5, 3), dim=1).requires_grad_()
    labels = torch.tensor([0, 0, 1, 2, 2])
    loss = triplet(vectors, labels, 0.3)
    loss.backward()
    assert torch.isfinite(vectors.grad).all()
    assert triplet(vectors.detach(), torch.tensor([0, 1, 2, 3, 4]), 0.3).item() == 0
    assert triplet(vectors.detach(), torch.zeros(5, dtype=torch.long), 0.3).item() == 0
    separated = torch.tensor([[1.0, 0], [1.0, 0], [-1.0, 0], [-1.0, 0]])
    assert triplet(separated, torch.tensor([0, 0, 1, 1]), 0.3).item() == 0
