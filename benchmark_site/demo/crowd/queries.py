"""The sentence an annotator writes for a moment, so that others can find it again."""

from collections.abc import Callable
from random import Random

from benchmark_site.demo.crowd.wording import BACKDROPS, DID_SYNONYMS, FULL, NO_PATTERN, Mention, capital, clause
from benchmark_site.demo.world.script import BasedOn, Clip, Event, Subtitle
from benchmark_site.demo.world.speech import article

WORDS = (8, 20)  # what the task asks for
TRIES = 60
PARTICIPLES = {"hid": "hidden", "broke": "broken"}


def write_query(rng: Random, clip: Clip, event: Event, line: Subtitle | None, based_on: BasedOn) -> str:
    """A sentence of 8 to 20 words; ``line`` is what is said during the moment, needed for ``t`` and ``vt``."""
    if based_on == "v":
        return _of_good_length(lambda: seen(rng, clip, event))
    if line is None:
        raise ValueError(f"a query based on {based_on!r} needs a spoken line")
    if based_on == "t":
        return _of_good_length(lambda: said(rng, line, clip))
    return _of_good_length(lambda: seen_and_said(rng, clip, event, line))


def _of_good_length(write: Callable[[], str]) -> str:
    text = ""
    for _ in range(TRIES):
        text = write()
        if WORDS[0] <= len(text.split()) <= WORDS[1]:
            return text
    raise RuntimeError(f"no sentence of {WORDS[0]} to {WORDS[1]} words in {TRIES} tries; the last one: {text!r}")


def unambiguous(rng: Random, clip: Clip, event: Event) -> Mention:
    """Leave out what is not needed to tell the event from the others of its clip."""
    shorter = (NO_PATTERN, NO_PATTERN, Mention(shape=False), Mention(colour=False))
    mention = rng.choice((FULL, FULL, FULL, *shorter))
    for other in clip.events:
        if other is event or other.subject is None or event.subject is None:
            continue
        if other.kind == event.kind and mention.fits(event.subject, other.subject):
            return FULL
    return mention


def seen(rng: Random, clip: Clip, event: Event) -> str:
    what = clause(rng, event, unambiguous(rng, clip, event))
    backdrop = rng.choice(BACKDROPS[clip.backdrop])
    return capital(
        rng.choice(
            (
                f"{what}.",
                f"we see how {what}.",
                f"this is where {what}.",
                f"{what} in front of {backdrop}.",
                f"on {backdrop}, {what}.",
                f"the moment when {what}, with {backdrop}.",
                f"you can watch how {what}.",
            )
        )
    )


def said(rng: Random, line: Subtitle, clip: Clip) -> str:
    story = retold(rng, line, clip)
    return capital(
        rng.choice(
            (
                f"the speaker says that {story}.",
                f"a voice tells us that {story}.",
                f"we hear that {story}.",
                f"somebody talks about how {story}.",
                f"it is mentioned by the speaker that {story}.",
            )
        )
    )


def retold(rng: Random, line: Subtitle, clip: Clip) -> str:
    """The spoken line as a clause in other words."""
    if line.topic is None:
        it = _named(rng, line, clip)
        return rng.choice((f"{it} is worth watching", f"one should look out for {it}", f"{it} does something nice"))
    topic = line.topic
    did = rng.choice(DID_SYNONYMS[topic.did])
    return rng.choice(
        (
            f"{topic.who} {did} {article(topic.thing)} {topic.where}",
            f"{topic.who} {did} {article(topic.thing)} {topic.where}",
            f"{topic.who} {did} {article(topic.thing)}",
            f"{article(topic.thing)} was {PARTICIPLES.get(did, did)} {topic.where}",
        )
    )


def _named(rng: Random, line: Subtitle, clip: Clip) -> str:
    """The spoken line as a noun phrase."""
    if line.topic is not None:
        thing = article(line.topic.thing)
        return rng.choice((thing, f"{thing} {line.topic.where}", line.topic.who))
    subject = clip.events[line.about].subject if line.about is not None else None
    if subject is None:
        raise ValueError(f"the line {line.text!r} is about nothing")
    return f"the {subject.colour} {subject.shape}"


def seen_and_said(rng: Random, clip: Clip, event: Event, line: Subtitle) -> str:
    what = clause(rng, event, NO_PATTERN)
    story = _named(rng, line, clip)
    return capital(
        rng.choice(
            (
                f"{what} while the speaker talks about {story}.",
                f"while somebody tells about {story}, {what}.",
                f"{what} and the voice mentions {story}.",
                f"as we hear about {story}, {what}.",
            )
        )
    )
