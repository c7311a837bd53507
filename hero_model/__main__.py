"""HERO on the command line: `python -m hero_model COMMAND --help` explains each command."""

import argparse
import importlib
import sys
import warnings
from typing import Any, NoReturn

from hero_model.errors import InputError, InputWarning

# command -> (module with add_arguments and run, what it does); imported only when asked for, torch is heavy
COMMANDS = {
    "features": ("hero_model.cli.features", "frame features of video files, as one safetensors file"),
    "train": ("hero_model.cli.train", "pre-train on a release's train clips, then fine-tune for each of its tasks"),
    "predict": ("hero_model.cli.predict", "a submission file from models that `train` made"),
    "encode": ("hero_model.cli.encode", "encode clips into an index for `search`"),
    "search": ("hero_model.cli.search", "find moments for a sentence"),
    "export": ("hero_model.cli.export", "the query side of a moment model for torch.export: no code of ours to run it"),
    "answer": ("hero_model.cli.answer", "answer a multiple-choice question about a video"),
    "convert": ("hero_model.cli.convert", "turn a checkpoint of the authors into a model of this package"),
    "reproduce": ("hero_model.cli.reproduce", "the paper's Tables 1 to 3: train every row, print ours beside theirs"),
    "text-only": ("hero_model.cli.text_only", "a submission from subtitles alone: what can be had without seeing"),
}


INTERRUPTED = 130  # what shells give for Ctrl-C


class Parser(argparse.ArgumentParser):
    """Refuses as the commands do: in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: list[str] | None = None) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        warnings.showwarning = show_warning
        try:
            args = parse(sys.argv[1:] if argv is None else argv)
            args.run(args)
        except InputError as error:
            return refuse(str(error))
        except OSError as error:
            return refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Raises InputError."""
    parser = Parser(prog="python -m hero_model", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in arguments[:1]:
            module = importlib.import_module(module_name)
            command.epilog = (module.run.__doc__ or "").replace("Raises InputError.", "").strip()
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser.parse_args(arguments)


def refuse(message: str) -> int:
    """One line, whatever a library put into the message."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
