"""The tokenizer of somebody else's model, of which nothing can name another file or a piece of code.

The library's own loader takes what `tokenizer_config.json` says for arguments: `vocab_file` may be any path of the
machine, `tokenizer_class` any class of the library. Here the words come out of `tokenizer.json` alone, and of the
configuration only the names of the special tokens are read. For what `train` and `convert` write it is the same.
"""

from pathlib import Path

import msgspec
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from evaluation.io.errors import refusing
from hero_model.checkpoints.text_encoder import check_special_tokens
from hero_model.errors import InputError
from hero_model.paths import check_input_file

WORDS, SPECIAL = "tokenizer.json", "tokenizer_config.json"


class _Token(msgspec.Struct):
    """A token written out with how it is cut from a text; `tokenizer.json` says the same."""

    content: str


class _SpecialTokens(msgspec.Struct):
    """What is read of tokenizer_config.json; every other key is left there."""

    cls_token: str | _Token | None = None
    sep_token: str | _Token | None = None
    pad_token: str | _Token | None = None
    mask_token: str | _Token | None = None
    unk_token: str | _Token | None = None
    bos_token: str | _Token | None = None
    eos_token: str | _Token | None = None


def load_foreign_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, of its own two files alone. Raises InputError."""
    words, special = folder / WORDS, folder / SPECIAL
    check_input_file(words, "the tokenizer of a model that `train` or `convert` made")
    check_input_file(special, "the names of the tokenizer's special tokens")
    with refusing(str(special), InputError):
        said = msgspec.structs.asdict(msgspec.json.decode(special.read_bytes(), type=_SpecialTokens))
    tokens = {name: token.content if isinstance(token, _Token) else token for name, token in said.items()}
    with refusing(f"{words}: no tokenizer can be loaded from it", InputError):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(str(words)), **tokens)
    check_special_tokens(tokenizer, str(special))
    return tokenizer
