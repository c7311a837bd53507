"""Token sequences of sentences, queries and questions: leading tokens, context, and what the position table holds."""

from collections.abc import Collection, Sequence

import numpy as np

from hero_model.config import HeroConfig
from hero_model.data.examples import Clip, Ids


def with_context(
    clip: Clip, sentence: int, config: HeroConfig, limit: int | None = None, gone: Collection[int] = ()
) -> Ids:
    """[</s>] + joined words."""
    return np.concatenate([[config.sep_token_id], joined_words(clip.sentences, sentence, config, limit, gone)])


def joined_words(
    sentences: Sequence[Ids], sentence: int, config: HeroConfig, limit: int | None = None, gone: Collection[int] = ()
) -> Ids:
    """Words of the context sentences before + the sentence's own, each cut to the limit, without the `gone` ones.

    As many as the position table holds beside a leading token.
    """
    first = max(0, sentence - config.context_sentences)
    words = [sentences[s][:limit] for s in range(first, sentence + 1) if s not in gone]
    return np.concatenate([np.empty(0, np.int64), *words])[: config.max_position_embeddings - 1]


def query_ids(words: Ids, config: HeroConfig) -> Ids:
    """[<s>] + words, cut to the position tables."""
    return np.concatenate([[config.cls_token_id], words])[: query_limit(config)]


def query_limit(config: HeroConfig) -> int:
    """Tokens of a query, the leading one included, that both position tables hold."""
    return min(config.max_position_embeddings, config.max_query_positions)


def question_ids(question: Ids, options: Sequence[Ids], longest_sentence: int, config: HeroConfig) -> list[Ids]:
    """[</s>] + question + [</s>] + answer, for each answer, cut to the position table.

    Question and answer get what the longest sentence leaves, at least half of the table; of that the question
    gets what the longest answer leaves, at least half; and an answer the rest.
    """
    lead, table = np.array([config.sep_token_id]), config.max_position_embeddings
    room = max(table - longest_sentence, table // 2) - 2 * len(lead)
    question = _beside(question, options, room)
    return [np.concatenate([lead, question, lead, option[: room - len(question)]]) for option in options]


def claim_ids(question: Ids, options: Sequence[Ids], config: HeroConfig) -> list[Ids]:
    """[<s>] + question + answer, for each answer: as a query, of which the end of the question is cut first."""
    room = query_limit(config) - 1
    question = _beside(question, options, room)
    return [query_ids(np.concatenate([question, option]), config) for option in options]


def _beside(question: Ids, options: Sequence[Ids], room: int) -> Ids:
    """As much of a question as the longest answer leaves of the room, at least half."""
    return question[: max(room - max(map(len, options)), room // 2)]
