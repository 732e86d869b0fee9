"""Any question answering model of transformers, instead of the cross-encoder, for short answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from qa.retriever import Hit, Judgement, TokenLogits
from qa.spans import find_spans, places_of_tokens

_MOST_TOKENS = 512


class SpanReaderError(Exception):
    """The model cannot be loaded; the message says why and what to do."""


class SpanReader:
    """Finds short answers with a model for extractive question answering (SQuAD).

    The first token stands for no answer, as SQuAD 2.0 has it (Devlin et al., "BERT", 2018,
    arXiv:1810.04805); of a model that was not trained so, no refusals are to be expected. Safe to
    call from several threads.
    """

    def __init__(self, name: str) -> None:
        """`name`: of a model on the hub, or a directory.

        Raises:
            SpanReaderError: There is no such model, it cannot be loaded, or is of another kind.
        """
        # Here and not above: the import takes seconds, and by default it is not needed.
        from safetensors import SafetensorError
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        advice = f"the reader {name!r} cannot be loaded: give the path or the name of a question "
        advice += "answering model, or `embedded`"
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True)
            self._model, found = AutoModelForQuestionAnswering.from_pretrained(
                name, output_loading_info=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise SpanReaderError(f"{advice} ({error})") from error
        if found["missing_keys"] or not self._tokenizer.is_fast:
            raise SpanReaderError(f"{advice} (it has no head for questions, or no fast tokenizer)")
        self._model.eval()
        self._lock = threading.Lock()
        self.name = name

    def read(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """The same hits, judged by where a short answer stands in them."""
        import torch

        if not hits:
            return []
        texts = [hit.passage.embedded_text for hit in hits]
        with self._lock, torch.inference_mode():
            encoded = self._tokenizer(
                [question] * len(texts),
                texts,
                truncation="longest_first",
                max_length=min(_MOST_TOKENS, self._tokenizer.model_max_length),
                padding=True,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            given = {k: v for k, v in encoded.items() if k != "offset_mapping"}
            found = self._model(**given)
        judged = []
        for row, hit in enumerate(hits):
            starts, ends = found.start_logits[row].numpy(), found.end_logits[row].numpy()
            places = places_of_tokens(encoded, row, hit.passage, texts[row])
            spans = find_spans(
                TokenLogits(starts, ends, places),
                hit.passage.sentences,
                nowhere=float(starts[0] + ends[0]),
            )
            best = max(span.score for span in spans)
            judgement = hit.judgement or Judgement(relevance=0.0, answers=best, spans=spans)
            judged.append(replace(hit, judgement=judgement, spans=spans))
        return judged
