from __future__ import annotations

import pytest
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from index import Embedder, Snapshot
from qa import Answerer, Reranker
from qa.cross_encoder import CrossEncoder
from qa.llama import PassageReranker, PassageRetriever
from qa.reranker import EmbeddedReranker

QUESTION = "Quels sont les membres fondateurs ?"


def test_a_llama_index_program_retrieves_what_the_service_does(
    answerer: Answerer, snapshot: Snapshot, embedder: Embedder, reranker: Reranker
) -> None:
    found = PassageRetriever(snapshot, embedder, top_k=4, reranker=reranker).retrieve(QUESTION)
    served = answerer.search(QUESTION, top_k=4).passages
    assert [node.node_id for node in found] == [passage.passage_id for passage in served]
    assert [round(node.score or 0, 4) for node in found] == [passage.score for passage in served]


def test_the_reranker_is_a_postprocessor(
    answerer: Answerer, snapshot: Snapshot, embedder: Embedder, reranker: Reranker
) -> None:
    retrieved = PassageRetriever(snapshot, embedder, top_k=10).retrieve(QUESTION)
    postprocessor = PassageReranker(reranker, top_k=3)
    found = postprocessor.postprocess_nodes(retrieved, QueryBundle(QUESTION))
    served = answerer.search(QUESTION, top_k=3).passages
    assert [node.node_id for node in found] == [passage.passage_id for passage in served]
    assert [round(node.score or 0, 4) for node in found] == [p.score for p in served]
    assert found[0].node.metadata["title"]
    # What it reads the passage with is not said twice to an LLM.
    context = served[0].title
    assert context in found[0].node.get_content(MetadataMode.ALL)
    assert "passage_context" not in found[0].node.get_content(MetadataMode.LLM)


@pytest.mark.parametrize("scores", [(None, None, None), (-2000.0, -11.5, -20.0), (12.0, 3.0, 1.0)])
def test_it_reranks_nodes_of_any_retriever(
    embedder: Embedder, scores: tuple[float | None, ...]
) -> None:
    texts = [
        "La cantine sert trois cents repas par jour.",
        "Le directeur est un ancien marin.",
        "La salle de sport ferme à vingt heures.",
    ]
    nodes = [
        NodeWithScore(node=TextNode(text=text), score=score)
        for text, score in zip(texts, scores, strict=True)
    ]
    cross_encoder = CrossEncoder(embedder)
    postprocessor = PassageReranker(EmbeddedReranker(cross_encoder, cross_encoder, scored=False))
    found = postprocessor.postprocess_nodes(nodes, QueryBundle("Qui dirige la maison ?"))
    assert found[0].node.get_content() == texts[1]
    assert len(found) == 3
    with pytest.raises(ValueError, match="question is needed"):
        postprocessor.postprocess_nodes(nodes)
