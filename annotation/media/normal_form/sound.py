"""The sound of a film on its own time line: samples of a window, silence where there is none or none can be decoded."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.packet import Packet
from numpy.typing import NDArray

from annotation.media.normal_form.streams import Film
from hero_model.features.video import open_video

RATE = 48_000
DRIFT_S = 0.05  # time stamps of containers are coarse: only a larger jump moves the sound
Samples = NDArray[np.float32]  # [channels, samples], full scale is 1


class Sound:
    """Asked for one window after the other. `lost_s` counts seconds of sound that could not be decoded."""

    def __init__(self, film: Film) -> None:
        assert film.sound is not None
        self.lost_s = 0.0
        self.heard_s = 0.0
        self._film = film
        with open_video(film.path) as container:
            context = container.streams[film.sound].codec_context
            self.layout = "mono" if context.channels == 1 else "stereo"
        self._channels = 1 if self.layout == "mono" else 2
        self._chunks = self._decode()
        self._rest: tuple[int, Samples] | None = None

    def window(self, start: float, seconds: float) -> Samples:
        """The samples from `start` on. Windows never go back."""
        first, length = round(start * RATE), round(seconds * RATE)
        samples = np.zeros((self._channels, length), np.float32)
        chunk = self._rest or next(self._chunks, None)
        while chunk is not None:
            at, heard = chunk[0] - first, chunk[1]
            low, high = max(at, 0), min(at + heard.shape[1], length)
            if low < high:
                samples[:, low:high] = heard[:, low - at : high - at]
            if at + heard.shape[1] > length:
                break
            chunk = next(self._chunks, None)
        self._rest = chunk
        return samples

    def finish(self) -> None:
        """Decode what is left, so that `lost_s` speaks of the whole film."""
        for _ in self._chunks:
            pass

    def close(self) -> None:
        self._chunks.close()

    def _decode(self) -> Generator[tuple[int, Samples]]:
        """(first sample, samples), each following the one before unless the film's own time jumps."""
        resampler, form, expected = None, None, 0
        with open_video(self._film.path) as container, closing(self._frames(container)) as frames:
            for frame in frames:
                if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
                    resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=RATE)
                assert resampler is not None
                at = expected if frame.time is None else round((frame.time - self._film.origin) * RATE)
                if abs(at - expected) > DRIFT_S * RATE:
                    expected = at
                for part in resampler.resample(frame):
                    samples = np.nan_to_num(part.to_ndarray(), posinf=0.0, neginf=0.0)
                    yield expected, samples
                    expected += samples.shape[1]

    def _frames(self, container: av.container.InputContainer) -> Generator[AudioFrame]:
        packets = container.demux(container.streams[self._film.sound])
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:  # the file itself breaks off
                return
            if packet is None:
                return
            length = self._length(packet)
            self.heard_s += length
            try:
                frames = packet.decode()
            except FFmpegError:
                self.lost_s += length
                continue
            yield from frames

    @staticmethod
    def _length(packet: Packet) -> float:
        return float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
