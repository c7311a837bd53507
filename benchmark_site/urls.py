"""Every page of the platform."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from benchmark_site import views
from benchmark_site.leaderboard.teams.forms import NewPasswordForm
from benchmark_site.second_factor import views as second_factor

handler500 = "benchmark_site.views.server_error"

MAIL: dict[str, Any] = {
    "form_class": NewPasswordForm,
    "email_template_name": "benchmark_site/password_mail.txt",
    "subject_template_name": "benchmark_site/password_mail_subject.txt",
}


def _page(view: Any, template: str, **more: Any) -> Any:
    """One of Django's own views about passwords, with our template."""
    return view.as_view(template_name=f"benchmark_site/{template}.html", **more)


urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    path("login/", views.LogIn.as_view(), name="login"),
    path("password/", _page(auth.PasswordChangeView, "password_change"), name="password_change"),
    path("password/changed/", _page(auth.PasswordChangeDoneView, "password_changed"), name="password_change_done"),
    path("password/reset/", _page(auth.PasswordResetView, "password_reset", **MAIL), name="password_reset"),
    path("password/reset/sent/", _page(auth.PasswordResetDoneView, "password_reset_sent"), name="password_reset_done"),
    path(
        "password/reset/<uidb64>/<token>/",
        _page(auth.PasswordResetConfirmView, "password_new"),
        name="password_reset_confirm",
    ),
    path(
        "password/reset/done/",
        _page(auth.PasswordResetCompleteView, "password_changed"),
        name="password_reset_complete",
    ),
    path("second-factor/", second_factor.second_factor, name="second-factor"),
    path("second-factor/code/", second_factor.enter_code, name="second-factor-code"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("", include("annotation.pages.urls")),
    path("", include("benchmark_site.releases.urls")),
    path("", include("benchmark_site.leaderboard.urls")),
]
