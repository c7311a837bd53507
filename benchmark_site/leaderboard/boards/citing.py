"""A board for papers and other sites: a LaTeX table, BibTeX, the JSON that Papers with Code exchanged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from benchmark_site.leaderboard.boards.board import Board, Row
from benchmark_site.leaderboard.scoring.disclosed import DisclosedScore

_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip
_OF = {"all": "the whole split", "public": "the public part of the split", "private": "the private part of the split"}


def board_tex(board: Board, address: str) -> str:
    """A `tabular` of every row, one line each, so that single ones can be copied; needs no package."""
    titles = ["Method", *(_tex(column.title) for column in board.columns), *board.card_titles]
    lines = [
        f"% {board.track.path}, release sha256 {board.track.release.sha256}",
        f"% {address}",
        f"% values of {_OF[board.part]}",
        rf"\begin{{tabular}}{{l{'r' * len(board.columns)}{'l' * len(board.card_titles)}}}",
        r"\hline",
        rf"{' & '.join(titles)} \\",
        r"\hline",
        *(_tex_line(board, row) for row in board.rows),
        r"\hline",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def board_bib(board: Board, address: str) -> str:
    """The board itself, and an entry for every row that names a paper."""
    track = board.track
    name = f"{track.release.slug}-{track.release.version}"
    entries = [_bib(name, f"{track}: board", "HERO Bench", address, track.opens_at.year)]
    for one in (row.submission for row in board.rows):
        if one.paper_url:
            key = f"{_key(one.method)}-{str(one.pk)[:8]}"
            entries.append(_bib(key, one.method, one.team.name, one.paper_url, one.created_at.year))
    return "\n".join(entries)


def board_sota(board: Board, absolute: Callable[[str], str]) -> list[dict[str, Any]]:
    """In the form of sota-extractor, by which Papers with Code exchanged its boards."""
    titles = [column.title for column in board.columns]
    rows = [_sota_row(row, titles, absolute) for row in board.rows]
    part = "" if board.part == "all" else f", {board.part} part"
    dataset = {
        "dataset": f"{board.track.release} {board.track.split}{part}",
        "dataset_links": [{"title": str(board.track), "url": absolute(board.track.get_absolute_url())}],
        "sota": {"metrics": titles, "rows": rows},
    }
    return [{"task": board.track.get_task_display(), "categories": ["Computer Vision"], "datasets": [dataset]}]


def _sota_row(row: Row, titles: list[str], absolute: Callable[[str], str]) -> dict[str, Any]:
    one = row.submission
    shown = zip(titles, row.scores, strict=True)
    return {
        "model_name": one.method,
        "paper_title": "",
        "paper_url": one.paper_url,
        "paper_date": one.created_at.date().isoformat(),
        "code_links": [{"title": one.method, "url": one.code_url}] if one.code_url else [],
        "model_links": [{"title": one.team.name, "url": absolute(one.get_absolute_url())}],
        "metrics": {title: str(score.value) for title, score in shown if score and score.value is not None},
    }


def _tex_line(board: Board, row: Row) -> str:
    values = [_tex_value(board, score) for score in row.scores]
    cells = [_tex(row.submission.method), *values, *(_tex(said) or "--" for said in row.card)]
    return " & ".join(cells) + r" \\"


def _tex_value(board: Board, score: DisclosedScore | None) -> str:
    if score is None or score.value is None:
        return "--"
    return f"{score.value:.{board.digits}f}" if board.digits >= 0 else f"{score.value:g}"


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _bib(key: str, title: str, author: str, url: str, year: int) -> str:
    # Braces of a name would end the field.
    title, author = (_tex(text.replace("{", "(").replace("}", ")")) for text in (title, author))
    url = url.replace("{", "%7B").replace("}", "%7D")
    fields = {"title": title, "author": f"{{{author}}}", "year": year, "url": url}
    return "".join([f"@misc{{{key},\n", *(f"  {name} = {{{value}}},\n" for name, value in fields.items()), "}\n"])


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "method"
