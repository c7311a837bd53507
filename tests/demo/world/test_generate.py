from pathlib import Path

import av
import numpy as np
import pytest

from benchmark_site.demo.world.generate import FPS, render_world, sha256
from benchmark_site.demo.world.plot import EVENT_SECONDS, KINDS, invent_clip
from benchmark_site.demo.world.render import draw_backdrop, draw_frame
from benchmark_site.demo.world.script import Clip, overlap, read_script

CLIPS = [invent_clip(f"shapes-{number:03d}", seed, FPS) for seed in range(4) for number in range(60)]


def files(folder: Path) -> dict[str, str]:
    return {file.name: sha256(file) for file in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    render_world(tmp_path / "once", n=2, seed=3)
    render_world(tmp_path / "again", n=2, seed=3)
    render_world(tmp_path / "other", n=2, seed=4)
    once = files(tmp_path / "once")
    assert sorted(once) == ["script.json", "shapes-000.mp4", "shapes-000.vtt", "shapes-001.mp4", "shapes-001.vtt"]
    assert once == files(tmp_path / "again")
    assert not set(once.values()) & set(files(tmp_path / "other").values())


def test_what_is_there_is_kept_and_what_is_damaged_or_missing_is_drawn_again(tmp_path: Path) -> None:
    render_world(tmp_path, n=3, seed=0)
    before = files(tmp_path)
    untouched = (tmp_path / "shapes-000.mp4").stat().st_mtime_ns
    (tmp_path / "shapes-001.mp4").write_bytes(b"torn")
    (tmp_path / "shapes-000.vtt").unlink()
    (tmp_path / "shapes-002.vtt").unlink()
    calls: list[tuple[int, int]] = []
    render_world(tmp_path, n=3, seed=0, progress=lambda done, n: calls.append((done, n)))
    assert files(tmp_path) == before
    assert (tmp_path / "shapes-000.mp4").stat().st_mtime_ns == untouched
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_rendered_file_is_what_browsers_and_the_ingest_want(tmp_path: Path) -> None:
    render_world(tmp_path, n=1, seed=0)
    clip = read_script(tmp_path / "script.json").clips[0]
    data = (tmp_path / clip.file).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "not faststart"
    with av.open(str(tmp_path / clip.file)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 224, 224)
        frames = list(container.decode(stream))
    assert len(frames) / FPS == pytest.approx(clip.duration, abs=0.001)
    keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff(keys)) <= 12
    cues = (tmp_path / f"{clip.name}.vtt").read_text().split("\n\n")
    assert cues[0] == "WEBVTT"
    assert [cue.split("\n")[1] for cue in cues[1:]] == [line.text for line in clip.subtitles]


@pytest.mark.parametrize("clip", CLIPS[::7], ids=lambda clip: clip.name)
def test_events_lie_in_the_clip_in_order_and_no_two_look_alike_in_words(clip: Clip) -> None:
    shortest, longest = EVENT_SECONDS
    assert len(clip.events) >= 3
    for event in clip.events:
        assert 0 <= event.start < event.end <= clip.duration
        assert shortest - 1 <= event.end - event.start <= longest
    for one, next_one in zip(clip.events, clip.events[1:], strict=False):
        assert overlap(one.start, one.end, next_one.start, next_one.end) < 0.2
    looks = [(event.subject.colour, event.subject.shape, event.kind) for event in clip.events if event.subject]
    assert len(set(looks)) == len(looks) == len(clip.events)


def test_the_place_of_a_moment_cannot_be_guessed() -> None:
    """The best single span, relative or absolute, finds at most a fifth of the moments at tIoU 0.5."""
    moments = [(clip.duration, event) for clip in CLIPS for event in clip.events]

    def found(start: float, end: float, relative: bool) -> float:
        return np.mean(
            [
                overlap(start * (d if relative else 1), end * (d if relative else 1), event.start, event.end) >= 0.5
                for d, event in moments
            ]
        )

    relative = max(found(a / 20, b / 20, True) for a in range(20) for b in range(a + 2, 21))
    absolute = max(found(a, a + length, False) for a in range(0, 36, 2) for length in range(4, 10))
    assert max(relative, absolute) <= 0.2


def test_reading_does_not_show_where_an_event_is() -> None:
    """Of the lines about an event at most a quarter are spoken while it is on; others tell of something else."""
    lines = [(clip, line) for clip in CLIPS for line in clip.subtitles]
    remarks = [(clip.events[line.about], line) for clip, line in lines if line.about is not None]
    in_time = [overlap(event.start, event.end, line.start, line.end) > 0.3 for event, line in remarks]
    assert 0 < np.mean(in_time) < 0.25
    assert len(remarks) < len(lines) / 3
    assert all(line.topic for _, line in lines if line.about is None)
    for clip in CLIPS:
        assert 3 <= len(clip.subtitles) <= 4
        for one, next_one in zip(clip.subtitles, clip.subtitles[1:], strict=False):
            assert one.start < one.end <= next_one.start + 1


def test_every_action_can_be_seen_in_a_still() -> None:
    for kind in KINDS:
        clip, event = next((clip, event) for clip in CLIPS for event in clip.events if event.kind == kind)
        ground = draw_backdrop(clip.backdrop)
        for part in (0.1, 0.5, 0.9):
            time = event.start + part * (event.end - event.start)
            changed = np.any(np.asarray(draw_frame(clip, time, ground)) != np.asarray(ground), axis=2)
            assert changed.mean() > 0.02, f"{kind} at {part} of its time"


def test_a_file_that_is_no_script_is_named(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    with pytest.raises(ValueError, match=r"script\.json: cannot be read"):
        read_script(file)
    file.write_text('{"format": "hero-bench-world/1", "seed": 0, "clips": [{"name": 3}]}')
    with pytest.raises(ValueError, match=r"clips\[0\]\.name"):
        read_script(file)
    file.write_text('{"format": "other", "seed": 0, "clips": []}')
    with pytest.raises(ValueError, match="'other'"):
        read_script(file)
