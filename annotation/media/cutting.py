"""Cut a window out of a video as a file of its own that every browser plays and seeks in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

KEYFRAME_EVERY = 12  # a browser seeks to a keyframe and decodes on; more would be felt
MAX_HEIGHT = 720
AUDIO_RATE = 48_000


class ClipWriter:
    """An mp4 (H.264, AAC) of the frames offered, with the sound of the same window of the source.

    Times are seconds of the source; the file starts at `start`.
    """

    def __init__(self, source: Path, out: Path, start: float, end: float, fps: float, width: int, height: int) -> None:
        self._source, self._start, self._end = source, start, end
        self._container = av.open(str(out), "w", format="mp4", options={"movflags": "faststart"})
        rate = Fraction(fps).limit_denominator(1001)
        self._video = self._container.add_stream(
            "libx264", rate=rate, options={"g": str(KEYFRAME_EVERY), "preset": "veryfast", "crf": "23"}
        )
        scale = min(1.0, MAX_HEIGHT / height)
        self._video.width = max(2, int(width * scale) // 2 * 2)
        self._video.height = max(2, int(height * scale) // 2 * 2)
        self._video.pix_fmt = "yuv420p"
        self._rate = rate
        self._last = -1
        with av.open(str(source)) as reader:
            self._audio = self._container.add_stream("aac", rate=AUDIO_RATE) if reader.streams.audio else None

    def offer(self, time: float, frame: av.VideoFrame) -> None:
        """Encode the next frame of the window."""
        index = round((time - self._start) * self._rate)
        if index <= self._last:  # a source of variable rate can hold two frames in one slot
            return
        self._last = index
        picture = frame.reformat(width=self._video.width, height=self._video.height, format="yuv420p")
        picture.pts, picture.time_base = index, 1 / self._rate
        self._container.mux(self._video.encode(picture))

    def close(self) -> None:
        """Write the sound and finish the file."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._write_audio()
        self._container.close()

    def _write_audio(self) -> None:
        assert self._audio is not None
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE)
        with av.open(str(self._source)) as reader:
            reader.seek(int(self._start * av.time_base))
            offset = (reader.start_time or 0) / av.time_base
            for frame in reader.decode(audio=0):
                if frame.time is None or frame.time - offset < self._start:
                    continue
                time = frame.time - offset
                if time >= self._end:
                    break
                for sound in resampler.resample(frame):
                    sound.pts, sound.time_base = round((time - self._start) * AUDIO_RATE), Fraction(1, AUDIO_RATE)
                    self._container.mux(self._audio.encode(sound))
        self._container.mux(self._audio.encode(None))
