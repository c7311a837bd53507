"""Pages of the releases."""

from django.urls import path

from benchmark_site.releases import views

urlpatterns = [
    path("releases/", views.ReleaseList.as_view(), name="releases"),
    path("releases/new/", views.ReleaseCreate.as_view(), name="release-new"),
    path("releases/<slug:slug>/<str:version>/", views.ReleaseDetail.as_view(), name="release"),
    path("releases/<slug:slug>/<str:version>/retry/", views.retry, name="release-retry"),
    path("releases/<slug:slug>/<str:version>/download/", views.download, name="release-download"),
    path("releases/<slug:slug>/<str:version>/files/<path:path>", views.download_file, name="release-file"),
]
