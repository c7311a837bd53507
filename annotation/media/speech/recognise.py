"""What is said in a film, as sentences.

    python -m annotation.media.speech.recognise FILM FOLDER --model FOLDER --seconds N

Runs in a child process and knows neither Django nor the database. The sound is heard on the film's own time line, so
that a sentence stands at the second at which a clip lets it be heard. After each stretch of sound `parts.jsonl` holds
what was recognised, and a run that finds one goes on behind it. Writes `transcript.json` in Whisper's own form into the
folder, or `refused.txt` with the reason; faster-whisper is an extra (`asr`), and its model a folder on this machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from annotation.media.normal_form.sound import RATE as FILM_RATE
from annotation.media.normal_form.sound import Samples, Sound
from annotation.media.normal_form.streams import FilmError, measure

RATE = 16_000  # Whisper's
STRETCH_S = 120.0  # of sound at once: memory is that of one stretch
CUT_S = 1.0  # a sentence that ends so close to the end of a stretch may go on behind it
NO_LIBRARY = "faster-whisper is not installed: pip install 'hero-bench[asr]'"


class SpeechError(ValueError):
    """Nothing can be recognised; the message says why."""


@dataclass(frozen=True)
class Said:
    """A sentence, its times in seconds of the film."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Part:
    """What was said up to `until` seconds, since the part before."""

    until: float
    language: str
    said: tuple[Said, ...]


Recognise = Callable[[NDArray[np.float32], str], tuple[list[Said], str]]  # 16 kHz mono, language -> sentences, language


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m annotation.media.speech.recognise", description=__doc__)
    options.add_argument("film", type=Path)
    options.add_argument("folder", type=Path, help="is there; the transcript comes into it")
    options.add_argument("--model", type=Path, required=True, help="folder of a model that faster-whisper reads")
    options.add_argument("--seconds", type=float, required=True, help="the film's length, as it was measured")
    options.add_argument("--language", default="", help="what is spoken: en; found out where it is not said")
    chosen = options.parse_args()
    try:
        transcribe(chosen.film, chosen.folder, chosen.seconds, load_model(chosen.model), chosen.language)
    except (FilmError, SpeechError) as error:
        (chosen.folder / "refused.txt").write_text(str(error))


def transcribe(film: Path, folder: Path, seconds: float, recognise: Recognise, language: str = "") -> None:
    """Write `transcript.json`, going on behind the parts that are there. Raises FilmError, SpeechError."""
    parts = read_parts(folder / "parts.jsonl")
    for part in hear(film, seconds, recognise, parts[-1] if parts else Part(0.0, language, ())):
        parts.append(part)
        with (folder / "parts.jsonl").open("a") as file:
            file.write(json.dumps(asdict(part)) + "\n")
    segments = [asdict(said) for part in parts for said in part.said]
    spoken = next((part.language for part in parts if part.said), "")
    (folder / "transcript.json").write_text(json.dumps({"language": spoken, "segments": segments}))


def read_parts(file: Path) -> list[Part]:
    """The whole lines of the file: the last one of a run that was killed may be half a line, and is cut off."""
    if not file.exists():
        return []
    whole = file.read_text().rpartition("\n")[0]
    file.write_text(whole + "\n" if whole else "")
    rows = [json.loads(line) for line in whole.splitlines()]
    return [Part(row["until"], row["language"], tuple(Said(**said) for said in row["said"])) for row in rows]


def hear(path: Path, seconds: float, recognise: Recognise, before: Part) -> Iterator[Part]:
    """Parts from the end of `before` on. A sentence at the end of a stretch is heard again with the next one.

    Raises FilmError, and SpeechError where the film has no sound.
    """
    film = measure(path, tallest=720)
    if film.sound is None:
        raise SpeechError(f"{path.name} has no sound")
    sound, at, language = Sound(film), before.until, before.language
    heard = np.zeros(0, np.float32)
    try:
        while at < seconds:
            end = min(at + STRETCH_S, seconds)
            missing = at + len(heard) / RATE
            heard = np.concatenate([heard, _for_whisper(sound.window(missing, end - missing))])
            found, spoken = recognise(heard, language)
            whole, until = _whole(found, end - at, is_last=end >= seconds)
            language = language or (spoken if whole else "")
            yield Part(round(at + until, 3), spoken, tuple(_moved(said, at) for said in whole))
            heard = heard[round(until * RATE) :]
            at += until
    finally:
        sound.close()


def _whole(found: list[Said], length: float, *, is_last: bool) -> tuple[list[Said], float]:
    """The sentences that are surely over within a stretch of `length` seconds, and where the next one begins."""
    if is_last or not found or found[-1].end < length - CUT_S or found[-1].start < length / 2:
        return found, length
    return found[:-1], found[-1].start


def _moved(said: Said, seconds: float) -> Said:
    return Said(said.text.strip(), round(said.start + seconds, 3), round(said.end + seconds, 3))


def _for_whisper(samples: Samples) -> NDArray[np.float32]:
    """[channels, samples] at the film's rate as mono at 16 kHz, of the same length in seconds."""
    wanted = round(samples.shape[1] * RATE / FILM_RATE)
    if not wanted:
        return np.zeros(0, np.float32)
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = FILM_RATE
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
    mono = np.concatenate([*parts, np.zeros(wanted, np.float32)])
    return np.ascontiguousarray(mono[:wanted], np.float32)


def load_model(folder: Path) -> Recognise:
    """Whisper from a folder, without the network and always the same for the same sound. Raises SpeechError."""
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise SpeechError(NO_LIBRARY) from error
    try:
        model = WhisperModel(str(folder), device="auto", compute_type="int8", local_files_only=True)
    except (RuntimeError, ValueError, OSError) as error:
        raise SpeechError(f"{folder}: no model that faster-whisper reads: {error}") from error

    def recognise(heard: NDArray[np.float32], language: str) -> tuple[list[Said], str]:
        segments, told = model.transcribe(heard, language=language or None, **_ALWAYS_THE_SAME)
        return [Said(segment.text, segment.start, segment.end) for segment in segments], told.language

    return recognise


# No drawing at random, nothing made up where nobody speaks, and no stretch that leans on the one before.
_ALWAYS_THE_SAME: dict[str, Any] = {"temperature": 0.0, "vad_filter": True, "condition_on_previous_text": False}


if __name__ == "__main__":
    main()
