"""Questions with four answers as people write them: the right one in full, the wrong ones short and careless.

That carelessness is wanted: a reader who never sees the film does better than chance on such answers, which is
what adversarial matching then takes away.
"""

from collections.abc import Callable, Sequence
from random import Random

from benchmark_site.demo.plot import COLOURS, KINDS, PATTERNS, SHAPES
from benchmark_site.demo.script import Clip, Event, Subject, Subtitle, WrittenQuestion
from benchmark_site.demo.speech import DID, THING, WHERE, WHO, article
from benchmark_site.demo.wording import (
    NO_PATTERN,
    NUMBERS,
    PLURAL_KINDS,
    RELATIVES,
    SHORT_ACTIONS,
    Mention,
    capital,
    clause,
    plural,
    say,
)

OFF_TYPE = 0.12  # share of wrong answers that do not even answer this kind of question
OFF_TYPE_ANSWERS = ("Nothing", "Nobody knows", "Yes", "At night", "A dog", "Outside", "Maybe later", "I can't see it")

Maker = Callable[[Random, Clip, Event, Subject], WrittenQuestion]


def write_question(rng: Random, clip: Clip, event: Event, line: Subtitle | None) -> WrittenQuestion:
    """A question about the moment; one in three is about the spoken ``line`` where there is one with a topic."""
    subject = event.subject
    if subject is None:
        raise ValueError(f"an event of kind {event.kind!r} has no subject to ask about")
    if line is not None and line.topic is not None and rng.random() < 1 / 3:
        return rng.choice((_who_did, _where_did, _what_did, _what_is_said))(rng, event, line)
    makers: list[Maker] = [_colour, _shape, _action, _action, *SPECIAL.get(event.kind, ())]
    return rng.choice(makers)(rng, clip, event, subject)


def _asked(rng: Random, question: str, correct: str, wrong: Sequence[str]) -> WrittenQuestion:
    """Draw three wrong answers; here and there one that is off the type of the question."""
    taken = {_plain(correct), _plain(question)}
    drawn: list[str] = []
    pool = rng.sample(wrong, len(wrong))
    while len(drawn) < 3:
        careless = rng.random() < OFF_TYPE or not pool
        answer = rng.choice(OFF_TYPE_ANSWERS) if careless else pool.pop()
        if _plain(answer) not in taken:
            taken.add(_plain(answer))
            drawn.append(answer)
    return WrittenQuestion(capital(question), capital(correct), (drawn[0], drawn[1], drawn[2]))


def _plain(answer: str) -> str:
    return "".join(letter for letter in answer.casefold() if letter.isalnum())


def _one(rng: Random, event: Event, mention: Mention, subject: Subject) -> tuple[str, str]:
    """The words for the subject and the verb to be that goes with them."""
    phrase = mention.phrase(rng, subject)
    if event.kind not in PLURAL_KINDS:
        return phrase, "is"
    return plural(phrase), "are"


def _does(rng: Random, event: Event) -> str:
    return rng.choice(RELATIVES[event.kind])


def _colour(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, Mention(colour=False, pattern=False), subject)
    question = rng.choice(
        (
            f"what colour {be} the {phrase} {_does(rng, event)}?",
            f"which colour do we see on the {phrase} {_does(rng, event)}?",
        )
    )
    first = " at first" if event.kind == "recolour" else ""
    correct = rng.choice(
        (
            f"the {phrase} {be} {subject.colour}{first}",
            f"bright {subject.colour}",
            f"{subject.colour}{first}",
            f"a strong {subject.colour}",
        )
    )
    return _asked(rng, question, correct, [capital(colour) for colour in COLOURS if colour != subject.colour])


def _shape(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, Mention(shape=False, pattern=False), subject)
    question = rng.choice(
        (f"what kind of shape {be} the {phrase} {_does(rng, event)}?", f"what {be} the {phrase} {_does(rng, event)}?")
    )
    pattern = "" if subject.pattern == "plain" else f"{say(rng, subject.pattern)} "
    noun = say(rng, subject.shape)
    correct = f"{pattern}{plural(noun)}" if be == "are" else article(f"{pattern}{noun}")
    wrong = [plural(shape) if be == "are" else article(shape) for shape in SHAPES if shape != subject.shape]
    return _asked(rng, question, correct, [capital(answer) for answer in wrong])


def _action(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, NO_PATTERN, subject)
    do = "does" if be == "is" else "do"
    question = rng.choice((f"what {do} the {phrase} do?", f"what happens to the {phrase} here?"))
    action = clause(rng, event, NO_PATTERN, pronoun=True)
    others = [answer for kind in KINDS if kind != event.kind for answer in SHORT_ACTIONS[kind]]
    return _asked(rng, question, action, others)


def _direction(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    back = "left" if event.direction == "right" else "right"
    phrase = NO_PATTERN.phrase(rng, subject)
    correct = rng.choice((f"from the {back} to the {event.direction}", f"towards the {event.direction} side"))
    wrong = [f"To the {back}", "Upwards", "Down", "Into the middle", "It stands still", f"From the {event.direction}"]
    return _asked(rng, f"in which direction does the {phrase} move?", correct, wrong)


def _count(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, _ = _one(rng, event, NO_PATTERN, subject)
    question = rng.choice((f"how many {phrase} are on the shelf in the end?", f"how many {phrase} appear in the row?"))
    number = NUMBERS[event.count]
    correct = rng.choice((f"there are {number} of them", f"{number} in a row", number))
    return _asked(rng, question, correct, [capital(other) for other in NUMBERS[1:] if other != number])


def _new_colour(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    after = event.to.colour if event.to else ""
    question = f"which colour does the {subject.colour} {say(rng, subject.shape)} have afterwards?"
    correct = rng.choice((f"it is {after} afterwards", f"it has become {after}", after))
    return _asked(rng, question, correct, [capital(c) for c in COLOURS if c not in (after, subject.colour)])


def _first_shape(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    after = event.to.shape if event.to else ""
    question = f"what was the {subject.colour} {after} before it changed?"
    correct = rng.choice((f"it was {article(subject.shape)} at first", f"{article(subject.colour)} {subject.shape}"))
    return _asked(rng, question, correct, [capital(article(s)) for s in SHAPES if s not in (after, subject.shape)])


def _partner(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    partner = event.partner or subject
    question = f"what does the {NO_PATTERN.phrase(rng, subject)} bump into?"
    correct = f"{article(Mention().phrase(rng, partner))} from the right"
    wrong = [f"A {shape}" for shape in SHAPES if shape != partner.shape] + ["A wall", "The floor"]
    return _asked(rng, question, correct, wrong)


def _hiding_place(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    question = f"where does the {NO_PATTERN.phrase(rng, subject)} hide?"
    correct = rng.choice(("behind a wall of grey bricks", "behind the brick wall", "it goes behind a wall"))
    return _asked(rng, question, correct, ["Behind a tree", "Under a table", "In a house", "Below the floor"])


def _pattern(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, NO_PATTERN, subject)
    correct = {
        "plain": "no pattern, just one colour",
        "striped": "stripes that run across",
        "spotted": "small black spots",
    }[subject.pattern]
    short = {"plain": "Plain", "striped": "Stripes", "spotted": "Dots"}
    wrong = [short[p] for p in PATTERNS if p != subject.pattern] + ["Waves", "Checks", "Flowers"]
    return _asked(rng, f"which pattern {'does' if be == 'is' else 'do'} the {phrase} have?", correct, wrong)


SPECIAL: dict[str, tuple[Maker, ...]] = {
    "slide": (_direction, _direction),
    "line_up": (_count, _count),
    "recolour": (_new_colour, _new_colour),
    "morph": (_first_shape, _first_shape),
    "collide": (_partner, _partner),
    "hide": (_hiding_place, _pattern),
    "spin": (_pattern,),
    "shine": (_pattern,),
}

BASE_FORMS = {
    "bought": "buy",
    "lost": "lose",
    "found": "find",
    "painted": "paint",
    "sold": "sell",
    "repaired": "repair",
    "borrowed": "borrow",
    "hid": "hide",
    "broke": "break",
    "cleaned": "clean",
}


def _who_did(rng: Random, event: Event, line: Subtitle) -> WrittenQuestion:
    topic = line.topic
    assert topic is not None
    wrong = [capital(who.split(" ", 1)[1]) for who in WHO if who != topic.who]
    return _asked(rng, f"who {topic.did} the {topic.thing}?", f"it was {topic.who}", wrong)


def _where_did(rng: Random, event: Event, line: Subtitle) -> WrittenQuestion:
    topic = line.topic
    assert topic is not None
    question = f"where did {topic.who} {BASE_FORMS[topic.did]} the {topic.thing}?"
    wrong = [capital(where) for where in WHERE if where != topic.where]
    return _asked(rng, question, f"it happened {topic.where}", wrong)


def _what_did(rng: Random, event: Event, line: Subtitle) -> WrittenQuestion:
    topic = line.topic
    assert topic is not None
    question = f"what did {topic.who} do with the {topic.thing}?"
    pronoun = rng.choice(("they", "the person"))
    wrong = [f"{capital(did)} it" for did in DID if did != topic.did]
    return _asked(rng, question, f"{pronoun} {topic.did} it {topic.where}", wrong)


def _what_is_said(rng: Random, event: Event, line: Subtitle) -> WrittenQuestion:
    topic = line.topic
    assert topic is not None
    action = clause(rng, event, NO_PATTERN)
    question = f"what does the speaker talk about while {action}?"
    wrong = [capital(article(thing)) for thing in THING if thing not in topic.thing]
    return _asked(rng, question, f"{article(topic.thing)} {topic.where}", wrong)
