from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

from corpus import text_document
from index import Chunking, Embedder, Snapshot, SnapshotStore, build_snapshot
from qa import Answerer, Reranker, RerankerError, load_reranker
from qa.cross_encoder import READER_WEIGHTS, RERANKER_WEIGHTS, CrossEncoder, Network
from qa.fit.learner import Adapter
from qa.reranker import ModelReranker, find_passages
from qa.retriever import Hit, TokenLogits, retrieve
from qa.spans import find_spans

QUESTION = "Combien de personnes travaillent sur le campus ?"


@pytest.fixture(scope="module")
def cross_encoder(embedder: Embedder) -> CrossEncoder:
    return CrossEncoder(embedder)


@pytest.fixture(scope="module")
def hits(snapshot: Snapshot, embedder: Embedder) -> list[Hit]:
    return retrieve(snapshot, QUESTION, embedder.embed_query(QUESTION), 20)


def test_what_the_adapters_add_is_merged_into_the_layers(
    cross_encoder: CrossEncoder, embedder: Embedder, hits: list[Hit]
) -> None:
    bert, tokenizer = embedder.backbone()
    before = bert.encoder.layer[0].attention.self.query.weight.clone()
    network = Network(copy.deepcopy(bert))
    with safe_open(RERANKER_WEIGHTS, "pt") as file:
        learned = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    rank = next(len(part) for name, part in learned.items() if name.endswith(".down"))
    for _, parent, name, linear in list(network.adapted()):
        setattr(parent, name, Adapter(linear, rank))
    assert not network.load_state_dict(learned, strict=False).unexpected_keys
    network.eval()
    passages = [hit.passage for hit in hits[:3]]
    judgements = cross_encoder.read(QUESTION, passages)
    for passage, judgement in zip(passages, judgements, strict=True):
        found = tokenizer(QUESTION, passage.embedded_text, return_tensors="pt")
        with torch.inference_mode():
            hidden = network.embeddings(input_ids=found["input_ids"])
            hidden = network.encode(hidden, found["attention_mask"])
            _, _, relevance = network.judge(hidden, found["attention_mask"])
        # The service may multiply in bfloat16, whose mantissa has eight bits.
        assert judgement.relevance == pytest.approx(float(relevance[0, 0]), abs=0.2)
        assert judgement.answers == pytest.approx(float(relevance[0, 1]), abs=0.2)
    assert torch.equal(bert.encoder.layer[0].attention.self.query.weight, before)


def test_it_finds_the_answer_in_its_sentence(cross_encoder: CrossEncoder, hits: list[Hit]) -> None:
    hit = next(hit for hit in hits if "1 600 personnes" in hit.passage.text.replace("\u202f", " "))
    (judgement,) = cross_encoder.read(QUESTION, [hit.passage])
    assert len(judgement.spans) == len(hit.passage.sentences)
    for span, (start, end) in zip(judgement.spans, hit.passage.sentences, strict=True):
        assert start <= span.start < span.end <= end
    best = max(judgement.spans, key=lambda span: span.score)
    found = hit.passage.text[best.start - hit.passage.start : best.end - hit.passage.start]
    assert "600 personnes" in found.replace("\u202f", " ")


def test_passages_too_long_for_the_model_are_read_as_far_as_it_goes(
    cross_encoder: CrossEncoder, hits: list[Hit]
) -> None:
    whole = hits[0].passage
    first, last = whole.sentences[0]
    text = whole.text[first - whole.start : last - whole.start] + " mot" * 600 + " Fin du texte."
    spans = ((0, len(text) - 13), (len(text) - 13, len(text)))
    long = replace(whole, text=text, start=0, end=len(text), sentences=spans)
    (judgement,) = cross_encoder.read(QUESTION, [long])
    seen, unseen = judgement.spans
    assert seen.score > unseen.score == -30
    assert unseen.end == 0


def test_a_question_too_long_for_the_model_is_read_as_far_as_it_goes(
    cross_encoder: CrossEncoder, hits: list[Hit]
) -> None:
    for question in ("7" * 2000, "Combien de personnes ? " * 90):
        (judgement,) = cross_encoder.read(question, [hits[0].passage])
        assert max(span.score for span in judgement.spans) > -30


def test_hits_come_back_in_order_with_scores_from_0_to_1(
    answerer: Answerer, snapshot: Snapshot, embedder: Embedder, reranker: Reranker
) -> None:
    vector = embedder.embed_query(QUESTION)
    bare, seconds = find_passages(snapshot, QUESTION, vector, 10)
    reranked, longer = find_passages(snapshot, QUESTION, vector, 10, reranker=reranker)
    assert seconds == 0 < longer
    assert len(bare) == len(reranked) == 10
    assert all(hit.judgement is None for hit in bare)
    assert all(hit.judgement is not None and 0 <= hit.score <= 1 for hit in reranked)
    alone = reranker.rerank(QUESTION, bare)
    assert [hit.score for hit in alone] == sorted((hit.score for hit in alone), reverse=True)
    assert [hit.number for hit in alone] != [hit.number for hit in bare]
    # How many are wanted does not change which come first.
    for count in (3, 20):
        found, _ = find_passages(snapshot, QUESTION, vector, count, reranker=reranker)
        assert found[:10] == reranked[:count]
    # The other modes show what a search finds by itself.
    dense, _ = find_passages(snapshot, QUESTION, vector, 5, "dense", reranker=reranker)
    assert dense == retrieve(snapshot, QUESTION, vector, 5, "dense")


def test_the_best_are_read_again_and_the_mean_finds_the_short_answers(
    embedder: Embedder, reranker: Reranker, hits: list[Hit]
) -> None:
    ranked = reranker.rerank(QUESTION, hits[:6])
    read = reranker.read(QUESTION, ranked)
    assert [replace(hit, spans=()) for hit in read] == [replace(hit, spans=()) for hit in ranked]
    assert read[4:] == ranked[4:]
    assert read[:4] != ranked[:4]
    networks = [CrossEncoder(embedder, weights) for weights in (RERANKER_WEIGHTS, READER_WEIGHTS)]
    for hit in read[:4]:
        one, two = (
            judgement.tokens
            for network in networks
            for judgement in network.read(QUESTION, [hit.passage])
        )
        assert one is not None
        assert two is not None
        mean = TokenLogits(
            (one.starts + two.starts) / np.float32(2),
            (one.ends + two.ends) / np.float32(2),
            one.places,
        )
        expected = find_spans(mean, hit.passage.sentences)
        assert [(s.start, s.end) for s in hit.spans] == [(s.start, s.end) for s in expected]
    # What was not reranked is not read.
    assert reranker.read(QUESTION, hits[:3]) == hits[:3]


def test_threads_may_share_it(cross_encoder: CrossEncoder, hits: list[Hit]) -> None:
    questions = [QUESTION, "Qui dirige le campus ?", "What is the campus?", "Où est-il ?"] * 2
    passages = [hit.passage for hit in hits[:4]]
    alone = [cross_encoder.read(question, passages) for question in questions]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda q: cross_encoder.read(q, passages), questions)) == alone


def test_adapters_of_another_model_are_refused(embedder: Embedder, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"span.bias": torch.zeros(2)}, other, metadata={"base": "another-model"})
    with pytest.raises(RerankerError, match="belong to another-model"):
        CrossEncoder(embedder, other)
    other.write_bytes(RERANKER_WEIGHTS.read_bytes()[:1000])
    with pytest.raises(RerankerError, match="cannot be read"):
        CrossEncoder(embedder, other)


def test_adapters_and_heads_are_all_there_or_it_does_not_load(
    embedder: Embedder, tmp_path: Path
) -> None:
    with safe_open(RERANKER_WEIGHTS, "pt") as file:
        learned = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    for missing in ("span.weight", next(name for name in learned if name.endswith(".down"))):
        kept = {name: part for name, part in learned.items() if name != missing}
        save_file(kept, tmp_path / "some.safetensors", metadata=metadata)
        with pytest.raises(RerankerError, match=missing):
            CrossEncoder(embedder, tmp_path / "some.safetensors")


@pytest.mark.parametrize(
    ("name", "part", "reason"),
    [
        ("span.bias", torch.tensor([0.0, float("nan")]), "finite"),
        ("span.bias", torch.zeros(3), "not of this version"),
        ("layers.0.attention.self.query.down", torch.zeros(4, 384), "not of this version"),
    ],
)
def test_damaged_adapters_are_refused(
    embedder: Embedder, tmp_path: Path, name: str, part: torch.Tensor, reason: str
) -> None:
    with safe_open(RERANKER_WEIGHTS, "pt") as file:
        learned = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    assert name in learned
    save_file({**learned, name: part}, tmp_path / "damaged.safetensors", metadata=metadata)
    with pytest.raises(RerankerError, match=reason):
        CrossEncoder(embedder, tmp_path / "damaged.safetensors")


def make_cross_encoder(embedder: Embedder, folder: Path, labels: int) -> None:
    """A small one, not trained."""
    torch.manual_seed(0)
    _, tokenizer = embedder.backbone()
    config = BertConfig(
        vocab_size=250037,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        pad_token_id=1,
    )
    config.num_labels = labels
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_any_cross_encoder_replaces_it(
    embedder: Embedder, model_path: str, snapshot: Snapshot, tmp_path: Path
) -> None:
    for labels in (1, 2):
        make_cross_encoder(embedder, tmp_path / str(labels), labels)
    with pytest.raises(RerankerError, match="2 scores for a pair"):
        load_reranker(str(tmp_path / "2"), embedder, tmp_path)
    (tmp_path / "2" / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(RerankerError, match="cannot be loaded"):
        load_reranker(str(tmp_path / "2"), embedder, tmp_path)
    reranker = load_reranker(str(tmp_path / "1"), embedder, Path(model_path).parent)
    assert isinstance(reranker, ModelReranker)
    vector = embedder.embed_query(QUESTION)
    hits = retrieve(snapshot, QUESTION, vector, 10)
    reranked = reranker.rerank(QUESTION, hits)
    assert [h.score for h in reranked] == sorted((h.score for h in reranked), reverse=True)
    assert [h.number for h in reranked] != [h.number for h in hits]
    found, _ = find_passages(snapshot, QUESTION, vector, 10, reranker=reranker)
    assert {h.number for h in found} == {h.number for h in hits}
    assert Answerer(snapshot, embedder, reranker).ask(QUESTION).answered


def test_a_reranker_that_is_not_there_is_named(embedder: Embedder, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(RerankerError, match="missing"):
        load_reranker(missing, embedder, tmp_path)
    assert load_reranker("none", embedder, tmp_path) is None


@pytest.fixture(scope="module")
def chatty(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """One document that says the same again and again, and others."""
    again = "\n\n".join(
        f"La cantine du campus est ouverte {when} de midi à quatorze heures. " * 6
        for when in ("chaque jour", "tous les jours", "les jours ouvrés", "en semaine", "au public")
    )
    documents = [
        text_document(again, "cantine.txt", title="Cantine", language="fr"),
        text_document("La cantine sert des plats chauds.", "plats.txt", language="fr"),
        text_document("Le menu de la cantine est affiché.", "menu.txt", language="fr"),
        text_document("On paie à la cantine par carte.", "carte.txt", language="fr"),
        text_document("Une exposition se tient dans le hall.", "hall.txt", language="fr"),
    ]
    store = SnapshotStore(tmp_path_factory.mktemp("chatty"))
    build_snapshot(documents, embedder, store, Chunking(max_tokens=128))
    return store.load()


def test_one_document_does_not_fill_the_page_with_repeats(
    chatty: Snapshot, embedder: Embedder
) -> None:
    question = "Quand la cantine est-elle ouverte ?"
    vector = embedder.embed_query(question)
    plain = [hit.passage.document_id for hit in retrieve(chatty, question, vector, 4)]
    spread, _ = find_passages(chatty, question, vector, 4)
    documents = [hit.passage.document_id for hit in spread]
    assert plain.count(plain[0]) > 1
    assert documents[0] == plain[0]
    assert len(set(documents)) == 4
    whole, _ = find_passages(chatty, question, vector, 50)
    assert len(whole) == len(chatty.passages)
