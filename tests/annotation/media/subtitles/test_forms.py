"""Each form that subtitles come in is read; a cue that cannot be is listed with its place and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from annotation.media.subtitles import Cue, SubtitleError, Track, read_collection, read_subtitles
from tests.annotation.media.subtitles.files import ass, srt, vtt

Read = Callable[..., Track]
HELLO = (1.0, 3.0, "Hello there")


def event(start: int | None, duration: int, *words: str | None) -> dict[str, object]:
    return {"tStartMs": start, "dDurationMs": duration, "segs": [{"utf8": word} for word in words]}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a file of this content, whatever it is called."""

    def from_content(content: str | bytes, **how: str) -> Track:
        path = tmp_path / "film.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_subtitles(path, **how)

    return from_content


@pytest.mark.parametrize(
    "content",
    [
        srt([HELLO]),
        srt([HELLO]).replace("\n", "\r\n"),
        srt([HELLO]).replace("\n", "\r"),
        "00:00:01.0 --> 0:00:03\n<font color='red'>Hello</font> {\\an8}there",
        "1\n00:00:01,000 --> 00:00:03,000 X1:1 Y1:2\n<i>Hello</i>\n\nthere\n",
        vtt([HELLO]),
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE no text\n\n"
        "id 1\n00:01.000 --> 00:03.000 line:0\n<v Ann>Hello</v> there",
        "WEBVTT\n\nNOTE a --> b\nand 00:05.000 --> 00:06.000\nmore\n\n00:01.000 --> 00:03.000\nHello there\n\n"
        "NOTE\n00:07.000 --> 00:08.000\ntaken out",
        "WEBVTT\n\n00:01.000 --> 00:03.000\n<ruby>Hello<rt>hullo</rt></ruby> &#116;here",
        ass([HELLO]),
        ass([(1.0, 3.0, "{\\k20}Hel{\\k30}lo\\Nthere{\\p1}m 0 0 l 9 9{\\p0}")]),
        ass([HELLO]) + "Comment: 0,0:00:05.00,0:00:06.00,Default,,,a note\n",
        '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s" end="3s">'
        "Hello<br/><span>there</span></p></div></body></tt>",
        "<tt><body><div><p><span begin='1s' end='3s'>Hello<br/><span>there</span></span></p></div></body></tt>",
        "<tt><body><p begin='0.5s'>\n<span><span begin='500ms' dur='2s'>Hello <span begin='1s'>there</span></span>"
        "</span>\n</p></body></tt>",
        '<?xml version="1.0" encoding="UTF-16"?>\n<tt:tt xmlns:tt="x" xmlns:ttp="y" ttp:frameRate="24">'
        '<tt:body begin="500ms"><tt:p begin="00:00:00:12" dur="48f">Hello there</tt:p></tt:body></tt:tt>',
        json.dumps([{"text": "Hello there", "start": 1, "duration": 2}]),
        json.dumps({"sub": [{"text": "<i>Hello</i>\nthere", "start": 1, "end": 3.0}]}),
        json.dumps({"segments": [{"id": 0, "text": " Hello there", "start": 1.0, "end": 3.0}], "language": "en"}),
        json.dumps({"start": [1], "end": [3], "text": ["Hello there"]}),
        '{"text": "Hello there", "start": 1, "end": 3}\n\n{"text": " ", "start": 4, "end": 5}\n',
        json.dumps({"events": [event(1000, 2000, "Hello\n", "there")]}),
        json.dumps({"events": [event(1000, 2000, "Hello ", None, "there"), event(4000, 10, None)]}),
        "start,end,text\n1.0,3.0,Hello there\n",
        ',start,end,text\n0,1.0,3.0,"Hello there"\n',
        "start\tend\ttext\n1\t3\tHello there\n",
    ],
)  # fmt: skip
def test_every_form_says_hello(content: str, read: Read) -> None:
    track = read(content)
    assert track.cues == (Cue(*HELLO),)
    assert not track.problems


def test_a_cue_that_ends_before_it_begins_is_listed_and_the_others_come_in(read: Read) -> None:
    track = read(srt([HELLO, (6.5, 4.0, "backwards"), (7.0, 7.0, "no time"), (8.0, 9.0, "last")]))
    assert [cue.text for cue in track.cues] == ["Hello there", "last"]
    assert list(map(str, track.problems)) == [
        "line 6: ends at 4 s, before it begins at 6.5 s",
        "line 10: lasts no time: 7 to 7 s",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (srt([HELLO]) + "\n2\n1000 --> 2000\nms\n", "line 6: a time is '1000', expected hours:minutes:seconds"),
        (srt([HELLO]) + "\n2\n00:00:75,0 --> 00:01:20,0\nx\n", "line 6: a time is '00:00:75,0': there is no minute"),
        (srt([HELLO]) + "\n2\n00:00:02,0 -->\nx\n", "line 6: a time is ''"),
        (srt([HELLO, (4.0, 5.0, "x" * 2001)]), "line 6: a text of 2001 characters"),
        ("-00:00:01,0 --> 00:00:02,0\nx\n", "line 1: begins at -1 s, before the film: cut"),
        (ass([HELLO]) + "Dialogue: 0,0:00:05.00\n", "line 7: 2 fields, expected 7"),
        (ass([HELLO]) + "Dialogue: 0,5,6,a,b,c,d\n", "line 7: a time is '5'"),
        ("start,end,text\n1,3,Hello\n00:01,2,x\n", "line 3: times are '00:01' and '2', expected seconds"),
        (json.dumps({"v": {"start": [1, float("nan")], "end": [3, 4], "text": ["a", "b"]}}), "'v'[1]: times are nan"),
        ('[{"text": "a", "start": 1, "end": 2}, {"text": 5}]', "entry 1: is no {text, start, end}"),
        ('{"sub": [{"text": "a", "start": 1, "end": 2}, {"text": "b", "start": "3"}]}', "entry 1: times are '3'"),
        ("<tt><p begin='1s' end='2s'>a</p>\n<p begin='1s' end='two'>b</p></tt>", "line 2: a time is 'two'"),
        ("<tt><p>or <span begin='1s' end='2s'>a</span></p></tt>", "line 1: words outside the spans that have times"),
        ("<tt><p><span begin='1s' end='2s'>a</span>\n<span end='2s'>b</span></p></tt>", "line 2: a time is ''"),
        (json.dumps({"events": [event(1, 9, "a"), event(None, 9, "b")]}), "events[1]: lacks tStartMs"),
    ],
)  # fmt: skip
def test_a_bad_cue_is_listed_with_its_place(content: str, problem: str, read: Read) -> None:
    track = read(content)
    assert len(track.cues) == 1
    assert str(track.problems[0]).startswith(problem)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"once upon a time", "is no subtitle file: expected SRT"),
        (b"{1}{25}Hello\n{30}{60}there\n", "counts frames instead of seconds"),
        (b"{}", "JSON of no known form"),
        (b"[1, 2]", "holds no sentence with a time; entry 0: is no"),
        (b"{nothing", "no JSON"),
        (b'{"text": "a", "start": 1, "end": 2}\n{oops\n', "line 2: no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"start": [1], "end": [], "text": ["a"]}', "of lengths [0, 1], expected one"),
        (b"<html><body>Hi</body></html>", "XML of the kind 'html', expected TTML"),
        (b"<tt><p begin='1s' end='2s'>Hi", "no XML that is read"),
        (b"[Events]\nFormat: Layer, Text\nDialogue: 0,x\n", "line 2: the format of events needs Start, End"),
        (b"\x00\x01\x02\xff", "film.txt: "),
        (b"1\n00:00:01,000 --> 00:00:02,000\n\n", "holds no sentence with a time"),
        (srt([(2.0, 1.0, "x")]).encode(), "holds no sentence with a time; line 2: ends at 1 s"),
    ],
)
def test_what_is_no_subtitle_file_is_refused_by_name(content: bytes, expected: str, read: Read) -> None:
    with pytest.raises(SubtitleError) as refusal:
        read(content)
    assert str(refusal.value).startswith("film.txt: ")
    assert expected in str(refusal.value)


def test_no_entity_is_expanded(read: Read) -> None:
    bomb = '<!DOCTYPE tt [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tt><p begin="1s" end="2s">&b;</p></tt>'
    with pytest.raises(SubtitleError, match="DTDForbidden"):
        read(bomb)


def test_what_is_no_markup_stays(read: Read) -> None:
    assert read(srt([(1, 2, "I <3 you {x} a < b > c")])).cues[0].text == "I <3 you {x} a < b > c"
    assert read(vtt([(1, 2, "Look, <b>here</b>. &lt;b&gt;")])).cues[0].text == "Look, here. <b>"


def test_numbers_of_cues_are_no_words_and_numbers_that_are_spoken_stay(read: Read) -> None:
    text = "1\n00:00:01,0 --> 00:00:02,0\n42\n2\n00:00:03,0 --> 00:00:04,0\nten\n \n3\n00:00:05,0 --> 00:00:06,0\n7\n"
    assert [cue.text for cue in read(text).cues] == ["42", "ten", "7"]


def test_overlapping_cues_are_kept_in_the_order_of_time(read: Read) -> None:
    spoken = [(5.0, 9.0, "third"), (1.0, 6.0, "first"), (1.0, 8.0, "second"), (1.0, 6.0, "first")]
    assert [cue.text for cue in read(ass(spoken)).cues] == ["first", "second", "third"]


def test_a_file_of_a_set_gives_each_video_its_own(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    rows = [{"vid_name": name, "sub": [{"text": name, "start": 0, "end": 1}]} for name in ("a", "b")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_subtitles(path, video="b").cues == (Cue(0, 1, "b"),)
    with pytest.raises(SubtitleError, match=r"subtitles of 2 videos \('a', 'b' …\), none of 'c'"):
        read_subtitles(path, video="c")
    path.write_text(json.dumps({name: {"start": [0], "end": [1], "text": [name]} for name in ("a", "b")}))
    assert {name: track.cues for name, track in read_collection(path)} == {
        "a": (Cue(0, 1, "a"),),
        "b": (Cue(0, 1, "b"),),
    }
    path.write_text(json.dumps(rows))
    assert [name for name, _ in read_collection(path)] == ["a", "b"]


def test_more_than_the_limit_is_not_taken_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.srt"
    path.write_text(srt([HELLO] * 3))
    monkeypatch.setattr("annotation.media.subtitles.reading.MAX_BYTES", 64)
    with pytest.raises(SubtitleError, match=r"long\.srt: larger than"):
        read_subtitles(path)
    monkeypatch.undo()
    monkeypatch.setattr("annotation.media.subtitles.cues.MAX_CUES", 2)
    with pytest.raises(SubtitleError, match=r"long\.srt: line 10: more than 2 cues"):
        read_subtitles(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SubtitleError, match=r"no\.srt: No such file"):
        read_subtitles(tmp_path / "no.srt")


FRENCH = [
    "Où est la bibliothèque? C'est là, à côté du café.",
    "Aujourd'hui nous préparons une crème brûlée.",
    "Ajoutez le sucre et mélangez bien.",
    "Versez la crème chaude, très doucement.",
    "Voilà, c'est prêt après quarante minutes. À bientôt!",
]
POLISH = ["Zażółć gęślą jaźń, dziś gotujemy zupę.", "Najpierw kroimy cebulę.", "Potem dodajemy wodę i sól."]
RUSSIAN = ["Привет, как дела?", "Сегодня мы готовим борщ и режем овощи."]
JAPANESE = ["こんにちは、今日は料理をします。", "まず野菜を切ります。"]


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        *((lines, encoding) for lines in (FRENCH, POLISH, RUSSIAN, JAPANESE)
          for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")),
        *((FRENCH, encoding) for encoding in ("latin-1", "cp1252", "utf-16-le", "utf-16-be")),
        (POLISH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "cp932"),
        (JAPANESE, "iso2022_jp"),
        ([*JAPANESE, "ｶﾀｶﾅ"], "iso2022_jp_ext"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_out(lines: list[str], encoding: str, read: Read) -> None:
    text = srt([(n, n + 1, line) for n, line in enumerate(lines)]).replace("\n", "\r\n")
    assert [cue.text for cue in read(text.encode(encoding)).cues] == lines


def test_escapes_that_are_no_japanese_stay(read: Read) -> None:
    assert read(srt([(0, 1, "a \x1b$B\x01 b")]).encode()).encoding == "utf-8"


def test_an_encoding_can_be_given(read: Read) -> None:
    raw = srt([(0, 1, "ő")]).encode("cp1250")
    assert read(raw, encoding="cp1250").cues[0].text == "ő"
    with pytest.raises(SubtitleError, match="not utf-8: invalid"):
        read(raw, encoding="utf-8")
    with pytest.raises(SubtitleError, match="no encoding is called 'klingon'"):
        read(raw, encoding="klingon")
