"""Invents the plot of a procedural clip: which shapes do what, when, and what is said meanwhile.

Three properties are wanted and tested:

- within a clip no two events look alike in words: the pair (colour and shape, action) is unique;
- the place of a moment cannot be guessed: lengths, gaps and counts vary;
- reading does not solve seeing: most spoken lines are about something unrelated, and a line about an event
  is mostly spoken at another time.
"""

from random import Random
from typing import get_args

from benchmark_site.demo.world.script import Clip, Event, Kind, Subject, Subtitle
from benchmark_site.demo.world.speech import remark, tell

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
SHAPES = ("circle", "square", "triangle", "star", "heart")
PATTERNS = ("plain", "striped", "spotted")
BACKDROPS = ("light grey", "dark grey", "sandy", "checkered", "lined", "dotted")
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "written")

SECONDS = (24.0, 40.0)  # length of a clip
EVENT_SECONDS = (4.0, 9.0)
SECONDS_PER_EVENT = 7.0  # an event and the gap around it, on average
OVERLAPPING = 0.1  # share of events that begin before the last one is over
REPEATED_SUBJECT = 0.25  # share of events whose subject was seen before
REMARK_IN_TIME = 0.12  # share of remarks that are spoken while their event is on


def invent_clip(name: str, seed: int, fps: int) -> Clip:
    """The plot of clip ``name``: a pure function of its arguments. ``sha256`` stays empty until rendered."""
    rng = Random(f"plot/{seed}/{name}")
    duration = round(rng.uniform(*SECONDS) * fps) / fps
    spans = _event_spans(rng, duration)
    events = _events(rng, spans)
    return Clip(
        name=name,
        sha256="",
        duration=round(duration, 3),
        backdrop=rng.choice(BACKDROPS),
        events=events,
        subtitles=_subtitles(rng, events),
    )


def _event_spans(rng: Random, duration: float) -> list[tuple[float, float]]:
    """About one event in 7 s; gaps of random size between, some events overlap the one before by a little."""
    count = max(3, round(duration / SECONDS_PER_EVENT))
    shortest, longest = EVENT_SECONDS
    lengths = [rng.triangular(shortest, longest, shortest + 0.8) for _ in range(count)]
    room = duration - sum(lengths)
    if room < 1.0:  # too many long ones: squeeze all towards the shortest
        squeeze = (duration - 1.0 - count * shortest) / (sum(lengths) - count * shortest)
        lengths = [shortest + (length - shortest) * squeeze for length in lengths]
        room = 1.0
    shares = [rng.expovariate(1.0) for _ in range(count + 1)]
    shares[0] *= 2  # a late beginning hides best where the first event is
    gaps = [room * share / sum(shares) for share in shares]
    spans: list[tuple[float, float]] = []
    time = 0.0
    for gap, length in zip(gaps, lengths, strict=False):
        early = spans and rng.random() < OVERLAPPING
        start = time - rng.uniform(0.3, 1.0) if early else time + gap
        time = min(start + length, duration)
        spans.append((round(start, 2), round(time, 2)))
    return spans


def _events(rng: Random, spans: list[tuple[float, float]]) -> tuple[Event, ...]:
    fresh_colours = rng.sample(COLOURS, len(COLOURS))
    taken: set[tuple[str, str, Kind]] = set()
    events: list[Event] = []
    for start, end in spans:
        subject = None
        while subject is None:
            if events and (rng.random() < REPEATED_SUBJECT or not fresh_colours):
                candidate = rng.choice([event.subject for event in events if event.subject])
            else:
                colour = fresh_colours[-1]
                candidate = Subject(colour, rng.choice(SHAPES), rng.choice(PATTERNS))
            kind = rng.choice(KINDS)
            if (candidate.colour, candidate.shape, kind) not in taken:
                subject = candidate
        if fresh_colours and subject.colour == fresh_colours[-1]:
            fresh_colours.pop()
        taken.add((subject.colour, subject.shape, kind))
        events.append(_event(rng, kind, start, end, subject))
    return tuple(events)


def _event(rng: Random, kind: Kind, start: float, end: float, subject: Subject) -> Event:
    other_colour = rng.choice([colour for colour in COLOURS if colour != subject.colour])
    other_shape = rng.choice([shape for shape in SHAPES if shape != subject.shape])
    partner = to = None
    if kind == "collide":
        partner = Subject(other_colour, rng.choice(SHAPES), rng.choice(PATTERNS))
    elif kind == "recolour":
        to = Subject(other_colour, subject.shape, subject.pattern)
    elif kind == "morph":
        to = Subject(subject.colour, other_shape, subject.pattern)
    return Event(
        kind=kind,
        start=start,
        end=end,
        subject=subject,
        partner=partner,
        to=to,
        direction=rng.choice(("left", "right")) if kind == "slide" else "",
        count=rng.randint(2, 4) if kind == "line_up" else 0,
    )


def _subtitles(rng: Random, events: tuple[Event, ...]) -> tuple[Subtitle, ...]:
    """Stories over two or three events, and one remark about an event, mostly spoken during another one."""
    order = rng.sample(range(len(events)), len(events))
    told, free = order[: 2 if len(events) < 4 else 3], order[2 if len(events) < 4 else 3 :]
    lines = []
    for index in told:
        text, topic = tell(rng)
        lines.append(Subtitle(*_spoken_during(rng, events[index]), text=text, topic=topic))
    moment = free[0]
    about = moment if rng.random() < REMARK_IN_TIME else rng.choice([i for i in order if i != moment])
    tense = "now" if about == moment else "before" if moment < about else "after"
    lines.append(Subtitle(*_spoken_during(rng, events[moment]), text=remark(rng, events[about], tense), about=about))
    return tuple(sorted(lines, key=lambda line: line.start))


def _spoken_during(rng: Random, event: Event) -> tuple[float, float]:
    return round(event.start + rng.uniform(0.1, 0.7), 2), round(event.end - rng.uniform(0.1, 0.7), 2)
