"""The cross-encoders: a question and a passage read together, token by token.

Each is the embedding model itself with low-rank adapters on the linear layers (Hu et al., "LoRA:
Low-Rank Adaptation of Large Language Models", 2021, arXiv:2106.09685) and two heads: where a short
answer begins and ends, and whether there is one. The first ranks passages and says whether they
answer; the second reads the best of them once more, and where a short answer stands is found by the
mean of the two (Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation
using Deep Ensembles", 2017, arXiv:1612.01474). `python -m qa.fit.cross_encoder` trains them;
`qa/weights/README.md` is their model card.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from corpus import Passage
from index import Embedder
from qa.reranker import RerankerError
from qa.retriever import Hit, Judgement, TokenLogits
from qa.spans import find_spans, places_of_tokens

if TYPE_CHECKING:
    from transformers import BertModel

_WEIGHTS = Path(__file__).parent / "weights"
RERANKER_WEIGHTS = _WEIGHTS / "reranker.safetensors"
READER_WEIGHTS = _WEIGHTS / "reader.safetensors"

_READ_AGAIN = 4
"""How many of the best passages are read again: of ten, the others change no more than chance."""

_UNSEEN = -1e4
_HEADS = ("span.", "relevance.")


class Network(nn.Module):
    """An encoder of the BERT family with the two heads.

    Token ids of shape (texts, tokens) go through the embeddings, `encode` and `judge`.
    """

    def __init__(self, bert: BertModel) -> None:
        """`bert`: the network holds its embeddings and its layers."""
        super().__init__()
        self.embeddings: nn.Module = bert.embeddings
        self.layers: nn.ModuleList = bert.encoder.layer
        width = bert.config.hidden_size
        self.span = nn.Linear(width, 2)
        self.relevance = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))

    def encode(self, hidden: Tensor, attention: Tensor) -> Tensor:
        """Through all layers. Shape (texts, tokens, width) in and out."""
        mask = (1.0 - attention[:, None, None, :].to(hidden.dtype)) * _UNSEEN
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return hidden.float()

    def judge(self, hidden: Tensor, attention: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the heads make of the last layer.

        Returns:
            The logits of an answer's first and of its last token, each of shape (texts, tokens),
            and those of relevance, of shape (texts, 2), in the order of `Judgement`.
        """
        weights = attention.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        starts, ends = self.span(hidden).unbind(-1)
        return starts, ends, self.relevance(mean)

    def adapted(self) -> Iterator[tuple[str, nn.Module, str, nn.Linear]]:
        """The linear layers that have adapters: its name, its parent, its name there, itself."""
        for name, parent in self.layers.named_modules():
            for child, module in parent.named_children():
                if isinstance(module, nn.Linear):
                    yield f"layers.{name}.{child}", parent, child, module


class CrossEncoder:
    """Reads passages for a question. Safe to call from several threads."""

    def __init__(self, embedder: Embedder, weights: Path = RERANKER_WEIGHTS) -> None:
        """Args:
            embedder: Of the model that the adapters belong to; its word embeddings and tokenizer
                are shared.
            weights: The adapters and heads.

        Raises:
            RerankerError: They cannot be read, or belong to another model.
        """
        try:
            with safe_open(weights, "pt") as file:
                base = (file.metadata() or {}).get("base")
                learned = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise RerankerError(f"{weights} cannot be read: {error}") from error
        if base != Path(embedder.identity.name).name:
            raise RerankerError(
                f"the adapters belong to {base}, not to {embedder.identity.name}: train them anew "
                "with `python -m qa.fit.cross_encoder`, or set CAMPUS_QA_RERANKER=none"
            )
        bert, _ = embedder.backbone()
        # The layers change; the embeddings, four fifths of the model, do not.
        shared = {id(bert.embeddings): bert.embeddings, id(bert.pooler): None}
        self._network = Network(copy.deepcopy(bert, shared)).eval()
        linears = [(name, linear) for name, _, _, linear in self._network.adapted()]
        heads = [n for n, _ in self._network.named_parameters() if n.startswith(_HEADS)]
        wanted = {*heads, *(f"{name}.{part}" for name, _ in linears for part in ("up", "down"))}
        if learned.keys() != wanted:
            different = ", ".join(sorted(learned.keys() ^ wanted)[:3])
            raise RerankerError(f"{weights} is not of this version of the network: {different}")
        if not all(bool(part.isfinite().all()) for part in learned.values()):
            raise RerankerError(f"{weights} is damaged: not all of its numbers are finite")
        try:
            for name, linear in linears:
                linear.weight.data += learned.pop(f"{name}.up") @ learned.pop(f"{name}.down")
            self._network.load_state_dict(learned, strict=False)
        except RuntimeError as error:
            raise RerankerError(f"{weights} is not of this version of the network: {error}") from (
                error
            )
        self._half = has_bfloat16()
        if self._half:
            for _, linear in linears:
                linear.to(torch.bfloat16)
        self._embedder = embedder

    def read(self, question: str, passages: Sequence[Passage]) -> list[Judgement]:
        """Judge passages, in their order. Each is read with its title and headings.

        One at a time: together they would be padded to the longest, which takes a CPU longer, and
        a judgement would depend, by its last bits, on the others.
        """
        judgements = []
        for passage in passages:
            tokens, (relevance, answers) = self._read(question, passage)
            spans = find_spans(tokens, passage.sentences)
            judgements.append(Judgement(relevance, answers, spans, tokens))
        return judgements

    def read_again(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, of which another cross-encoder has judged the first ones. In the best few,
        short answers are those of the mean of what both make of each token.
        """
        read = []
        for hit in hits[:_READ_AGAIN]:
            first = hit.judgement and hit.judgement.tokens
            if first:
                mean = first.mean(self._read(question, hit.passage)[0])
                hit = replace(hit, spans=find_spans(mean, hit.passage.sentences))
            read.append(hit)
        return [*read, *hits[_READ_AGAIN:]]

    def _read(self, question: str, passage: Passage) -> tuple[TokenLogits, list[float]]:
        """The logits of the passage's tokens, and its relevance, in the order of `Judgement`."""
        text = passage.embedded_text
        encoded = self._embedder.tokenize_pairs(question, [text])
        ids, attention = encoded["input_ids"], encoded["attention_mask"]
        with torch.inference_mode():
            with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
                hidden = self._network.encode(self._network.embeddings(input_ids=ids), attention)
            # In single precision: bfloat16 has eight bits, and logits would come in steps.
            starts, ends, relevance = self._network.judge(hidden, attention)
        places = places_of_tokens(encoded, 0, passage, text)
        return TokenLogits(starts[0].numpy(), ends[0].numpy(), places), relevance[0].tolist()


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices faster than single precision."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
