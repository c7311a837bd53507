"""What is wrong with a submission, with its place; and what is merely odd, with its count."""

from dataclasses import asdict, dataclass, field

from evaluation.io.errors import Refusal

MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Problem:
    """One reason for refusal. `row` and `column` count from 0; None where the place is not inside a row."""

    file: str
    task: str | None
    id: int | str | None
    row: int | None
    column: int | None
    message: str

    def __str__(self) -> str:
        place = [self.file]
        if self.task is not None:
            place.append(self.task)
        if self.id is not None:
            place.append(f"query {self.id}")
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column is not None:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.message}"

    def as_dict(self) -> dict[str, object]:
        """The JSON of the problem."""
        return asdict(self)


class PredictionError(Refusal):
    """The submission gets no score; `problems` holds at most MOST_PROBLEMS, `total` counts all."""

    def __init__(self, problems: list[Problem], total: int | None = None) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems
        self.total = len(problems) if total is None else total


@dataclass
class Findings:
    """Collects problems (up to the limit, counting on) and counted notes while a submission is read."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # of queries whose ids are texts, by the number for each

    def refuse(
        self,
        message: str,
        *,
        task: str | None = None,
        id: int | str | None = None,
        row: int | None = None,
        column: int | None = None,
        times: int = 1,
    ) -> None:
        """Note a reason for refusal; `times` of its kind are counted."""
        self.total += times
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(self.file, task, self.named(id), row, column, message))

    def named(self, id: int | str | None) -> int | str | None:
        """An id as the submitter knows it."""
        return self.names.get(id, id) if isinstance(id, int) else id

    def note(self, code: str, count: int) -> None:
        """Add to the count of something odd that is accepted."""
        if count:
            self.counts[code] = self.counts.get(code, 0) + count

    def raise_if_any(self) -> None:
        """Raise PredictionError where anything was noted as a reason."""
        if self.problems:
            raise PredictionError(self.problems, self.total)
