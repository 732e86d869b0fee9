"""The cross-encoder: a question and a passage read together, token by token.

It is the embedding model itself with low-rank adapters on the linear layers (Hu et al., "LoRA:
Low-Rank Adaptation of Large Language Models", 2021, arXiv:2106.09685) and two heads: where a short
answer begins and ends, and whether there is one. Two such networks, trained apart, read the
likeliest passages, and the mean of what they say counts (Lakshminarayanan et al., "Simple and
Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017, arXiv:1612.01474).
`python -m qa.fit.cross_encoder` trains them; `qa/weights/README.md` is their model card.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from corpus import Passage
from index import Embedder
from qa.reranker import RerankerError
from qa.retriever import Judgement
from qa.spans import find_spans, places_of_tokens

if TYPE_CHECKING:
    from transformers import BatchEncoding, BertModel

WEIGHTS = tuple(
    Path(__file__).parent / "weights" / f"cross_encoder-{number}.safetensors" for number in (1, 2)
)

_READ_AGAIN = 4
"""How many passages, those that the first network finds likeliest to answer, the others read too:
nearly as good as all, for half of the time."""

_UNSEEN = -1e4
_HEADS = ("span.", "relevance.")


class Logits(NamedTuple):
    """What a network says of texts.

    Attributes:
        starts, ends: Of an answer's first and of its last token. Shape (texts, tokens).
        relevance: In the order of `Judgement`. Shape (texts, 2).
    """

    starts: Tensor
    ends: Tensor
    relevance: Tensor


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

    def judge(self, hidden: Tensor, attention: Tensor) -> Logits:
        """What the heads make of the last layer."""
        weights = attention.unsqueeze(-1).float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        starts, ends = self.span(hidden).unbind(-1)
        return Logits(starts, ends, self.relevance(mean))

    def adapted(self) -> Iterator[tuple[str, nn.Module, str, nn.Linear]]:
        """The linear layers that have adapters: its name, its parent, its name there, itself."""
        for name, parent in self.layers.named_modules():
            for child, module in parent.named_children():
                if isinstance(module, nn.Linear):
                    yield f"layers.{name}.{child}", parent, child, module


class CrossEncoder:
    """Reads passages for a question. Safe to call from several threads."""

    def __init__(self, embedder: Embedder, weights: Sequence[Path] = WEIGHTS) -> None:
        """Args:
            embedder: Of the model that the adapters belong to; its word embeddings and tokenizer
                are shared.
            weights: The adapters and heads of each network.

        Raises:
            RerankerError: They cannot be read, or belong to another model.
        """
        self._networks = [_load(embedder, file) for file in weights]
        self._half = has_bfloat16()
        if self._half:
            for network in self._networks:
                for _, _, _, linear in network.adapted():
                    linear.to(torch.bfloat16)
        self._embedder = embedder

    def read(self, question: str, passages: Sequence[Passage]) -> list[Judgement]:
        """Judge passages, in their order. Each is read with its title and headings.

        The first network reads all, the others the few that by it are the likeliest to answer:
        of these the mean of the logits counts.
        """
        first, *others = self._networks
        # One at a time: together they would be padded to the longest, which takes a CPU longer, and
        # a judgement would depend, by its last bits, on the others.
        pairs = [
            self._embedder.tokenize_pairs(question, [passage.embedded_text]) for passage in passages
        ]
        opinions = [[self._judge(first, pair)] for pair in pairs]
        answers = [opinion.relevance[0, 1].item() for (opinion,) in opinions]
        for i in sorted(range(len(pairs)), key=lambda i: -answers[i])[:_READ_AGAIN]:
            opinions[i] += [self._judge(network, pairs[i]) for network in others]
        return [
            _conclude(pair, passage, own)
            for pair, passage, own in zip(pairs, passages, opinions, strict=True)
        ]

    def _judge(self, network: Network, pair: BatchEncoding) -> Logits:
        ids, attention = pair["input_ids"], pair["attention_mask"]
        with torch.inference_mode():
            with torch.autocast("cpu", torch.bfloat16, enabled=self._half):
                hidden = network.encode(network.embeddings(input_ids=ids), attention)
            # In single precision: bfloat16 has eight bits, and logits would come in steps.
            return network.judge(hidden, attention)


def _conclude(pair: BatchEncoding, passage: Passage, opinions: Sequence[Logits]) -> Judgement:
    """The judgement by the mean of what networks say."""
    starts, ends, relevance = (
        torch.stack(parts).mean(0)[0] for parts in zip(*opinions, strict=True)
    )
    places = places_of_tokens(pair, 0, passage, passage.embedded_text)
    spans = find_spans(starts.numpy(), ends.numpy(), places, passage.sentences)
    best, answers = relevance.tolist()
    return Judgement(best, answers, spans)


def _load(embedder: Embedder, weights: Path) -> Network:
    """The embedding model with these adapters and heads."""
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
    network = Network(copy.deepcopy(bert, shared)).eval()
    linears = [(name, linear) for name, _, _, linear in network.adapted()]
    heads = [n for n, _ in network.named_parameters() if n.startswith(_HEADS)]
    wanted = {*heads, *(f"{name}.{part}" for name, _ in linears for part in ("up", "down"))}
    if learned.keys() != wanted:
        different = ", ".join(sorted(learned.keys() ^ wanted)[:3])
        raise RerankerError(f"{weights} is not of this version of the network: {different}")
    if not all(bool(part.isfinite().all()) for part in learned.values()):
        raise RerankerError(f"{weights} is damaged: not all of its numbers are finite")
    try:
        for name, linear in linears:
            linear.weight.data += learned.pop(f"{name}.up") @ learned.pop(f"{name}.down")
        network.load_state_dict(learned, strict=False)
    except RuntimeError as error:
        raise RerankerError(f"{weights} is not of this version of the network: {error}") from error
    return network


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices faster than single precision."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
