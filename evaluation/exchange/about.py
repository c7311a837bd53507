"""What people and machines are told of a release beside its rows: the head of its card, citation, licence."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.release.names import LICENCES, SPLITS, table_name
from evaluation.release.schema import Task

HUB_LICENCES = {
    *("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "odc-by", "odbl", "pddl", "openrail"),
}
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True)
class About:
    """A release as it is cited. `licence` is an SPDX identifier or "", `authors` are “Family, Given” or one name each.

    `canary` is a text that stands nowhere else; `items` are how many rows are published.
    """

    name: str
    version: str
    description: str
    authors: Sequence[str]
    licence: str
    canary: str
    items: int

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def card_head(about: About, tasks: Sequence[Task]) -> str:
    """The YAML block that Hugging Face reads at the head of a card: a configuration a task, so that both load."""
    lines = ["---", f"pretty_name: {_quoted(about.title)}", "language:", "- en"]
    lines += _licence_lines(about.licence)
    lines += ["task_categories:", "- video-text-to-text", "size_categories:", f"- {_size(about.items)}", "configs:"]
    for task in tasks:
        lines += [f"- config_name: {task}", "  data_files:"]
        for split in SPLITS:
            lines += [f"  - split: {split}", f"    path: {table_name(task, split)}"]
    return "\n".join([*lines, "---", "", f"<!-- {about.canary} -->", "", ""])


def citation_cff(about: About) -> str:
    """CITATION.cff, version 1.2.0."""
    lines = [
        f"# {about.canary}",
        "cff-version: 1.2.0",
        "type: dataset",
        "message: If you use this data set, please cite it.",
        f"title: {_quoted(about.name)}",
        f"version: {_quoted(about.version)}",
        "authors:",
    ]
    for author in about.authors or [f"The makers of {about.name}"]:
        family, comma, given = author.partition(",")
        named = [f"family-names: {_quoted(family.strip())}", f"given-names: {_quoted(given.strip())}"]
        first, *more = named if comma and given.strip() else [f"name: {_quoted(author.strip())}"]
        lines += [f"  - {first}", *(f"    {line}" for line in more)]
    if about.licence:
        lines.append(f"license: {about.licence}")
    if about.description:
        lines.append(f"abstract: {_quoted(about.description)}")
    return "\n".join(lines) + "\n"


def bibtex(about: About) -> str:
    """The same for LaTeX."""
    authors = " and ".join(map(_latex, about.authors)) or f"{{The makers of {about.name}}}"
    return (
        f"@misc{{{about.name}-{about.version},\n  title = {{{about.name}}},\n  author = {{{authors}}},\n"
        f"  version = {{{about.version}}},\n  howpublished = {{data set}}\n}}\n"
    )


def _latex(text: str) -> str:
    """Without the signs that mean something to LaTeX."""
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def licence_text(about: About) -> str:
    """LICENSE: what is stated for what the folder holds; the videos, which it does not hold, keep their own."""
    said = [f"{about.title}", "", f"SPDX-License-Identifier: {about.licence or 'NOASSERTION'}", ""]
    if about.licence:
        said += [
            f"Queries, questions, answers and their times: {about.licence}",
            f"(https://spdx.org/licenses/{about.licence}.html).",
        ]
    else:
        said += ["Whoever made this release has stated no licence for its queries, questions and answers."]
    said += [
        "Subtitles and features are made from the videos, which keep their own licences:",
        f"{LICENCES} says of each clip which.",
    ]
    return "\n".join([*said, "", about.canary, ""])


def _licence_lines(licence: str) -> list[str]:
    if licence.lower() in HUB_LICENCES:
        return [f"license: {licence.lower()}"]
    if not licence:
        return ["license: unknown"]
    return ["license: other", f"license_name: {_quoted(licence.lower())}", "license_link: LICENSE"]


def _size(items: int) -> str:
    return next((name for limit, name in SIZES if items < limit), "n>1M")


def _quoted(text: str) -> str:
    """A scalar of YAML: JSON's strings are some."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
