"""The progress bar of the commands."""


class ProgressBar:
    """A progress bar on standard error that shows the stage at work."""

    def __enter__(self) -> "ProgressBar":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("start", total=1.0)
        self._bar.start()
        return self

    def show(self, stage: str, share: float) -> None:
        self._bar.update(self._task, description=stage, completed=share)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
