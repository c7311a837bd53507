"""How annotators put shapes, actions and spoken lines into words: a seeded grammar with synonyms.

Clauses hold ``{a}`` (a striped red star), ``{ones}`` (striped red stars) and the event's own parts.
"""

from random import Random

from benchmark_site.demo.world.script import Event, Kind, Subject
from benchmark_site.demo.world.speech import article

SYNONYMS = {
    "circle": ("circle", "circle", "disc"),
    "square": ("square", "square", "box"),
    "star": ("star",),
    "triangle": ("triangle",),
    "heart": ("heart",),
    "purple": ("purple", "purple", "violet"),
    "striped": ("striped", "stripy"),
    "spotted": ("spotted", "dotted"),
}
PLURAL_KINDS = ("rain", "line_up")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six")
BACKDROPS = {
    "light grey": ("a light grey background", "a plain pale grey background"),
    "dark grey": ("a dark grey background", "a dark background"),
    "sandy": ("a sandy background", "a beige background"),
    "checkered": ("a checkered background", "a chessboard background"),
    "lined": ("a background with lines", "a lined background"),
    "dotted": ("a background with small dots", "a dotted background"),
}

CLAUSES: dict[Kind, tuple[str, ...]] = {
    "slide": (
        "{a} slides across the picture from {back} to {ahead}",
        "{a} rushes to the {ahead} with white streaks behind it",
        "{a} moves quickly from the {back} side to the {ahead} side",
        "{a} shoots past towards the {ahead}",
    ),
    "bounce": (
        "{a} bounces up and down on a brown floor",
        "{a} jumps again and again above the ground",
        "{a} keeps hopping and throws a shadow on the floor",
        "{a} is bouncing on the ground",
    ),
    "spin": (
        "{a} spins around in the middle",
        "{a} turns on the spot with black arcs around it",
        "{a} rotates quickly between whirling lines",
        "{a} keeps twirling around itself",
    ),
    "grow": (
        "{a} grows until it fills the whole picture",
        "{a} gets bigger and bigger",
        "{a} starts tiny and becomes huge",
        "{a} comes closer until it covers everything",
    ),
    "shrink": (
        "{a} shrinks until it is tiny",
        "{a} gets smaller and smaller",
        "{a} starts huge and almost disappears",
        "{a} fills the picture first and then becomes small",
    ),
    "collide": (
        "{a} bumps into {partner} with a white burst",
        "{a} and {partner} crash into each other",
        "{a} collides with {partner} in the middle",
        "{a} hits {partner} and both bounce back",
    ),
    "recolour": (
        "{a} changes its colour to {to_colour}",
        "{a} suddenly becomes {to_colour}",
        "{a} stands still and turns {to_colour}",
        "{a} switches from {colour} to {to_colour}",
    ),
    "morph": (
        "{a} turns into a {to_shape}",
        "{a} becomes a {to_shape} of the same colour",
        "{a} changes its shape to a {to_shape}",
        "{a} transforms and is a {to_shape} afterwards",
    ),
    "hide": (
        "{a} hides behind a brick wall",
        "{a} sinks behind a wall and peeks out again",
        "{a} disappears behind the grey bricks for a moment",
        "{a} ducks behind a wall made of bricks",
    ),
    "shine": (
        "{a} shines with bright rays in the dark",
        "{a} glows like a lamp while all around is black",
        "{a} sends out flickering yellow rays",
        "{a} is lit up by rays in front of a black night",
    ),
    "rain": (
        "many small {ones} fall from above like rain",
        "lots of little {ones} are raining down",
        "a shower of {ones} comes down from the top",
        "tiny {ones} drop from the sky",
    ),
    "line_up": (
        "{count} {ones} line up on a brown shelf",
        "{count} {ones} appear one after another in a row",
        "a row of {count} {ones} is built up on a shelf",
        "{ones} show up one by one until there are {count}",
    ),
}

RELATIVES: dict[Kind, tuple[str, ...]] = {
    "slide": ("that slides across the picture", "that rushes past"),
    "bounce": ("that bounces on the floor", "that jumps up and down"),
    "spin": ("that spins around", "that turns on the spot"),
    "grow": ("that gets bigger", "that fills the picture in the end"),
    "shrink": ("that gets smaller", "that almost disappears"),
    "collide": ("that comes from the left and crashes", "that bumps into another one from the left"),
    "recolour": ("that changes its colour", "that gets a new colour"),
    "morph": ("that changes its shape", "that turns into something else"),
    "hide": ("that hides behind the wall", "that peeks over the bricks"),
    "shine": ("that shines in the dark", "that sends out rays"),
    "rain": ("that fall from above", "that rain down"),
    "line_up": ("that stand in a row", "that appear on the shelf"),
}

SHORT_ACTIONS: dict[Kind, tuple[str, ...]] = {
    "slide": ("Slides away", "It moves sideways"),
    "bounce": ("It bounces", "Jumps"),
    "spin": ("It spins", "Rotates"),
    "grow": ("It grows", "Gets big"),
    "shrink": ("It shrinks", "Gets small"),
    "collide": ("It crashes", "Hits something"),
    "recolour": ("Changes colour", "New colour"),
    "morph": ("Changes shape", "It transforms"),
    "hide": ("It hides", "Hides away"),
    "shine": ("It glows", "Shines"),
    "rain": ("Falls down", "It rains"),
    "line_up": ("Stands in a row", "Lines up"),
}

DID_SYNONYMS = {
    "bought": ("bought", "purchased", "got"),
    "lost": ("lost", "misplaced"),
    "found": ("found", "discovered"),
    "painted": ("painted",),
    "sold": ("sold",),
    "repaired": ("repaired", "fixed"),
    "borrowed": ("borrowed",),
    "hid": ("hid", "concealed"),
    "broke": ("broke", "damaged"),
    "cleaned": ("cleaned", "polished"),
}


def say(rng: Random, word: str) -> str:
    return rng.choice(SYNONYMS.get(word, (word,)))


def plural(phrase: str) -> str:
    return f"{phrase}es" if phrase.endswith("x") else f"{phrase}s"


class Mention:
    """Which attributes of a subject a description names; what is left out reads ``shape`` or nothing."""

    def __init__(self, colour: bool = True, shape: bool = True, pattern: bool = True) -> None:
        self.colour, self.shape, self.pattern = colour, shape, pattern

    def phrase(self, rng: Random, subject: Subject) -> str:
        """The words without an article: ``striped red star``."""
        words = []
        if self.pattern and subject.pattern != "plain":
            words.append(say(rng, subject.pattern))
        if self.colour:
            words.append(say(rng, subject.colour))
        words.append(say(rng, subject.shape) if self.shape else "shape")
        return " ".join(words)

    def fits(self, subject: Subject, other: Subject) -> bool:
        """Whether the phrase for ``subject`` would also fit ``other``."""
        return (
            (not self.colour or subject.colour == other.colour)
            and (not self.shape or subject.shape == other.shape)
            and (not self.pattern or subject.pattern == other.pattern or subject.pattern == "plain")
        )


FULL = Mention()
NO_PATTERN = Mention(pattern=False)


def clause(rng: Random, event: Event, mention: Mention, pronoun: bool = False) -> str:
    """A main clause about the event, without capital or full stop; a single subject may be just ``it``."""
    subject = event.subject
    if subject is None:
        raise ValueError(f"an event of kind {event.kind!r} has no subject to describe")
    phrase = mention.phrase(rng, subject)
    return rng.choice(CLAUSES[event.kind]).format(
        a="it" if pronoun else article(phrase),
        ones=plural(phrase),
        colour=subject.colour,
        partner=article(NO_PATTERN.phrase(rng, event.partner)) if event.partner else "",
        to_colour=event.to.colour if event.to else "",
        to_shape=event.to.shape if event.to else "",
        ahead=event.direction,
        back="left" if event.direction == "right" else "right",
        count=NUMBERS[event.count],
    )


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
