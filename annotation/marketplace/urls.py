"""Addresses of the marketplace."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.urls import path

from annotation.marketplace.api import requester_api
from annotation.marketplace.money import payroll_pages
from annotation.marketplace.questions.uploaded_files import uploaded_file
from annotation.marketplace.testing.fault_api import fault_api
from annotation.marketplace.worker_site import (
    accounts,
    form_hits,
    groups,
    qualification_pages,
    submit,
    task_frame,
    work,
)


def healthy(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


handler500 = "annotation.marketplace.error_pages.server_error"

urlpatterns = [
    # boto3 keeps the path of its endpoint_url as it is, and a POST cannot be redirected: both spellings answer.
    path("api", requester_api, name="api"),
    path("api/", requester_api, name="api"),
    path("mturk/externalSubmit", submit.external_submit, name="external-submit"),
    path("mturk/externalSubmit/", submit.external_submit, name="external-submit"),
    path("faults", fault_api, name="faults"),
    path("healthz", healthy, name="health"),
    path("files/<str:token>", uploaded_file, name="uploaded-file"),
    path("accounts/signup/", accounts.signup, name="signup"),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path(
        "accounts/password/",
        PasswordChangeView.as_view(template_name="registration/change_password.html", success_url="/"),
        name="change-password",
    ),
    path("", groups.group_list, name="groups"),
    path("groups/<str:hit_type_id>/", groups.preview, name="group"),
    path("groups/<str:hit_type_id>/accept/", work.accept, name="accept"),
    path("assignments/<str:assignment_id>/", work.assignment_page, name="assignment"),
    path("assignments/<str:assignment_id>/answers/", form_hits.answer_form, name="answer-form"),
    path("assignments/<str:assignment_id>/return/", work.return_assignment, name="return"),
    path("questions/<str:hit_id>/", task_frame.html_question, name="html-question"),
    path("worker/work/", work.my_work, name="my-work"),
    path("worker/messages/", work.inbox, name="inbox"),
    path("worker/qualifications/", qualification_pages.qualification_list, name="qualifications"),
    path(
        "worker/qualifications/<str:type_id>/request/",
        qualification_pages.request_qualification,
        name="request-qualification",
    ),
    path(
        "worker/qualifications/<str:type_id>/test/", qualification_pages.qualification_test, name="qualification-test"
    ),
    path("admin/payroll/", payroll_pages.payroll_page, name="payroll"),
    path("admin/payroll/<int:payout_id>.csv", payroll_pages.payout_csv, name="payout-csv"),
    path("admin/", admin.site.urls),
]
