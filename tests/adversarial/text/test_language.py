"""English is told from other languages by the words that it alone writes so."""

import pytest

from adversarial.text.language import FEWEST, english_share


@pytest.mark.parametrize(
    ("questions", "english"),
    [
        (["What is in the pan?", "how many plates are there", "WHERE IS SHE?"], True),
        (["Was ist in der Pfanne?", "Wie viele Teller stehen auf dem Tisch?", "Wo ist sie?"], False),
        (["Que fait la femme dans la cuisine ?", "Combien de pommes y a-t-il ?"], False),
        (["\u9505\u91cc\u6709\u4ec0\u4e48\uff1f", "\u4ed6\u5728\u505a\u4ec0\u4e48\uff1f"], False),
        (["\u00bfQu\u00e9 hay en la sart\u00e9n?", "\u00bfD\u00f3nde est\u00e1 la mujer?"], False),
    ],
)
def test_english_is_told(questions: list[str], english: bool) -> None:
    assert (english_share(questions) >= FEWEST) == english
