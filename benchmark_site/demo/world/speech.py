"""What is said in a procedural clip: little stories about something else, and remarks about an event."""

from random import Random

from benchmark_site.demo.world.script import Event, Topic

WHO = (
    "my neighbour",
    "our teacher",
    "the baker",
    "my sister",
    "the old captain",
    "a young doctor",
    "the gardener",
    "my uncle",
    "the postman",
    "our cousin",
    "the mayor",
    "a tired nurse",
    "my grandmother",
    "the plumber",
)
DID = ("bought", "lost", "found", "painted", "sold", "repaired", "borrowed", "hid", "broke", "cleaned")
LOOK = ("wooden", "silver", "ancient", "tiny", "rusty", "golden", "heavy", "foldable", "noisy", "glass")
THING = (
    "boat",
    "piano",
    "bicycle",
    "clock",
    "violin",
    "kettle",
    "lantern",
    "ladder",
    "camera",
    "suitcase",
    "umbrella",
    "guitar",
    "telescope",
    "carpet",
    "mirror",
    "trumpet",
    "sledge",
    "anchor",
    "typewriter",
    "radio",
)
WHERE = (
    "in the harbour",
    "at the market",
    "behind the church",
    "in Lisbon",
    "near the river",
    "at the station",
    "in the attic",
    "on the mountain",
    "in the library",
    "by the lighthouse",
    "at the airport",
    "in Helsinki",
)
DAYS = ("Monday", "Tuesday", "Thursday", "Friday", "Sunday")


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def tell(rng: Random) -> tuple[str, Topic]:
    """A spoken sentence that has nothing to do with the picture, and its parts."""
    topic = Topic(rng.choice(WHO), rng.choice(DID), f"{rng.choice(LOOK)} {rng.choice(THING)}", rng.choice(WHERE))
    core = f"{topic.who} {topic.did} {article(topic.thing)} {topic.where}"
    day = rng.choice(DAYS)
    text = rng.choice(
        (
            f"{core}.",
            f"You know, {core}.",
            f"Last {day} {core}.",
            f"They told me that {core}.",
            f"I still can't believe that {core}!",
            f"Did you hear that {core}?",
        )
    )
    return text[0].upper() + text[1:], topic


FUTURE = {
    "slide": "slide past",
    "bounce": "bounce",
    "spin": "spin around",
    "grow": "grow big",
    "shrink": "shrink away",
    "collide": "bump into something",
    "recolour": "change its colour",
    "morph": "change its shape",
    "hide": "hide behind a wall",
    "shine": "shine",
    "rain": "rain down",
    "line_up": "stand in a row",
}


def remark(rng: Random, event: Event, tense: str) -> str:
    """A spoken line about ``event``: ``tense`` is before, now or after it."""
    if event.subject is None:
        raise ValueError(f"an event of kind {event.kind!r} has no subject to remark on")
    it = f"the {event.subject.colour} {event.subject.shape}"
    does = FUTURE[event.kind]
    if tense == "before":
        return rng.choice((f"Wait for {it}, it will {does}.", f"In a moment {it} is going to {does}."))
    if tense == "after":
        return rng.choice((f"Did you see {it} {does}?", f"I liked it when we saw {it} {does}."))
    return rng.choice((f"Look, now you can see {it} {does}!", f"Right now {it} wants to {does}."))
