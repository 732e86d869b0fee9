"""Other models for short answers: here our own, as a question answering model of transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertConfig, BertForQuestionAnswering, BertModel

from index import Embedder, Snapshot
from qa import Answerer, Reranker, SpanReader, SpanReaderError
from qa.cross_encoder import CrossEncoder
from qa.retriever import retrieve

QUESTION = "Combien de personnes travaillent à PariSanté Campus ?"


@pytest.fixture(scope="module")
def exported(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The cross-encoder's layers and span head under the names that transformers gives them."""
    network = CrossEncoder(embedder)._network.float()
    backbone, tokenizer = embedder.backbone()
    model = BertForQuestionAnswering(BertConfig(**backbone.config.to_dict()))
    model.bert.embeddings.load_state_dict(network.embeddings.state_dict())
    model.bert.encoder.layer.load_state_dict(network.layers.state_dict())
    model.qa_outputs.load_state_dict(network.span.state_dict())
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_model_given_by_name_finds_the_short_answers(
    exported: str, snapshot: Snapshot, embedder: Embedder
) -> None:
    hits = retrieve(snapshot, QUESTION, embedder.embed_query(QUESTION), 3)
    judged = SpanReader(exported).read(QUESTION, hits)
    own = CrossEncoder(embedder).read(QUESTION, [hit.passage for hit in hits])
    assert [hit.number for hit in judged] == [hit.number for hit in hits]
    same = total = 0
    for hit, expected in zip(judged, own, strict=True):
        assert hit.judgement
        assert len(hit.judgement.spans) == len(hit.passage.sentences)
        for one, other in zip(hit.judgement.spans, expected.spans, strict=True):
            total += 1
            same += (one.start, one.end) == (other.start, other.end)
    # The cross-encoder may multiply in bfloat16.
    assert same >= 0.8 * total


@pytest.mark.parametrize("reranked", [True, False])
def test_answers_come_with_its_short_answer(
    exported: str, snapshot: Snapshot, embedder: Embedder, reranker: Reranker, reranked: bool
) -> None:
    answerer = Answerer(
        snapshot, embedder, reranker if reranked else None, span_reader=SpanReader(exported)
    )
    answer = answerer.ask(QUESTION)
    assert "600 personnes" in (answer.short_answer or "")
    assert (answer.short_answer or "") != answer.citations[0].quote
    assert not answerer.ask("?").answered


def test_what_is_no_such_model_is_refused(
    exported: str, embedder: Embedder, tmp_path: Path, model_path: str
) -> None:
    with pytest.raises(SpanReaderError, match="cannot be loaded"):
        SpanReader(str(tmp_path))
    backbone, tokenizer = embedder.backbone()
    assert isinstance(backbone, BertModel)
    backbone.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(SpanReaderError, match="no head for questions"):
        SpanReader(str(tmp_path))
