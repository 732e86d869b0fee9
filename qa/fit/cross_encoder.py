r"""Train the cross-encoder's adapters and heads.

    python -m qa.fit.cross_encoder --model DIR --out DIR --data DIR [--epochs N] \
        [--start FILE]

`--data` holds piaf-train.json and xquad.{en,de,es,ro}.json; what we wrote comes with the project.
The articles that `qa.fit.sets` holds out are not trained on. For each question the passage that
answers it stands by itself or against another that the hybrid search found for it, the better
ranked the likelier, and that does not contain the answer. Three losses are summed: the span's,
whose softmax runs over all passages of the question and over a place, of logit 0, that stands for
no answer (Clark and Gardner, "Simple and Effective Multi-Paragraph Reading Comprehension", 2017,
arXiv:1710.10723; Devlin et al., "BERT", 2018, arXiv:1810.04805, on SQuAD 2.0); the ranking's, in
which the relevance is what has to be added to the hybrid score; and, by half, the passage's by
itself. Questions that nothing answers count in the first, by half, and in the last. XQuAD is asked
in one language over passages of the same or of another.

Writes `cross_encoder.safetensors` and `training.jsonl`, its log, into `--out`, and a state from
which an interrupted training goes on where it was: every step depends on the seed and its number
alone.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from index import Embedder
from qa.cross_encoder import Network, has_bfloat16
from qa.fit.examples import SEED, Encoded, Examples, Group
from qa.fit.sets import WRITTEN_SET

EPOCHS = 2
RANK = 32
RATE, HEAD_RATE = 5e-4, 5e-4
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


class Adapter(nn.Module):
    """A linear layer and what is added to it: the product of two thin matrices."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(RANK, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, hidden: Tensor) -> Tensor:
        # Of whole ranks: a mask over all tokens takes a tenth of the time of a step.
        kept = functional.dropout(torch.ones(RANK), DROPOUT, self.training)
        thin = functional.linear(hidden, self.down * kept[:, None])
        added = functional.linear(thin, self.up)
        whole: Tensor = self.base(hidden) + added
        return whole


class Training:
    """The network in training, and where it is."""

    def __init__(
        self,
        embedder: Embedder,
        examples: Examples,
        out: Path,
        epochs: int,
        start: Path | None = None,
    ) -> None:
        bert, _ = embedder.backbone()
        bert = copy.deepcopy(bert)
        # Attention without dropout, and one product after another, is the fastest on a CPU.
        bert.config._attn_implementation = "eager"
        self._network = Network(bert).train()
        # Where a CPU does not have it, it is a hundred times slower than single precision.
        self._half = has_bfloat16()
        for module in self._network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        for part in (self._network.embeddings, self._network.layers):
            part.requires_grad_(False)
            if self._half:
                part.bfloat16()
        for _, parent, name, linear in list(self._network.adapted()):
            setattr(parent, name, Adapter(linear))
        nn.init.normal_(self._network.span.weight, std=0.02)
        # What a unit of the hybrid score weighs beside the relevance; starts near its own best.
        self._log_weight = nn.Parameter(torch.tensor(4.1))
        learned = {n: p for n, p in self._network.named_parameters() if p.requires_grad}
        if start is not None:
            before = load_file(start)
            self._network.load_state_dict({name: before[name] for name in learned}, strict=False)
        adapters = [p for n, p in learned.items() if n.endswith((".down", ".up"))]
        heads = [p for n, p in learned.items() if not n.endswith((".down", ".up"))]
        self._learned = learned
        self._optimizer = torch.optim.AdamW(
            [
                {"params": adapters, "lr": RATE, "rate": RATE},
                {"params": [*heads, self._log_weight], "lr": HEAD_RATE, "rate": HEAD_RATE},
            ],
            weight_decay=0.01,
        )
        self._base = Path(embedder.identity.name).name
        self._examples = examples
        self._out = out
        self._epochs = epochs
        self._step = 0

    def run(self) -> None:
        """Train to the end, or go on from where an interrupted training was."""
        batches = self._examples.batches(0)
        each = len(batches)
        mark = _digest([self._epochs, RANK, RATE, HEAD_RATE, WARM_UP, DROPOUT, batches])
        state = self._out / "state.pt"
        if state.exists():
            self._restore(torch.load(state, weights_only=True), mark)
        for epoch in range(self._step // each, self._epochs):
            batches = self._examples.batches(epoch)
            # An epoch has a few batches more or less than the first, by which steps are counted.
            for number in range(self._step - epoch * each, each):
                self._learn(batches[number % len(batches)], self._epochs * each)
                if self._step % 100 == 0 and number + 1 < each:
                    self._keep(state, mark)
            self._save(self._out / "cross_encoder.safetensors")
            self._log(epoch=epoch + 1, **self._evaluate())
            self._keep(state, mark)

    def _learn(self, batch: Sequence[Group], steps: int) -> None:
        torch.manual_seed(SEED * 1_000_003 + self._step)
        share = min(1.0, (self._step + 1) / WARM_UP) * max(0.01, 1 - self._step / steps)
        for part in self._optimizer.param_groups:
            part["lr"] = part["rate"] * share
        ids, attention, may_answer = _collate([text for group in batch for text in group.texts])
        with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
            hidden = functional.dropout(self._network.embeddings(input_ids=ids), DROPOUT)
            hidden = functional.dropout(self._network.encode(hidden, attention), DROPOUT)
        starts, ends, relevance = self._network.judge(hidden, attention)
        starts, ends = (part.masked_fill(~may_answer, _UNSEEN) for part in (starts, ends))
        losses = torch.zeros(3)
        first = 0
        for group in batch:
            rows = slice(first, first + len(group.texts))
            first = rows.stop
            losses = losses + self._losses(group, starts[rows], ends[rows], relevance[rows])
        losses = losses / len(batch)
        (losses[0] + losses[1] + 0.5 * losses[2]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*self._learned.values(), self._log_weight], 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._step += 1
        if self._step % 25 == 0:
            self._log(step=self._step, of=steps, losses=[round(x, 3) for x in losses.tolist()])

    def _losses(self, group: Group, starts: Tensor, ends: Tensor, relevance: Tensor) -> Tensor:
        """Of the span, of the ranking, and of each passage by itself."""
        answers = torch.zeros(len(group.texts))
        nowhere = starts.numel()
        first, last = group.span or (nowhere, nowhere)
        span = (_choose(starts, first) + _choose(ends, last)) / 2
        if group.span is None:
            by_itself = functional.binary_cross_entropy_with_logits(relevance[:, 1], answers)
            return torch.stack([0.5 * span, by_itself * 0, by_itself])
        ranked = relevance[:, 0] + self._log_weight.exp() * torch.tensor(group.scores)
        answers[0] = 1.0
        weights = torch.full_like(answers, 0.5 / max(1, len(answers) - 1))
        weights[0] = 0.5
        return torch.stack(
            [
                span,
                functional.cross_entropy(ranked[None], torch.tensor([0])),
                functional.binary_cross_entropy_with_logits(
                    relevance[:, 1], answers, weights, reduction="sum"
                ),
            ]
        )

    @torch.inference_mode()
    def _evaluate(self) -> dict[str, dict[str, float]]:
        """On held-out examples: spans found exactly, and how often the right passage is first of up
        to four that share no answer.
        """
        found = {}
        self._network.eval()
        for pair in _EVALUATED:
            spans, firsts, before = [], [], []
            for group in self._examples.held_out(pair, 200):
                ids, attention, may_answer = _collate(group.texts)
                with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
                    hidden = self._network.encode(
                        self._network.embeddings(input_ids=ids), attention
                    )
                starts, ends, relevance = self._network.judge(hidden, attention)
                starts, ends = (part.masked_fill(~may_answer, _UNSEEN) for part in (starts, ends))
                spans.append((int(starts[0].argmax()), int(ends[0].argmax())) == group.span)
                scores = torch.tensor(group.scores)
                ranked = relevance[:, 0] + self._log_weight.exp() * scores
                firsts.append(int(ranked.argmax()) == 0)
                before.append(int(scores.argmax()) == 0)
            columns = {"span": spans, "first": firsts, "first_before": before}
            found[" over ".join(pair)] = {
                name: round(float(np.mean(values)), 3) for name, values in columns.items()
            }
        self._network.train()
        return found

    def _log(self, **values: object) -> None:
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        print(line, flush=True)
        with (self._out / "training.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _keep(self, path: Path, mark: str) -> None:
        state = {
            "mark": mark,
            "learned": {name: part.detach() for name, part in self._learned.items()},
            "log_weight": self._log_weight.detach(),
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
        self._network.load_state_dict(state["learned"], strict=False)
        self._log_weight.data.copy_(state["log_weight"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step = state["step"]

    def _save(self, path: Path) -> None:
        learned = {name: part.detach().half() for name, part in self._learned.items()}
        save_file(learned, path, metadata={"base": self._base})


def _choose(logits: Tensor, right: int) -> Tensor:
    """Cross-entropy of the right place among all, after which comes the one for no answer."""
    places = functional.pad(logits.reshape(1, -1), (0, 1))
    return functional.cross_entropy(places, torch.tensor([right]))


def _collate(texts: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids, attention mask, and which tokens may answer: each of shape (texts, tokens)."""
    # Few widths: the memory that products of many shapes take is never given back.
    longest = max(len(text.ids) for text in texts)
    shape = len(texts), -(-longest // _WIDTH_STEP) * _WIDTH_STEP
    ids = torch.ones(shape, dtype=torch.long)
    attention = torch.zeros(shape, dtype=torch.long)
    may_answer = torch.zeros(shape, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        attention[row, : len(text.ids)] = 1
        may_answer[row, : len(text.ids)] = torch.tensor(text.may_answer)
    return ids, attention, may_answer


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, help="directory or name of the embedding model")
    parser.add_argument("--data", type=Path, required=True, help="where the question sets are")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default: {EPOCHS}")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    embedder = Embedder.load(arguments.model)
    examples = Examples(embedder, arguments.data)
    torch.manual_seed(SEED)
    Training(embedder, examples, arguments.out, arguments.epochs, arguments.start).run()


if __name__ == "__main__":
    main()
