from __future__ import annotations

from index import Embedder, Snapshot
from qa import Answerer
from qa.llama import PassageRetriever


def test_a_llama_index_program_retrieves_what_the_service_does(
    answerer: Answerer, snapshot: Snapshot, embedder: Embedder
) -> None:
    question = "Quels sont les membres fondateurs ?"
    found = PassageRetriever(snapshot, embedder, top_k=4).retrieve(question)
    served = answerer.search(question, top_k=4).passages
    assert [node.node_id for node in found] == [passage.passage_id for passage in served]
    assert [round(node.score or 0, 4) for node in found] == [passage.score for passage in served]
