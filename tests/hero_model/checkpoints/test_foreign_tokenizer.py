"""Somebody else's tokenizer reads as its owner's does, and opens nothing but its own two files."""

import json
from pathlib import Path
from typing import Any

import pytest

from hero_model.checkpoints.foreign_tokenizer import load_foreign_tokenizer
from hero_model.checkpoints.text_encoder import load_tokenizer, minilm_folder, token_fields
from hero_model.errors import InputError
from tests.hero_model.checkpoints.test_text_encoder import roberta_tokenizer

TEXTS = ["Hello [SEP] Wörld, it's 1 o'clock", "w3 w19 <mask> naïve", "中文 unaffable\n", ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    load_tokenizer(minilm_folder()).save_pretrained(tmp_path)
    return tmp_path


def say(folder: Path, **changes: Any) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_it_reads_as_the_librarys_own(kind: str, folder: Path) -> None:
    if kind == "roberta":
        roberta_tokenizer(folder, words=20, fillers=3)
    own, foreign = load_tokenizer(folder), load_foreign_tokenizer(folder)
    for special in (True, False):
        expected = own(TEXTS, add_special_tokens=special)["input_ids"]
        assert foreign(TEXTS, add_special_tokens=special)["input_ids"] == expected
    assert token_fields(foreign) == token_fields(own)


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab_file": "{}/secret", "vocab": "{}/secret"},
        {"tokenizer_file": "{}/secret", "gguf_file": "{}/secret"},
        {"tokenizer_class": "AutoModel", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}},
        {"extra_special_tokens": ["herobench"], "added_tokens_decoder": {"30522": {"content": "herobench"}}},
    ],
)
def test_what_else_is_said_changes_nothing(changes: dict[str, Any], folder: Path) -> None:
    (folder / "secret").write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\nsecret\n")
    before = load_foreign_tokenizer(folder)
    said = json.loads(json.dumps(changes).replace("{}", str(folder)))
    say(folder, **said)
    (folder / "special_tokens_map.json").write_text(json.dumps(said))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "tokenizer_class": "AutoModel"}))
    after = load_foreign_tokenizer(folder)
    assert type(after) is type(before)
    assert after.get_vocab() == before.get_vocab()


def test_a_token_may_be_written_out(folder: Path) -> None:
    say(folder, cls_token={"content": "[SEP]", "lstrip": False, "special": True})
    tokenizer = load_foreign_tokenizer(folder)
    assert tokenizer.cls_token_id == tokenizer.sep_token_id == 102


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"cls_token": None}, r"tokenizer_config\.json: the tokenizer has no cls_token"),
        ({"mask_token": ["/etc/passwd"]}, r"tokenizer_config\.json: .*mask_token"),
        ({"pad_token": {"vocab_file": "/etc/passwd"}}, r"tokenizer_config\.json: .*content"),
    ],
)
def test_special_tokens_that_are_none_are_refused(said: dict[str, Any], expected: str, folder: Path) -> None:
    say(folder, **said)
    with pytest.raises(InputError, match=expected):
        load_foreign_tokenizer(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_both_files_are_needed(name: str, folder: Path) -> None:
    (folder / name).unlink()
    (folder / "vocab.txt").write_text("[UNK]\n")
    with pytest.raises(InputError, match=rf"{name}: no such file"):
        load_foreign_tokenizer(folder)
