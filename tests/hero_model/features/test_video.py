"""Decoding and sampling on small videos made here."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hero_model.features.video import FrameSampler, VideoError, decode


def write_video(path: Path, greys: Sequence[int], times_ms: Sequence[int] | None = None) -> Path:
    """One flat grey frame per entry, at 10 frames a second or at the times given."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, grey in enumerate(greys):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format="rgb24")
            frame.pts = times_ms[index] if times_ms else index * 100
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def flat_frame(grey: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((4, 4, 3), grey, np.uint8), format="rgb24")


def test_decode_gives_every_frame_with_its_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grey.mp4", range(0, 250, 10))
    times, frames = zip(*decode(path), strict=True)
    assert times == pytest.approx([i / 10 for i in range(25)])
    means = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert means == pytest.approx(range(0, 250, 10), abs=3)


def test_time_starts_at_zero_when_the_file_starts_late(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.ts", [10, 20, 30], [5000, 5100, 5200])
    assert [time for time, _ in decode(path)] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"broken\.mp4: cannot be decoded"):
        list(decode(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"nowhere\.mp4.*No such file"):
        list(decode(tmp_path / "nowhere.mp4"))


def test_time_stamps_that_jump_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "jump.mkv", [10, 20, 30], [0, 100, 20_000_000])
    with pytest.raises(VideoError, match=r"jump\.mkv: its time stamps jump from 0\.1 to 20000 s"):
        list(decode(path))


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(VideoError, match="no video stream"):
        list(decode(path))


def test_a_cut_off_file_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", list(range(0, 250, 5)) * 4)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 0 < len(list(decode(cut))) < 200


def test_sampler_takes_the_frame_nearest_each_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "grey.mp4", range(0, 250, 10))  # 2.4 s
    sampler = FrameSampler(0.75, size=32)
    for time_s, frame in decode(path):
        sampler.offer(time_s, frame)
    frames = sampler.frames()
    assert frames.shape == (4, 32, 32, 3)
    assert frames.dtype == np.uint8
    # middles .375, 1.125, 1.875, 2.625 -> frames at .4, 1.1, 1.9 and the last one
    assert frames.mean((1, 2, 3)) == pytest.approx([40, 110, 190, 240], abs=3)
    assert np.array_equal(sampler.frames(), frames)


@settings(max_examples=50)
@given(
    times=st.lists(st.integers(0, 300), min_size=1, max_size=20, unique=True).map(sorted),
    interval=st.sampled_from([3, 10, 25]),
)
def test_sampler_agrees_with_the_definition(times: list[int], interval: int) -> None:
    sampler = FrameSampler(interval / 4, size=4)  # quarters: exact in binary, so are ties
    for index, time in enumerate(times):
        sampler.offer(time / 4, flat_frame(index * 12))
    chosen = [round(value / 12) for value in sampler.frames().mean((1, 2, 3))]
    slots = times[-1] // interval + 1
    middles = [interval * (slot + 0.5) for slot in range(slots)]
    assert chosen == [min(range(len(times)), key=lambda i: abs(times[i] - middle)) for middle in middles]


def test_sampler_refuses_time_that_goes_back_and_bad_intervals() -> None:
    sampler = FrameSampler(1.0, size=4)
    sampler.offer(1.0, flat_frame(0))
    with pytest.raises(ValueError, match=r"0\.5 s offered after"):
        sampler.offer(0.5, flat_frame(0))
    with pytest.raises(ValueError, match="interval_s"):
        FrameSampler(0.0)
    assert FrameSampler(1.0, size=4).frames().shape == (0, 4, 4, 3)
