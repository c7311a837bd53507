"""A word without its inflection, and one name for a few synonyms: what makes "slicing" and "cuts" one word."""

from adversarial.text import lexicon


def stem(token: str) -> str:
    """A word without its inflection: plural, -ing, -ed, irregular forms; then one name for a few synonyms."""
    base = lexicon.IRREGULAR.get(token)
    if base is None:
        base = token
        if len(base) > 3 and base.endswith("s") and not base.endswith(("ss", "us", "is")):
            base = _singular(base)
        base = lexicon.IRREGULAR.get(base) or _without_tense(base)
    bare = _bare(base)
    return _SYNONYMS.get(bare, bare)


def _without_tense(word: str) -> str:
    for suffix in ("ing", "ed"):
        root = word.removesuffix(suffix)
        if root != word and len(root) >= 3 and any(letter in "aeiouy" for letter in root):
            doubled = len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz"
            return root[:-1] if doubled else root
    return word


def _bare(word: str) -> str:
    """Without a last e and with y for i, so that "slicing" meets "slice" and "fried" meets "fry"."""
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "y" if word.endswith("i") else word


_SYNONYMS = {_bare(word): _bare(name) for word, name in lexicon.SYNONYMS.items()}


def _singular(token: str) -> str:
    if token.endswith("ies") and len(token) > 4:
        return token[:-3] + "y"
    if token.endswith(("shes", "ches", "xes", "sses", "zes", "oes")):
        return token[:-2]
    return token[:-1]
