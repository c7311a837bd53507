"""The exported query side: for every architecture the numbers of the packed path, without this package."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import CanineTokenizer, PreTrainedTokenizerBase

from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from hero_model.data.examples import word_ids
from hero_model.errors import InputError
from hero_model.inference.index import encode_queries
from hero_model.inference.query_side import export_queries, save_query_side
from hero_model.models.heads import l2_normalise
from hero_model.models.moment import HeroForMomentRetrieval
from tests.hero_model.tiny_world import FIRST_WORD, WORDS, tiny_config

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
LENGTHS = ([3], [0], [31], [0, 0, 0], [5, 5], [1, 7, 2, 31, 0, 7], [n % 12 for n in range(90)])  # words of each query
ARCHITECTURES = [
    {"architecture": "hero"},
    {"architecture": "hero", "reader_layers": 1},
    {"architecture": "hero", "dialect": "official", "num_hidden_layers": 2},
    {"architecture": "h_trm", "reader_layers": 2},
    {"architecture": "f_trm"},
    {"architecture": "xml"},
]
# what a search service has: torch and tokenizers
SERVICE = """
import json, sys
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

file, out, queries = sys.argv[1], sys.argv[2], sys.argv[3:]
extra = {"tokenizer.json": "", "query.json": ""}
program = torch.export.load(file, extra_files=extra).module()
words, facts = Tokenizer.from_str(extra["tokenizer.json"]), json.loads(extra["query.json"])
found = [words.encode(query, add_special_tokens=False).ids for query in queries]
rows = [torch.tensor([facts["leading_token"], *ids][: facts["most_tokens"]]) for ids in found]
ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
mask = torch.arange(ids.shape[1]) < torch.tensor([[len(row)] for row in rows])
found = program(ids, mask)
assert found["vectors"].shape == (len(queries), facts["vector_size"])
save_file({name: value.contiguous() for name, value in found.items()}, out)
assert not any(name.split(".")[0] in ("hero_model", "transformers") for name in sys.modules), "imports more"
"""


def searching(changes: dict[str, object]) -> HeroForMomentRetrieval:
    """With random biases and norms, too, so that what is left out is seen."""
    torch.manual_seed(0)
    model = HeroForMomentRetrieval(tiny_config(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.mark.parametrize("changes", ARCHITECTURES, ids=lambda changes: "-".join(map(str, changes.values())))
def test_a_padded_program_gives_the_numbers_of_the_packed_path(changes: dict[str, object]) -> None:
    model = searching(changes)
    program = export_queries(model).module()
    rng, head = np.random.default_rng(0), model.moment_head
    for lengths in LENGTHS:
        texts = [rng.integers(FIRST_WORD, FIRST_WORD + WORDS, length) for length in lengths]
        with torch.inference_mode():
            expected = encode_queries(model, texts)
            queries = {"clip_query": l2_normalise(head.clip_query(expected)), "span_query": head.span_query(expected)}
        rows = [torch.tensor([model.config.cls_token_id, *text]) for text in texts]
        filler = int(rng.integers(WORDS))  # any id: nobody looks where a query is padded
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=filler)
        found = program(ids, torch.arange(ids.shape[1]) < torch.tensor([[len(row)] for row in rows]))
        assert found.keys() == {"vectors", *queries}
        assert found["vectors"].shape == (len(lengths), expected.shape[1])
        torch.testing.assert_close(found["vectors"], expected, **CLOSE)
        for name, value in queries.items():
            torch.testing.assert_close(found[name], value, **CLOSE)


def test_a_query_longer_than_the_position_table_is_refused() -> None:
    program = export_queries(searching({})).module()
    program(torch.zeros(1, 32, dtype=torch.long), torch.ones(1, 32, dtype=torch.bool))
    with pytest.raises(AssertionError, match="32"):
        program(torch.zeros(1, 33, dtype=torch.long), torch.ones(1, 33, dtype=torch.bool))


def test_the_model_stays_as_it_is_and_the_program_holds_what_queries_read() -> None:
    model = searching({"reader_layers": 1})
    before = set(model.state_dict())
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    program = export_queries(model)
    assert set(model.state_dict()) == before
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == trained != set()
    held = {name.removeprefix("model.").rsplit(".", 1)[0].split(".layer")[0] for name in program.state_dict}
    assert "hero.cross_modal" in held
    assert not any("frame" in name or "temporal" in name for name in held)


@pytest.fixture(scope="module")
def reading() -> tuple[HeroForMomentRetrieval, PreTrainedTokenizerBase]:
    torch.manual_seed(0)
    model, tokenizer = from_text_encoder(
        HeroForMomentRetrieval, minilm_folder(), [0], feature_size=8, reader_layers=6, num_temporal_layers=1
    )
    return model.eval(), tokenizer


def test_a_service_without_this_package_reads_queries(
    reading: tuple[HeroForMomentRetrieval, PreTrainedTokenizerBase], tmp_path: Path
) -> None:
    """In a process of its own: both streams, the words of the tokenizer, queries longer than a tokenizer would cut."""
    model, tokenizer = reading
    tokenizer(["a", "b c"], padding="max_length", truncation=True, max_length=8)  # stays in it
    save_query_side(model, tokenizer, tmp_path / "queries.pt2")
    queries = ["Somebody opens the blue door.", "fish", "a snail " * 90, "Älter werden ohne Öl"]
    command = [sys.executable, "-c", SERVICE, "queries.pt2", "found.safetensors", *queries]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    found = load_file(tmp_path / "found.safetensors")
    with torch.inference_mode():
        expected = encode_queries(model, [word_ids(query, tokenizer) for query in queries])
    torch.testing.assert_close(found["vectors"], expected, **CLOSE)
    size = model.config.hidden_size
    assert found["clip_query"].shape == found["span_query"].shape == (len(queries), 2, size)
    torch.testing.assert_close(found["clip_query"][:, 1], expected[:, size:], **CLOSE)  # the reader's is of length one
    torch.testing.assert_close(found["clip_query"].norm(dim=-1), torch.ones(len(queries), 2))


def test_a_tokenizer_of_python_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a CanineTokenizer, which has no tokenizer\.json"):
        save_query_side(searching({}), CanineTokenizer(), tmp_path / "queries.pt2")
    assert list(tmp_path.iterdir()) == []
