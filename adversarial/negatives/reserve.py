"""Which items of a reserve lend: questions that are published nowhere give their right answers to those that are.

Inside one file a lent answer is right in one question and wrong in another, and whoever reads the whole file can tell
which. An answer of the reserve is right nowhere in the file, as long as its text stands in no published option either.
"""

from collections.abc import Sequence

from adversarial.data.schema import Item
from adversarial.text.normalise import canonical


def idle_lenders(items: Sequence[Item]) -> set[str | int]:
    """The ids of reserve items that do not lend: their right answer stands in a published option of their split.

    Of several that say the same, the first by its id lends: a text that is lent twice is wrong twice.
    """
    known = {(item.split, canonical(answer)) for item in items if not item.reserve for answer in item.answers}
    found = set()
    for item in sorted((item for item in items if item.reserve), key=lambda item: item.sort_key):
        name = item.split, canonical(item.correct)
        if name in known:
            found.add(item.qid)
        known.add(name)
    return found
