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
import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from index import Embedder
from qa.fit.examples import SEED, Examples, Group
from qa.fit.learner import DROPOUT, SCORE_WEIGHT, UNSEEN, Batch, Learner, losses_of
from qa.fit.sets import WRITTEN_SET

EPOCHS = 4
TEXTS = 24
RANK = 32
RATE = 5e-4
WARM_UP = 100
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
                self._learner.load(
                    weights, float(file.metadata().get("score_weight", SCORE_WEIGHT))
                )
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
                for other in range(max(epoch, 1), min(epoch + ahead + 1, recipe.epochs)):
                    if other not in made:
                        made[other] = makers.submit(_make_batches, other, recipe.texts, recipe.seed)
                if epoch > 0:
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
        losses = losses_of(self._learner(batch), batch)
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
                before = batch.scores.masked_fill(batch.rows < 0, UNSEEN)
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
