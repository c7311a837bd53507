"""Measure a film without decoding it: which picture and sound are its best, when they start, how often they change.

Times are seconds. A film's second 0 is where its picture or its sound starts, whichever is earlier, as in a player.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from hero_model.features.video import NO_PICTURE, open_video

REORDERED = 32  # packets within which decoding order and time order may differ
SLACK_S = 0.1  # sound that leads the picture by less is an encoder's run-up, not content
LONGEST_STILL_S = 60.0  # one picture for longer than this is a fault of the time stamps
STANDARD_RATES = [Fraction(n, 1001) for n in (24_000, 30_000, 60_000)] + [Fraction(n) for n in (24, 25, 30, 50, 60)]
FASTEST = Fraction(60)
WIDEST = 4096  # beyond, browsers and their decoders give up one after the other
SLOWEST = Fraction(1)


class FilmError(ValueError):
    """The film is refused; the message says why, in words for the one who brought it."""


@dataclass
class Tally:
    """What the packets of one stream say. Times are ticks of the stream's time base."""

    base: Fraction
    packets: int = 0
    untimed: int = 0
    trimmed: bool = False  # an edit list cuts off some of it: nobody is shown that
    first: int | None = None
    last: int = 0
    end: int = 0
    bytes: int = 0
    longest_without_key: int = 0
    leading: bool = False  # pictures stand behind a key frame and before it in time: seeking there shows another one
    intervals: Counter[int] = field(default_factory=Counter)
    _waiting: list[tuple[int, bool]] = field(default_factory=list)
    _key: int | None = None
    _latest_key: int | None = None  # in the order of decoding

    def add(self, packet: Packet) -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            self.untimed += 1
            return
        if packet.is_discard:
            self.trimmed = True
            return
        self._look_for_leading(time, packet.is_keyframe)
        self.packets += 1
        self.bytes += packet.size
        self.end = max(self.end, time + (packet.duration or 0)) if self.packets > 1 else time + (packet.duration or 0)
        heapq.heappush(self._waiting, (time, packet.is_keyframe))
        if len(self._waiting) > REORDERED:
            self._count_first()

    def _look_for_leading(self, time: int, is_key: bool) -> None:
        if is_key:
            self._latest_key = time
        elif self._latest_key is not None and time < self._latest_key:
            self.leading = True

    def close(self) -> None:
        while self._waiting:
            self._count_first()
        if self._key is not None:
            self.longest_without_key = max(self.longest_without_key, self.end - self._key)

    def _count_first(self) -> None:
        time, is_key = heapq.heappop(self._waiting)
        if self.first is None:
            self.first = time
        elif time > self.last:
            self.intervals[time - self.last] += 1
        self.last = max(time, self.last) if self.packets > 1 else time
        if is_key:
            self.longest_without_key = max(self.longest_without_key, time - (time if self._key is None else self._key))
            self._key = time

    def seconds(self, ticks: int) -> float:
        return float(ticks * self.base)

    def is_constant(self) -> bool:
        """Whether all pictures are equally far apart, but for the rounding of fine ticks."""
        shortest, longest = min(self.intervals, default=1), max(self.intervals, default=1)
        return longest - shortest <= (1 if shortest >= 10 else 0)

    def moving(self) -> float:
        """Seconds from picture to picture, jumps left out."""
        return self.seconds(
            sum(ticks * n for ticks, n in self.intervals.items() if self.seconds(ticks) < LONGEST_STILL_S)
        )


@dataclass(frozen=True)
class Film:
    """What is taken of a film. `width` and `height` are those of the upright picture with square pixels."""

    path: Path
    picture: int
    sound: int | None
    origin: float
    picture_end: float
    sound_end: float
    seconds: float  # how long its picture is without the jumps of its time stamps
    rate: Fraction
    width: int
    height: int
    rotation: int
    constant: bool
    longest_without_key: float
    picture_start: float
    leading: bool
    unknown_sound: bool  # whose codec nobody here decodes
    promised: float | None
    only_these: bool
    ends_at: float  # on the clock of its container, whose header promises an end
    sound_before: float  # seconds of sound that are left out, long before the picture


def measure(path: Path, tallest: int) -> Film:
    """Read all packets of the film; `tallest` is the number of lines it is scaled down to. Raises FilmError."""
    try:
        with open_video(path) as container:
            tallies = _tally(container)
            picture = _best_picture(container, tallies, path)
            sound = _best_sound(container, tallies)
            return _film(path, container, picture, sound, tallies, tallest)
    except FFmpegError as error:
        if not path.stat().st_size:
            raise FilmError(f"{path.name} is empty: 0 bytes") from error
        kind = "its kind is none of those that are taken" if isinstance(error, ArgumentError) else error.strerror
        raise FilmError(f"{path.name} cannot be opened as video: {kind}") from error


def _tally(container: InputContainer) -> dict[int, Tally]:
    wanted = [*container.streams.video, *container.streams.audio]
    tallies = {stream.index: Tally(stream.time_base or Fraction(1, 1000)) for stream in wanted}
    if not wanted:
        return tallies
    try:
        for packet in container.demux(wanted):
            tallies[packet.stream_index].add(packet)
    except FFmpegError:
        pass  # it breaks off here; what decodes of it, the decoder sees
    for tally in tallies.values():
        tally.close()
    return tallies


def _best_picture(container: InputContainer, tallies: dict[int, Tally], path: Path) -> VideoStream:
    """The largest moving picture; a cover, also one that is not marked as such, only where nothing moves."""
    known = [stream for stream in container.streams.video if stream.codec_context is not None]
    found = [
        stream
        for stream in known
        if tallies[stream.index].packets and stream.width and not stream.disposition & NO_PICTURE
    ]
    if not found:
        if container.streams.video and not known:
            raise FilmError(f"{path.name}: its picture is in a codec that nobody here decodes")
        if any(tallies[stream.index].untimed for stream in container.streams.video):
            raise FilmError(f"{path.name}: its pictures have no times (a raw stream?); put it into a container")
        raise FilmError(f"{path.name} holds no picture" + (", only a cover" if container.streams.video else ""))
    return max(found, key=lambda s: (tallies[s.index].packets > 1, s.width * s.height, -s.index))


def _best_sound(container: InputContainer, tallies: dict[int, Tally]) -> Stream | None:
    heard = [stream for stream in container.streams.audio if tallies[stream.index].packets]
    found = [stream for stream in heard if stream.codec_context is not None]
    by_default = lambda s: (bool(s.disposition & Disposition.default), tallies[s.index].bytes, -s.index)  # noqa: E731
    return max(found, key=by_default, default=None)


def _film(
    path: Path,
    container: InputContainer,
    picture: VideoStream,
    sound: Stream | None,
    tallies: dict[int, Tally],
    tallest: int,
) -> Film:
    tally, heard = tallies[picture.index], None if sound is None else tallies[sound.index]
    origin = _origin(tally, heard)
    rate = base_rate(picture, tally)
    rotation = _rotation(path, picture.index)
    width, height = upright_size(picture, rotation, tallest)
    return Film(
        path=path,
        picture=picture.index,
        sound=None if sound is None else sound.index,
        origin=origin,
        picture_end=max(tally.seconds(tally.end), tally.seconds(tally.last) + float(1 / rate)) - origin,
        sound_end=0.0 if heard is None else heard.seconds(heard.end) - origin,
        seconds=tally.moving() + float(1 / rate),
        rate=rate,
        width=width,
        height=height,
        rotation=rotation,
        constant=tally.is_constant() and not tally.trimmed,
        longest_without_key=tally.seconds(tally.longest_without_key),
        picture_start=tally.seconds(tally.first or 0) - origin,
        leading=tally.leading,
        unknown_sound=sound is None and any(tallies[one.index].packets for one in container.streams.audio),
        promised=None if container.duration is None else container.duration / av.time_base,
        only_these=len(container.streams) == 1 + (sound is not None),
        ends_at=max(one.seconds(one.end) for one in tallies.values() if one.packets),
        sound_before=0.0 if heard is None else max(0.0, origin - heard.seconds(heard.first or 0)),
    )


def _origin(seen: Tally, heard: Tally | None) -> float:
    """Second 0 of the film on the clock of its container."""
    first = seen.seconds(seen.first or 0)
    starts = first if heard is None else heard.seconds(heard.first or 0)
    return starts if SLACK_S < first - starts < LONGEST_STILL_S else first


def base_rate(stream: VideoStream, tally: Tally) -> Fraction:
    """Pictures a second where the film is at its liveliest, so that no picture of a film of variable rate is lost.

    The shortest intervals count (the fifth percentile and what is close to it), in the neighbourhood of a rate that
    the header or a standard names that rate itself.
    """
    seconds = _liveliest(tally)
    if seconds is None:
        return min(max(Fraction(stream.average_rate or 1).limit_denominator(1001), SLOWEST), FASTEST)
    seen = float(1 / (seconds * tally.base))
    named = [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]
    known = [rate for rate in [*named, *STANDARD_RATES] if abs(float(rate) / seen - 1) < 0.005]
    rate = min(known, key=lambda rate: abs(float(rate) - seen), default=Fraction(seen).limit_denominator(1001))
    while rate > FASTEST:
        rate /= 2
    return max(rate, SLOWEST)


def _liveliest(tally: Tally) -> Fraction | None:
    """The usual short interval in ticks, or None where there is one picture only."""
    total, below = sum(tally.intervals.values()), 0
    for shortest in sorted(tally.intervals):
        below += tally.intervals[shortest]
        if below * 20 >= total:
            near = {ticks: n for ticks, n in tally.intervals.items() if shortest <= ticks <= shortest * 5 // 4}
            return Fraction(sum(ticks * n for ticks, n in near.items()), sum(near.values()))
    return None


def upright_size(stream: VideoStream, rotation: int, tallest: int) -> tuple[int, int]:
    """Width and height (even) after turning, with square pixels, at most so many lines and WIDEST columns."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    aspect = aspect if Fraction(1, 10) < aspect < 10 else Fraction(1)
    width, height = float(stream.width * aspect), float(stream.height)
    if rotation % 180:
        width, height = height, width
    scale = min(1.0, tallest / height, WIDEST / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _rotation(path: Path, index: int) -> int:
    """Degrees, counter-clockwise, by which a player turns the picture: only a decoded frame tells. Raises FilmError."""
    with open_video(path) as container:
        for packet in container.demux(container.streams[index]):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            for frame in frames:
                assert isinstance(frame, VideoFrame)
                return round(frame.rotation / 90) * 90 % 360
    raise FilmError(f"{path.name}: no picture of it can be decoded")
