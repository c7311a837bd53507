"""A third party's client, unchanged: the AWS command line in an environment of its own, since it pins botocore."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.marketplace.lab import HIT, Lab, unique
from tests.marketplace.site import Site, external

Aws = Callable[..., Any]


@pytest.fixture(scope="module")
def aws_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("awscli")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "awscli>=1.44"]
    result = subprocess.run(pip, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip(f"awscli cannot be installed here: {result.stderr.strip().splitlines()[-1:]}")
    return folder / "bin" / "aws"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_aws_command_line_creates_lists_and_approves(site: Site, aws_program: Path, tmp_path: Path) -> None:
    lab = Lab(site)
    credentials = lab.api._request_signer._credentials
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def aws(*arguments: str, code: int = 0) -> Any:
        command = [str(aws_program), "mturk", *arguments, "--endpoint-url", f"{site.url}/api", "--output", "json"]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        return json.loads(result.stdout) if result.stdout.strip() else result.stderr

    hit = aws(
        "create-hit", "--title", unique("From the shell"), "--description", HIT["Description"], "--reward", "0.15",
        "--assignment-duration-in-seconds", "600", "--lifetime-in-seconds", "3600", "--max-assignments", "2",
        "--question", external(),
    )["HIT"]  # fmt: skip
    assert aws("get-account-balance")["OnHoldBalance"] == "0.36"
    assignment_id = lab.worker.do(hit["HITTypeId"], answer="yes")
    (row,) = aws("list-assignments-for-hit", "--hit-id", hit["HITId"])["Assignments"]
    assert (row["AssignmentId"], row["AssignmentStatus"]) == (assignment_id, "Submitted")
    aws("approve-assignment", "--assignment-id", assignment_id, "--requester-feedback", "Well done")
    assert lab.status(assignment_id) == "Approved"
    assert len(aws("list-hits", "--page-size", "1")["HITs"]) == 1
    message = aws("reject-assignment", "--assignment-id", assignment_id, "--requester-feedback", "No", code=255)
    assert "InvalidAssignmentState" in message
