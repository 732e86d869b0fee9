"""What is trained: the network with its adapters, the batches it is shown, and their losses."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from qa.cross_encoder import Network, has_bfloat16
from qa.fit.examples import Group

if TYPE_CHECKING:
    from transformers import BertModel

DROPOUT = 0.1

UNSEEN = -1e4
"""The logit of what is not there."""

SCORE_WEIGHT = 4.1
"""What a unit of the hybrid score weighs beside the relevance before training, as a logarithm: near
its own best."""

_WIDTH_STEP = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions with their passages, as tensors.

    Attributes:
        ids, attention, may_answer: Token ids, attention mask and which tokens may be an answer.
            Each of shape (texts, tokens).
        rows: Which texts belong to a question, the one that answers first. Shape (questions, texts
            of a question), -1 where one has fewer.
        answered: Whether the first of them answers. Shape (questions,).
        spans: First and last token of the answer, counted through all texts of the question; one
            more than there are if nothing answers. Shape (questions, 2).
        scores: The hybrid score of each. Shape as `rows`.
    """

    ids: Tensor
    attention: Tensor
    may_answer: Tensor
    rows: Tensor
    answered: Tensor
    spans: Tensor
    scores: Tensor

    @classmethod
    def of(cls, groups: Sequence[Group], device: str) -> Batch:
        texts = [text for group in groups for text in group.texts]
        # Few widths: the memory that products of many shapes take is never given back.
        width = -(-max(len(text.ids) for text in texts) // _WIDTH_STEP) * _WIDTH_STEP
        most = max(len(group.texts) for group in groups)
        ids = np.ones((len(texts), width), np.int64)
        attention = np.zeros((len(texts), width), np.int64)
        may_answer = np.zeros((len(texts), width), bool)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)] = text.ids
            attention[row, : len(text.ids)] = 1
            may_answer[row, : len(text.ids)] = text.may_answer
        rows = np.full((len(groups), most), -1)
        scores = np.zeros((len(groups), most), np.float32)
        first = 0
        for number, group in enumerate(groups):
            count = len(group.texts)
            rows[number, :count] = range(first, first + count)
            scores[number, :count] = group.scores
            first += count
        nowhere = most * width
        spans = [group.span or (nowhere, nowhere) for group in groups]
        answered = [group.span is not None for group in groups]
        return cls(
            *(
                torch.from_numpy(part).to(device, non_blocking=True)
                for part in (
                    ids,
                    attention,
                    may_answer,
                    rows,
                    np.array(answered),
                    np.array(spans),
                    scores,
                )
            )
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """What a network makes of a batch.

    Attributes:
        starts, ends: The logits of all places of a question's texts, and of none last. Shape
            (questions, places).
        ranked: What its texts are ranked by. Shape (questions, texts of a question).
        answers: The logit that a text answers. The same shape.
    """

    starts: Tensor
    ends: Tensor
    ranked: Tensor
    answers: Tensor


class Adapter(nn.Module):
    """A linear layer and what is added to it: the product of two thin matrices."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, hidden: Tensor) -> Tensor:
        # Of whole ranks: a mask over all tokens takes a tenth of the time of a step.
        kept = functional.dropout(
            torch.ones(len(self.down), device=hidden.device), DROPOUT, self.training
        )
        thin = functional.linear(hidden, self.down * kept[:, None])
        added = functional.linear(thin, self.up)
        whole: Tensor = self.base(hidden) + added
        return whole


class Learner(nn.Module):
    """The network and what of it is learned."""

    def __init__(self, bert: BertModel, rank: int, device: str) -> None:
        super().__init__()
        bert = copy.deepcopy(bert)
        # On a CPU, one product after another is the fastest.
        bert.config._attn_implementation = "eager" if device == "cpu" else "sdpa"
        self._network = Network(bert)
        # Where a CPU does not have it, it is a hundred times slower than single precision.
        self._half = device != "cpu" or has_bfloat16()
        for module in self._network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        for part in (self._network.embeddings, self._network.layers):
            part.requires_grad_(False)
            if self._half:
                part.bfloat16()
        for _, parent, name, linear in list(self._network.adapted()):
            setattr(parent, name, Adapter(linear, rank))
        nn.init.normal_(self._network.span.weight, std=0.02)
        self._log_weight = nn.Parameter(torch.tensor(SCORE_WEIGHT))
        self.to(device)

    def forward(self, batch: Batch) -> Judged:
        dropout = DROPOUT if self.training else 0.0
        kind = batch.ids.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self._half):
            hidden = functional.dropout(self._network.embeddings(input_ids=batch.ids), dropout)
            hidden = functional.dropout(self._network.encode(hidden, batch.attention), dropout)
        starts, ends, relevance = self._network.judge(hidden, batch.attention)
        here = batch.rows >= 0
        rows = batch.rows.clamp(min=0)

        def places(logits: Tensor) -> Tensor:
            known = logits.masked_fill(~batch.may_answer, UNSEEN)[rows]
            known = known.masked_fill(~here[..., None], UNSEEN)
            return functional.pad(known.flatten(1), (0, 1))

        ranked = relevance[rows, 0] + self._log_weight.exp() * batch.scores
        return Judged(
            places(starts),
            places(ends),
            ranked.masked_fill(~here, UNSEEN),
            relevance[rows, 1],
        )

    def learned(self) -> dict[str, nn.Parameter]:
        """Of the network, by name."""
        return {n: p for n, p in self._network.named_parameters() if p.requires_grad}

    @property
    def score_weight(self) -> float:
        """What a unit of the hybrid score weighs, as a logarithm."""
        return self._log_weight.item()

    def load(self, weights: Mapping[str, Tensor], score_weight: float) -> None:
        """What was learned before."""
        learned = self.learned()
        if {n: p.shape for n, p in learned.items()} != {n: p.shape for n, p in weights.items()}:
            raise SystemExit("the weights to go on from are of another recipe: choose their --rank")
        self._network.load_state_dict(dict(weights), strict=False)
        self._log_weight.data.fill_(score_weight)


def losses_of(judged: Judged, batch: Batch) -> Tensor:
    """Of the span, of the ranking, and of each passage by itself. Shape (3,)."""
    answered = batch.answered.float()
    span = (
        functional.cross_entropy(judged.starts, batch.spans[:, 0], reduction="none")
        + functional.cross_entropy(judged.ends, batch.spans[:, 1], reduction="none")
    ) / 2
    first = torch.zeros_like(batch.rows[:, 0])
    ranking = functional.cross_entropy(judged.ranked, first, reduction="none")
    answers = torch.zeros_like(judged.answers)
    answers[:, 0] = answered
    by_itself = _by_itself(judged.answers, answers, batch)
    return torch.stack(
        [(span * (0.5 + answered / 2)).mean(), (ranking * answered).mean(), by_itself]
    )


def _by_itself(logits: Tensor, answers: Tensor, batch: Batch) -> Tensor:
    """The one that answers weighs as much as all the others of its question together."""
    here = (batch.rows >= 0).float()
    others = here.clone()
    others[:, 0] *= ~batch.answered
    shares = others / others.sum(1, keepdim=True).clamp(min=1)
    shares[batch.answered] *= 0.5
    shares[batch.answered, 0] = 0.5
    losses = functional.binary_cross_entropy_with_logits(logits, answers, reduction="none")
    return (losses * shares).sum(1).mean()
