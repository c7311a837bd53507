"""Every page of the platform."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from benchmark_site import views

handler500 = "benchmark_site.views.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.health, name="health"),
    path("login/", auth.LoginView.as_view(template_name="benchmark_site/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("", include("annotation.pages.urls")),
    path("", include("benchmark_site.releases.urls")),
    path("", include("benchmark_site.leaderboard.urls")),
]
