r"""Train the cross-encoder's adapters and heads.

    python -m qa.fit.cross_encoder --model DIR --out DIR --data DIR \
        [--device cuda --texts 96 --rate 1e-3] [--epochs N] [--start FILE]

`--data` holds piaf-train.json and xquad.{en,de,es,ro}.json; what we wrote comes with the project.
The articles that `qa.fit.sets` holds out are not trained on. For each question the passage that
answers it stands by itself or against up to three others that the hybrid search found for it, the
better ranked the likelier, and that do not contain the answer. Three losses are summed: the span's,
whose softmax runs over all passages of the question and over a place, of logit 0, that stands for
no answer (Clark and Gardner, "Simple and Effective Multi-Paragraph Reading Comprehension", 2017,
arXiv:1710.10723; Devlin et al., "BERT", 2018, arXiv:1810.04805, on SQuAD 2.0); the ranking's, in
which the relevance is what has to be added to the hybrid score; and, by half, the passage's by
itself. Questions that nothing answers count in the first, by half, and in the last. XQuAD is asked
in one language over passages of the same or of another.

On a GPU a step over few texts takes as long as one over many: hence `--texts 96`, and a rate that
grows with it.

Writes `cross_encoder.safetensors` and `training.jsonl`, its log, into `--out`, and the examples and
a state from which an interrupted training goes on where it was: every step depends on the seed and
its number alone.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from index import Embedder
from qa.cross_encoder import Network, has_bfloat16
from qa.fit.examples import SEED, Examples, Group
from qa.fit.sets import WRITTEN_SET

if TYPE_CHECKING:
    from transformers import BertModel

EPOCHS = 4
TEXTS = 24
RANK = 32
RATE = 5e-4
WARM_UP = 100
DROPOUT = 0.1
_UNSEEN = -1e4
_WIDTH_STEP = 16
_EVALUATED = (
    (WRITTEN_SET, WRITTEN_SET),
    ("piaf-train", "piaf-train"),
    ("xquad.en", "xquad.en"),
    ("xquad.en", "xquad.es"),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: How many passes over the examples.
        texts: How many a step is taken over.
        rank: Of the adapters.
        rate: The highest learning rate.
        seed: Of the examples as they are shown, the first weights and what is dropped.
    """

    epochs: int = EPOCHS
    texts: int = TEXTS
    rank: int = RANK
    rate: float = RATE
    seed: int = SEED


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
        # What a unit of the hybrid score weighs beside the relevance; starts near its own best.
        self._log_weight = nn.Parameter(torch.tensor(4.1))
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
            known = logits.masked_fill(~batch.may_answer, _UNSEEN)[rows]
            known = known.masked_fill(~here[..., None], _UNSEEN)
            return functional.pad(known.flatten(1), (0, 1))

        ranked = relevance[rows, 0] + self._log_weight.exp() * batch.scores
        return Judged(
            places(starts),
            places(ends),
            ranked.masked_fill(~here, _UNSEEN),
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


class Training:
    """A network in training, and where it is."""

    def __init__(
        self,
        embedder: Embedder,
        examples: Examples,
        out: Path,
        recipe: Recipe,
        device: str = "cpu",
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        bert, _ = embedder.backbone()
        self._learner = Learner(bert, recipe.rank, device)
        if start is not None:
            with safe_open(start, "pt") as file:
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                self._learner.load(weights, float(file.metadata().get("score_weight", 4.1)))
        self._optimizer = torch.optim.AdamW(
            [p for p in self._learner.parameters() if p.requires_grad],
            lr=recipe.rate,
            weight_decay=0.01,
        )
        self._base = Path(embedder.identity.name).name
        self._examples = examples
        self._out = out
        self._recipe = recipe
        self._device = device
        self._step = 0

    def run(self) -> None:
        """Train to the end, or go on from where an interrupted training was."""
        recipe = self._recipe
        batches = self._examples.batches(0, recipe.texts, recipe.seed)
        each = len(batches)
        mark = hashlib.sha256(repr((recipe, WARM_UP, DROPOUT, batches)).encode()).hexdigest()
        state = self._out / "state.pt"
        if state.exists():
            self._restore(torch.load(state, weights_only=True), mark)
        first = self._step // each
        ahead = min(8, max(1, (os.cpu_count() or 1) // 2))
        makers = ProcessPoolExecutor(ahead, get_context("fork"), _share, (self._examples,))
        with makers:
            made: dict[int, Future[list[list[Group]]]] = {}
            for epoch in range(first, recipe.epochs):
                # The next ones are made while this one is learned from; not all, for their memory.
                for other in range(epoch, min(epoch + ahead + 1, recipe.epochs)):
                    if other not in made:
                        made[other] = makers.submit(_make_batches, other, recipe.texts, recipe.seed)
                batches = made.pop(epoch).result()
                # One has a few batches more or less than the first, by which steps are counted.
                for number in range(self._step - epoch * each, each):
                    self._learn(batches[number % len(batches)], recipe.epochs * each)
                    if self._step % 100 == 0 and number + 1 < each:
                        self._keep(state, mark)
                self._save(self._out / "cross_encoder.safetensors")
                self._log(epoch=epoch + 1, **self._evaluate())
                self._keep(state, mark)

    def _learn(self, groups: Sequence[Group], steps: int) -> None:
        torch.manual_seed(self._recipe.seed * 1_000_003 + self._step)
        share = min(1.0, (self._step + 1) / WARM_UP) * max(0.01, 1 - self._step / steps)
        for part in self._optimizer.param_groups:
            part["lr"] = self._recipe.rate * share
        batch = Batch.of(groups, self._device)
        losses = _losses(self._learner(batch), batch)
        (losses[0] + losses[1] + 0.5 * losses[2]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._learner.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._step += 1
        if self._step % 25 == 0:
            self._log(step=self._step, of=steps, losses=[round(x, 3) for x in losses.tolist()])

    @torch.inference_mode()
    def _evaluate(self) -> dict[str, dict[str, float]]:
        """On held-out examples: spans found exactly, the mean F1 of their tokens, and how often the
        right passage is first of up to four that share no answer.
        """
        self._learner.eval()
        found = {}
        for pair in _EVALUATED:
            groups = list(self._examples.held_out(pair, 200))
            columns: dict[str, list[float]] = {
                "span": [],
                "f1": [],
                "first": [],
                "first_before": [],
            }
            for start in range(0, len(groups), 8):
                batch = Batch.of(groups[start : start + 8], self._device)
                judged = self._learner(batch)
                width = batch.ids.shape[1]
                pairs = zip(
                    judged.starts[:, :width].argmax(1).tolist(),
                    judged.ends[:, :width].argmax(1).tolist(),
                    batch.spans.tolist(),
                    strict=True,
                )
                for first, last, (right_first, right_last) in pairs:
                    shared = max(0, min(last, right_last) - max(first, right_first) + 1)
                    both = max(0, last - first + 1) + right_last - right_first + 1
                    columns["span"].append((first, last) == (right_first, right_last))
                    columns["f1"].append(2 * shared / both)
                columns["first"] += (judged.ranked.argmax(1) == 0).tolist()
                before = batch.scores.masked_fill(batch.rows < 0, _UNSEEN)
                columns["first_before"] += (before.argmax(1) == 0).tolist()
            found[" over ".join(pair)] = {
                name: round(float(np.mean(values)), 3) for name, values in columns.items()
            }
        self._learner.train()
        return found

    def _log(self, **values: object) -> None:
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        print(line, flush=True)
        with (self._out / "training.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _keep(self, path: Path, mark: str) -> None:
        state = {
            "mark": mark,
            "learned": {n: p.detach() for n, p in self._learner.learned().items()},
            "score_weight": self._learner.score_weight,
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
        }
        new = path.with_suffix(".new")
        torch.save(state, new)
        os.replace(new, path)

    def _restore(self, state: dict[str, Any], mark: str) -> None:
        if state["mark"] != mark:
            raise SystemExit(
                f"{self._out} holds the state of another training, on other examples or with other "
                "settings: choose another --out, or remove it"
            )
        self._learner.load(state["learned"], state["score_weight"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step = state["step"]

    def _save(self, path: Path) -> None:
        learned = {name: part.detach().half() for name, part in self._learner.learned().items()}
        about = {"base": self._base, "score_weight": f"{self._learner.score_weight:.4f}"}
        save_file(learned, path, metadata=about)


def _losses(judged: Judged, batch: Batch) -> Tensor:
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


_shared: list[Examples] = []


def _share(examples: Examples) -> None:
    _shared.append(examples)


def _make_batches(epoch: int, texts: int, seed: int) -> list[list[Group]]:
    return _shared[-1].batches(epoch, texts, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="directory or name of the embedding model")
    parser.add_argument("--data", type=Path, required=True, help="where the question sets are")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go")
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default: {EPOCHS}")
    parser.add_argument("--texts", type=int, default=TEXTS, help=f"of a step; default: {TEXTS}")
    parser.add_argument("--rank", type=int, default=RANK, help=f"default: {RANK}")
    parser.add_argument("--rate", type=float, default=RATE, help=f"of learning; default: {RATE}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    embedder = Embedder.load(given.model)
    examples = Examples(embedder, given.data, given.out / "examples.pickle")
    recipe = Recipe(given.epochs, given.texts, given.rank, given.rate, given.seed)
    Training(embedder, examples, given.out, recipe, given.device, given.start).run()


if __name__ == "__main__":
    main()
