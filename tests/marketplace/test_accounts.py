"""Sign-up, log-in, invitations, and the host's commands."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest
from django.http import HttpRequest

from annotation.marketplace.worker_site.log_in_address import client_network
from tests.marketplace.lab import Lab
from tests.marketplace.site import PASSWORD, ROOT, Page, Site, running_site


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def form_of(client: httpx.Client, path: str) -> tuple[str, dict[str, str]]:
    page = Page(client.get(path))
    return str(page.response.url), dict(page.forms[0]["fields"])


def test_signing_up_says_what_is_wrong(site: Site) -> None:
    taken = site.crowd(1)[0].name
    with httpx.Client(base_url=site.url, follow_redirects=True, verify=False) as client:
        url, fields = form_of(client, "/accounts/signup/")
        for data, problem in (
            ({"username": taken, "password": PASSWORD}, "This name is taken"),
            ({"username": taken.upper(), "password": PASSWORD}, "This name is taken"),
            ({"username": "new-worker", "password": "short"}, "too short"),
            ({"username": "new-worker", "password": "password123"}, "too common"),
            ({"username": "new worker!", "password": PASSWORD}, "Enter a valid username"),
            ({"username": "", "password": ""}, "This field is required"),
        ):
            answer = client.post(url, data={**fields, **data}, headers={"Referer": site.url})
            assert answer.status_code == 400
            assert problem in answer.text


def test_logging_out_and_in_again(site: Site) -> None:
    worker = site.worker()
    token = worker.get("/").forms[0]["fields"]["csrfmiddlewaretoken"]
    assert "Log in" in worker.post("/accounts/logout/", {"csrfmiddlewaretoken": token}).text
    url, fields = form_of(worker.http, "/accounts/login/")
    wrong = worker.post(url, {**fields, "username": worker.name, "password": "wrong"})
    assert "Please enter a correct username and password" in wrong.text
    assert "Find work" in worker.post(url, {**fields, "username": worker.name, "password": PASSWORD}).text
    assert worker.id in worker.get("/worker/work/").text


def test_after_25_wrong_passwords_the_right_one_does_not_log_in_at_once(site: Site) -> None:
    worker, other = site.worker(), site.worker()
    with httpx.Client(base_url=site.url, follow_redirects=True, verify=False) as client:
        url, fields = form_of(client, "/accounts/login/")

        def log_in(name: str, password: str) -> httpx.Response:
            return client.post(
                url, data={**fields, "username": name, "password": password}, headers={"Referer": site.url}
            )

        answers = [log_in(worker.name, f"wrong {n}") for n in range(25)]
        assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
        assert "quarter of an hour" in answers[-1].text
        assert log_in(worker.name, PASSWORD).status_code == 429
        assert "Find work" in log_in(other.name, PASSWORD).text


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:ffff::7", "2001:db8:1:2::"),
        ("2001:db8:1:3::7", "2001:db8:1:3::"),
        ("", None),
    ],
)
def test_wrong_passwords_count_for_a_line_of_ipv6(client: str, counted: str | None) -> None:
    """Who has a line has 2^64 addresses, another one for each try."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = client
    assert client_network(request) == counted


def test_the_site_counts_so(site: Site) -> None:
    said = site.manage("shell", "-c", "from axes.conf import settings; print(settings.AXES_CLIENT_IP_CALLABLE)")
    assert said.split()[-1] == f"{client_network.__module__}.{client_network.__name__}"


def test_a_changed_password_counts(site: Site) -> None:
    worker = site.worker()
    url, fields = form_of(worker.http, "/accounts/password/")
    form = next(form for form in worker.get("/accounts/password/").forms if form["url"] is None)
    new = "another-horse-battery"
    page = worker.post(url, {**form["fields"], "old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert "Find work" in page.text
    assert fields


@pytest.fixture(scope="module")
def closed_site(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> object:
    log = tmp_path_factory.mktemp("closed") / "server.log"
    with running_site(database_server, log, MARKETPLACE_OPEN_SIGNUP="false") as running:
        yield running


def test_where_sign_up_is_closed_an_invitation_opens_it_once(closed_site: Site) -> None:
    link = closed_site.manage("create_invite", "--note", "Ada", "--days", "2").strip()
    assert link.startswith(f"{closed_site.url}/accounts/signup/?invite=")
    path = link.removeprefix(closed_site.url)
    with httpx.Client(base_url=closed_site.url, follow_redirects=True, verify=False) as client:
        assert client.get("/accounts/signup/").status_code == 403
        assert client.get("/accounts/signup/?invite=wrong").status_code == 403
        _, fields = form_of(client, path)
        data = {**fields, "username": "ada", "password": PASSWORD}
        assert "Find work" in client.post(path, data=data, headers={"Referer": closed_site.url}).text
    with httpx.Client(base_url=closed_site.url, verify=False) as client:
        answer = client.get(path)
        assert answer.status_code == 403
        assert "by invitation" in answer.text
    second = closed_site.manage("create_invite").strip().removeprefix(closed_site.url)
    closed_site.advance(15 * 86_400)
    assert closed_site.http.get(closed_site.url + second).status_code == 403


def test_create_requester_and_deposit_can_be_called_again(closed_site: Site) -> None:
    key, secret = "AKCOMMAND000000001", "x" * 40
    arguments = ["create_requester", "--name", "lab", "--access-key", key, "--secret"]
    assert closed_site.manage(*arguments, secret, "--balance", "12.34").startswith("created requester lab (A")
    assert closed_site.manage(*arguments, "y" * 40).startswith("updated requester lab (A")
    client = closed_site.client(key, "y" * 40)
    assert client.get_account_balance()["AvailableBalance"] == "12.34"
    closed_site.manage("deposit", "--name", "lab", "--amount", "0.66")
    assert client.get_account_balance()["AvailableBalance"] == "13.00"
    assert client.get_account_balance()["OnHoldBalance"] == "0.00"


def test_commands_refuse_with_a_reason(closed_site: Site) -> None:
    for arguments, reason in (
        (["deposit", "--name", "nobody", "--amount", "1"], "no requester named 'nobody'"),
        (["deposit", "--name", "lab", "--amount", "1.005"], "--amount must be a positive amount"),
        (["create_requester", "--name", "x", "--access-key", "k", "--secret", "s", "--balance", "lots"], "--balance"),
        (["export_earnings", "--from", "yesterday", "--to", "2026-01-01"], "is not a day"),
        (["export_earnings", "--from", "2026-02-01", "--to", "2026-01-01"], "--to lies before --from"),
    ):
        result = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=closed_site.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode != 0
        assert reason in result.stderr
        assert "Traceback" not in result.stderr


def earnings(site: Site, *more: str) -> dict[str, dict[str, str]]:
    text = site.manage("export_earnings", "--from", "2000-01-01", "--to", "2099-12-31", *more)
    return {row["worker_id"]: row for row in csv.DictReader(io.StringIO(text))}


def test_earnings_are_exported_and_marked_as_paid_once(lab: Lab) -> None:
    worker = lab.site.worker(name=f"=cmd-{secrets.token_hex(3)}".replace("=", "+"))
    for reward in ("0.15", "1.00"):
        _, assignment_id = lab.submitted(worker, Reward=reward)
        lab.api.approve_assignment(AssignmentId=assignment_id)
    lab.api.send_bonus(WorkerId=worker.id, AssignmentId=assignment_id, BonusAmount="0.50", Reason="Good")
    row = earnings(lab.site)[worker.id]
    assert (row["assignments"], row["rewards"], row["bonuses"], row["total"]) == ("2", "1.15", "0.50", "1.65")
    assert row["username"] == f"'{worker.name}", "a spreadsheet must not run a name"
    assert earnings(lab.site, "--mark-paid")[worker.id] == row
    assert worker.id not in earnings(lab.site)
    assert "$1.65" in worker.table()
    _, assignment_id = lab.submitted(worker, Reward="0.20")
    lab.api.approve_assignment(AssignmentId=assignment_id)
    assert earnings(lab.site)[worker.id]["total"] == "0.20"


def test_the_payroll_page_is_the_hosts_alone(lab: Lab) -> None:
    worker = lab.site.worker()
    assert worker.get("/admin/payroll/").status == 403
    _, assignment_id = lab.submitted(worker, Reward="0.40")
    lab.api.approve_assignment(AssignmentId=assignment_id)
    with psycopg.connect(lab.site.database_url) as connection:
        connection.execute(
            "UPDATE auth_user SET is_staff = true, is_superuser = true WHERE username = %s", [worker.name]
        )
    lab.site.faults(reset_clock=True)
    page = worker.get("/admin/payroll/?first_day=2020-01-01&last_day=2090-01-01")
    assert worker.id in page.text
    text = worker.http.get("/admin/payroll/?first_day=2020-01-01&last_day=2090-01-01&format=csv").text
    assert f"{worker.id},{worker.name},1,0.40,0.00,0.40" in text
    form = next(form for form in page.forms if "first_day" in form["fields"])
    paid = worker.post("/admin/payroll/", form["fields"])
    assert "Marked as paid" in paid.text
    link = re.search(r'href="(/admin/payroll/\d+\.csv)"', paid.text)
    assert link is not None
    assert worker.id in worker.http.get(link[1]).text
    assert worker.get("/admin/payroll/?first_day=2090-01-01&last_day=2020-01-01").status == 400
    for path in (
        "",
        "marketplace/requester/",
        "marketplace/assignment/",
        "marketplace/ledgerentry/",
        "marketplace/hit/",
    ):
        assert worker.get(f"/admin/{path}").status == 200
    assert lab.api._request_signer._credentials.secret_key not in worker.get("/admin/marketplace/requester/").text


def test_the_hosts_commands_work_from_a_checkout_without_any_setting(site: Site, tmp_path: Path) -> None:
    """Beside `make up`: address and key are those that it runs the marketplace with."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    variables |= {"MARKETPLACE_DATABASE_URL": site.database_url, "BENCH_HOME": str(tmp_path)}
    command = [sys.executable, "manage.py", "create_invite", "--settings", "annotation.marketplace.settings"]
    result = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    (link,) = result.stdout.split()
    assert link.startswith("http://127.0.0.1:8001/accounts/signup/?invite=")
    assert "Sign up" in site.http.get(site.url + link.removeprefix("http://127.0.0.1:8001")).text
