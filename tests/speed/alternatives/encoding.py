"""Sentence vectors of an encoder by plain transformers: what encode() of sentence-transformers does."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional


class MeanPooled:
    """A pretrained encoder with mean pooling.

    Args:
        folder: of the encoder's files.
        longest: tokens after which texts are cut.
    """

    def __init__(self, folder: Path, longest: int) -> None:
        from transformers import AutoModel, PreTrainedTokenizerFast

        self.model: Any = AutoModel.from_pretrained(folder, local_files_only=True)
        self.tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
        )
        self.longest = longest

    def vectors(self, texts: list[str]) -> torch.Tensor:
        """Returns the vectors of one batch, float32 (n, width)."""
        options = {"padding": True, "truncation": True, "max_length": self.longest, "return_tensors": "pt"}
        batch = self.tokenizer(texts, **options)
        hidden = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return (hidden * mask).sum(1) / mask.sum(1)

    def encode(self, texts: list[str], size: int = 32) -> np.ndarray:
        """Returns the vectors of all texts, float32 (n, width), computed in batches of similar length."""
        self.model.eval()
        order = np.argsort([-len(text) for text in texts], kind="stable")
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), size):
                parts.append(self.vectors([texts[i] for i in order[start : start + size]]).numpy())
        out = np.concatenate(parts)
        return out[np.argsort(order)]


def setfit(encoder: MeanPooled, texts: list[str], labels: np.ndarray, size: int = 16) -> object:
    """Fine-tunes an encoder as SetFit does (Tunstall et al. 2022, arXiv 2209.11055), and fits its classifier.

    One epoch over one pair of the same class and one of two classes per text, where SetFit draws twenty of each by
    default: the cosine of a pair is regressed on whether the classes agree. Then a logistic regression on the vectors.
    """
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    pairs = [(i, int(rng.choice(np.flatnonzero((labels == labels[i]) == same))), same)
             for i in range(len(texts)) for same in (True, False)]  # fmt: skip
    optimizer = torch.optim.AdamW(encoder.model.parameters(), lr=2e-5)
    encoder.model.train()
    for start in range(0, len(pairs), size):
        first, second, same = zip(*[pairs[i] for i in range(start, min(start + size, len(pairs)))], strict=True)
        cosine = functional.cosine_similarity(
            encoder.vectors([texts[i] for i in first]), encoder.vectors([texts[i] for i in second])
        )
        loss = functional.mse_loss(cosine, torch.tensor(same, dtype=torch.float32))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return LogisticRegression(max_iter=1000).fit(encoder.encode(texts), labels)
