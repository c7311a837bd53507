"""One film becomes a folder of proven clips: windows of a minute, pictures decoded once, sound once.

Memory is that of one window, whatever the film's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from annotation.media.normal_form.clip_file import PictureWriter, copy_with_sound, is_normal
from annotation.media.normal_form.pictures import Pictures, Upright
from annotation.media.normal_form.proof import NotProven, prove, prove_copy, prove_sound
from annotation.media.normal_form.scenes import Scenes
from annotation.media.normal_form.sound import Samples, Sound
from annotation.media.normal_form.stills import Stills
from annotation.media.normal_form.streams import Film, FilmError
from annotation.media.normal_form.waveform import draw_waveform
from annotation.review.text.text_rules import MIN_SEGMENT_S
from hero_model.features.video import FrameSampler

FEATURE_INTERVAL_S = 1.5  # paper, section 4.3: one frame per 1.5 s
WINDOW_S = 60  # paper, section 4.2
SCENE_FROM_S = 30  # where clips follow the scenes, each is at least so long, but for the last one
SHORTEST_S = MIN_SEGMENT_S  # a shorter clip could not be answered
MOST_LOST = 0.1  # share of the sound that may be silent because it is damaged
BREAKS_OFF_S = 1.0


@dataclass(frozen=True)
class MadeClip:
    """Times in seconds of the film, paths of files; `frames` holds uint8 [N, 224, 224, 3], from which features come.

    `waveform` is empty where there is no sound; `looks` holds a perceptual hash of every third second.
    """

    start: float
    end: float
    looks: list[int]
    file: str
    silent: str
    poster: str
    strip: str
    waveform: str
    frames: str


@dataclass
class Made:
    """What came of a film. `notes` are sentences about what was wrong with it and how it was taken all the same."""

    seconds: float = 0.0
    rate: float = 0.0
    width: int = 0
    height: int = 0
    notes: list[str] = field(default_factory=list)
    clips: list[MadeClip] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def make_clips(film: Film, folder: Path, tell: Callable[[float], None], *, scenes: bool = False) -> Made:
    """Cut the film into proven clips; `tell(seconds done)` is called now and then. Raises FilmError, NotProven.

    With `scenes` a clip ends where a scene does, at the first cut after SCENE_FROM_S, else after a minute like all.
    """
    if film.seconds <= WINDOW_S and is_normal(film):
        try:
            kept = _Making(film, folder, tell, keep=True).run()
        except NotProven:  # it only looks like the normal form
            kept = None
        if kept is not None:
            return kept
    made = _Making(film, folder, tell, keep=False, scenes=scenes).run()
    assert made is not None
    return made


class _Making:
    """With `keep` the file itself is the only clip, and nothing comes of it where a strict decoder finds a fault."""

    def __init__(
        self, film: Film, folder: Path, tell: Callable[[float], None], *, keep: bool, scenes: bool = False
    ) -> None:
        self._film, self._folder, self._tell, self._keep = film, folder, tell, keep
        self._pictures = Pictures(film, strict=keep)
        self._sound = None if film.sound is None else Sound(film)
        self._upright = Upright(film)
        self._scenes = Scenes() if scenes else None
        self._made = Made(rate=float(film.rate), width=film.width, height=film.height)

    def run(self) -> Made | None:
        try:
            for done in self._windows():
                self._tell(done)
        finally:
            self._pictures.close()
            if self._sound is not None:
                self._sound.close()
        faulty = self._pictures.fault or self._pictures.bridged or (self._sound is not None and self._sound.lost_s)
        if self._keep and faulty:
            return None
        self._made.seconds = self._pictures.end_s
        self._judge()
        return self._made

    def _windows(self) -> Iterator[float]:
        """Make one clip after the other; seconds of the film that are done."""
        number, start = 0, 0.0
        while (end := self._window(number, start)) is not None:
            number, start = number + 1, end
            yield start
        if self._sound is not None:
            self._sound.finish()

    def _window(self, number: int, start: float) -> float | None:
        """Make the clip that starts there; the second at which the next one does, None where the film is over."""
        rate = self._film.rate
        silent = self._folder / f"{number}-silent.mp4"
        writer = None if self._keep else PictureWriter(silent, self._film)
        sampler, stills, count, most = FrameSampler(FEATURE_INTERVAL_S), Stills(), 0, round(WINDOW_S * rate)
        while count < most and (frame := self._pictures.at(start + float(count / rate))) is not None:
            picture, second = self._upright(frame), float(count / rate)
            if self._scene_ends(picture, second):
                break
            sampler.offer(second, picture)
            stills.offer(second, picture)
            if writer is not None:
                writer.add(picture)
            count += 1
            if count % 64 == 0:
                self._tell(start + second)
        if writer is not None:
            writer.close()
        if count / rate >= SHORTEST_S:
            self._finish(number, start, count, sampler.frames(), stills)
        if frame is None:
            return None
        return start + (WINDOW_S if count == most else float(count / rate))

    def _scene_ends(self, picture: VideoFrame, second: float) -> bool:
        """Whether the clip ends before this picture, which then is shown again as the first of the next one."""
        return self._scenes is not None and self._scenes.begins_with(picture) and second >= SCENE_FROM_S

    def _finish(self, number: int, start: float, count: int, frames: np.ndarray, stills: Stills) -> None:
        seconds = float(count / self._film.rate)
        samples = None if self._sound is None else self._sound.window(start, seconds)
        file, silent = self._files(number, samples)
        prove(file, self._film.rate, count, frames, FEATURE_INTERVAL_S)
        if silent != file:
            prove_copy(silent, file)
        prove_sound(file, seconds, samples)
        prove_sound(silent, seconds, None)
        poster, strip, kept = (self._folder / f"{number}-{name}" for name in ("poster.jpg", "strip.jpg", "frames.npy"))
        stills.save(poster, strip)
        np.save(kept, frames)
        waveform = "" if samples is None else draw_waveform(samples, self._folder / f"{number}-waveform.svg")
        start, end = round(start, 3), round(start + min(seconds, WINDOW_S), 3)
        names = (str(path) for path in (file, silent, poster, strip, waveform, kept))
        self._made.clips.append(MadeClip(start, end, stills.looks, *names))

    def _files(self, number: int, samples: Samples | None) -> tuple[Path, Path]:
        """The clip and its picture alone."""
        silent = self._folder / f"{number}-silent.mp4"
        if self._keep:
            if samples is None:
                return self._film.path, self._film.path
            copy_with_sound(self._film.path, silent, None)
            return self._film.path, silent
        if samples is None:
            return silent, silent
        assert self._sound is not None
        file = self._folder / f"{number}.mp4"
        copy_with_sound(silent, file, samples, self._sound.layout)
        return file, silent

    def _judge(self) -> None:
        """Write down what was wrong. Raises FilmError where too little of the film is left."""
        pictures, film = self._pictures, self._film
        if pictures.fault:
            self._made.notes.append(f"taken up to {pictures.end_s:.2f} s: {pictures.fault}")
        elif film.promised is not None and film.promised > max(film.ends_at, pictures.end_s) + BREAKS_OFF_S:
            promised = f"its header promises {film.promised:.2f} s"
            self._made.notes.append(f"taken up to {pictures.end_s:.2f} s, where the file breaks off: {promised}")
        elif film.sound_end > pictures.end_s + BREAKS_OFF_S:
            over = f"the picture is over there, the sound at {film.sound_end:.2f} s"
            self._made.notes.append(f"taken up to {pictures.end_s:.2f} s: {over}")
        if film.sound_before > BREAKS_OFF_S:
            self._made.notes.append(
                f"its sound starts {film.sound_before:.2f} s before its picture: left out up to there"
            )
        if film.unknown_sound:
            self._made.notes.append("its sound is in a codec that nobody here decodes: left out")
        if pictures.bridged:
            self._made.notes.append(f"damaged pictures, bridged by the one before, at {pictures.bridged} places")
        if not self._made.clips:
            notes = "; ".join(self._made.notes)
            shown = f"{pictures.end_s:.2f} s of picture, a clip has at least {SHORTEST_S:g}"
            raise FilmError(f"{film.path.name}: {shown}" + (f" ({notes})" if notes else ""))
        self._judge_sound()

    def _judge_sound(self) -> None:
        if self._sound is None or not self._sound.lost_s:
            return
        lost = f"{self._sound.lost_s:.2f} of {self._sound.heard_s:.2f} s of its sound cannot be decoded"
        if self._sound.lost_s > MOST_LOST * self._sound.heard_s:
            raise FilmError(f"{self._film.path.name}: {lost}")
        self._made.notes.append(f"{lost} and are silent")
