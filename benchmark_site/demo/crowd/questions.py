"""Questions with four answers as people write them: the right one often in full, the wrong ones often short.

That carelessness is wanted: a reader who never sees the film does better than chance on such answers, which is
what adversarial matching then takes away.
"""

from collections.abc import Callable, Sequence
from random import Random

from benchmark_site.demo.crowd.wording import (
    CLAUSES,
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
from benchmark_site.demo.world.plot import COLOURS, KINDS, PATTERNS, SHAPES
from benchmark_site.demo.world.script import Clip, Event, Subject, Subtitle, Topic, WrittenQuestion
from benchmark_site.demo.world.speech import DID, LOOK, THING, WHERE, WHO, article

FULL_RIGHT = 0.8  # share of right answers that are a whole phrase
FULL_WRONG = 0.35
OFF_TYPE = 0.1  # share of wrong answers that do not even answer this kind of question
OFF_TYPE_ANSWERS = ("Nothing", "Nobody knows", "Yes", "At night", "A dog", "Outside", "Maybe later", "I can't see it")

Maker = Callable[[Random, Clip, Event, Subject], WrittenQuestion]


def write_question(rng: Random, clip: Clip, event: Event, line: Subtitle | None) -> WrittenQuestion:
    """A question about the moment; one in three is about the spoken ``line`` where there is one with a topic."""
    subject = event.subject
    if subject is None:
        raise ValueError(f"an event of kind {event.kind!r} has no subject to ask about")
    if line is not None and line.topic is not None and rng.random() < 1 / 3:
        return rng.choice((_who_did, _where_did, _what_did, _what_is_said))(rng, event, line.topic)
    makers: list[Maker] = [_colour, _shape, _action, _action, *SPECIAL.get(event.kind, ())]
    return rng.choice(makers)(rng, clip, event, subject)


def _asked(
    rng: Random, question: str, right: str, wrong: Sequence[str], full: Sequence[str] = ("{}",)
) -> WrittenQuestion:
    """Draw three wrong answers, here and there one off the type of the question; ``full`` makes a phrase of one."""
    correct = rng.choice(full).format(right) if rng.random() < FULL_RIGHT else right
    taken = {_plain(correct), _plain(right), _plain(question)}
    drawn: list[str] = []
    pool = rng.sample(wrong, len(wrong))
    while len(drawn) < 3:
        careless = rng.random() < OFF_TYPE or not pool
        answer = rng.choice(OFF_TYPE_ANSWERS) if careless else pool.pop()
        if not careless and rng.random() < FULL_WRONG:
            answer = rng.choice(full).format(answer)
        if _plain(answer) not in taken:
            taken.add(_plain(answer))
            drawn.append(capital(answer))
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
    does = _does(rng, event)
    question = rng.choice((f"what colour {be} the {phrase} {does}?", f"which colour do we see on the {phrase} {does}?"))
    first = " at first" if event.kind == "recolour" else ""
    full = (f"the {phrase} {be} {{}}{first}", f"{be} {{}}{first}", "a strong {}", "bright {}")
    return _asked(rng, question, subject.colour, [colour for colour in COLOURS if colour != subject.colour], full)


def _shape(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, Mention(shape=False, pattern=False), subject)
    does = _does(rng, event)
    question = rng.choice((f"what kind of shape {be} the {phrase} {does}?", f"what {be} the {phrase} {does}?"))

    def named(shape: str) -> str:
        return plural(shape) if be == "are" else article(shape)

    full = ("they are {}", "we see {}") if be == "are" else ("it is {}", "we see {}")
    wrong = [named(shape) for shape in SHAPES if shape != subject.shape]
    return _asked(rng, question, named(subject.shape), wrong, full)


def _action(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, NO_PATTERN, subject)
    do = "does" if be == "is" else "do"
    question = rng.choice((f"what {do} the {phrase} do?", f"what happens to the {phrase} here?"))
    short = [rng.choice(SHORT_ACTIONS[kind]) for kind in KINDS if kind != event.kind]
    long = [
        rng.choice(CLAUSES[kind]).format(a="it")
        for kind in ("bounce", "spin", "grow", "shrink", "hide", "shine")
        if kind != event.kind
    ]
    wrong = [*rng.sample(short, 4), *rng.sample(long, 3)]
    return _asked(rng, question, clause(rng, event, NO_PATTERN, pronoun=True), wrong)


def _direction(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    back = "left" if event.direction == "right" else "right"
    phrase = NO_PATTERN.phrase(rng, subject)
    wrong = [f"to the {back}", "upwards", "down to the bottom", "into the middle", "it stands still", "in circles"]
    full = ("it moves {}", "it slides {}")
    return _asked(rng, f"in which direction does the {phrase} move?", f"to the {event.direction}", wrong, full)


def _count(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, _ = _one(rng, event, NO_PATTERN, subject)
    question = rng.choice((f"how many {phrase} are on the shelf in the end?", f"how many {phrase} appear in the row?"))
    number = NUMBERS[event.count]
    full = ("there are {} of them", "{} in a row", "we count {}")
    return _asked(rng, question, number, [other for other in NUMBERS[2:] if other != number], full)


def _new_colour(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    after = event.to.colour if event.to else ""
    question = f"which colour does the {subject.colour} {say(rng, subject.shape)} have afterwards?"
    full = ("it is {} afterwards", "it has become {}")
    return _asked(rng, question, after, [c for c in COLOURS if c not in (after, subject.colour)], full)


def _first_shape(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    after = event.to.shape if event.to else ""
    question = f"what was the {subject.colour} {after} before it changed?"
    wrong = [article(shape) for shape in SHAPES if shape not in (after, subject.shape)]
    return _asked(rng, question, article(subject.shape), wrong, ("it was {} at first", "{} before"))


def _partner(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    partner = event.partner or subject
    question = f"what does the {NO_PATTERN.phrase(rng, subject)} bump into?"
    wrong = [article(f"{rng.choice(COLOURS)} {shape}") for shape in SHAPES if shape != partner.shape] + ["a wall"]
    full = ("{} from the right", "it bumps into {}")
    return _asked(rng, question, article(f"{partner.colour} {partner.shape}"), wrong, full)


def _hiding_place(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    question = f"where does the {NO_PATTERN.phrase(rng, subject)} hide?"
    wrong = ["behind a tree", "under a table", "in a house", "below the floor"]
    return _asked(rng, question, "behind a brick wall", wrong, ("it hides {}", "{} in the middle"))


def _pattern(rng: Random, clip: Clip, event: Event, subject: Subject) -> WrittenQuestion:
    phrase, be = _one(rng, event, NO_PATTERN, subject)
    short = {"plain": "no pattern", "striped": "stripes", "spotted": "dots"}
    wrong = [short[p] for p in PATTERNS if p != subject.pattern] + ["waves", "checks", "flowers"]
    question = f"which pattern {'does' if be == 'is' else 'do'} the {phrase} have?"
    return _asked(rng, question, short[subject.pattern], wrong, ("there is a pattern of {}", "we see {} on it"))


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


def _who_did(rng: Random, event: Event, topic: Topic) -> WrittenQuestion:
    wrong = [who for who in WHO if who != topic.who]
    return _asked(rng, f"who {topic.did} the {topic.thing}?", topic.who, wrong, ("it was {}", "{}, as we are told"))


def _where_did(rng: Random, event: Event, topic: Topic) -> WrittenQuestion:
    question = f"where did {topic.who} {BASE_FORMS[topic.did]} the {topic.thing}?"
    wrong = [where for where in WHERE if where != topic.where]
    return _asked(rng, question, topic.where, wrong, ("it happened {}", "somewhere {}"))


def _what_did(rng: Random, event: Event, topic: Topic) -> WrittenQuestion:
    question = f"what did {topic.who} do with the {topic.thing}?"
    wrong = [f"{did} it" for did in DID if did != topic.did]
    return _asked(rng, question, f"{topic.did} it", wrong, ("this person {}", f"{{}} {topic.where}"))


def _what_is_said(rng: Random, event: Event, topic: Topic) -> WrittenQuestion:
    question = f"what does the speaker talk about while {clause(rng, event, NO_PATTERN)}?"
    wrong = [article(f"{rng.choice(LOOK)} {thing}") for thing in THING if thing not in topic.thing]
    return _asked(rng, question, article(topic.thing), wrong, ("it is about {}", f"{{}} {topic.where}"))
