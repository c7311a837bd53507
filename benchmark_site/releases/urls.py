"""Pages of the releases."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from benchmark_site.releases import browse, suspects, views
from benchmark_site.releases.models import VERSION
from benchmark_site.releases.models.files import ADDRESS


class Version(StringConverter):
    """A semantic version; anything else is no page."""

    regex = VERSION.strip("^$")


class FilePath(StringConverter):
    """A relative path as releases have them: no blank, no control character."""

    regex = ADDRESS


register_converter(Version, "version")
register_converter(FilePath, "file")

urlpatterns = [
    path("releases/", views.ReleaseList.as_view(), name="releases"),
    path("releases/new/", views.ReleaseCreate.as_view(), name="release-new"),
    path("releases/<slug:slug>/<version:version>/", views.ReleaseDetail.as_view(), name="release"),
    path("releases/<slug:slug>/<version:version>/items/", browse.ReleaseItems.as_view(), name="release-items"),
    path(
        "releases/<slug:slug>/<version:version>/items/<str:kind>/<int:public_id>/",
        browse.release_item,
        name="release-item",
    ),
    path("releases/<slug:slug>/<version:version>/retry/", views.retry, name="release-retry"),
    path(
        "releases/<slug:slug>/<version:version>/left-out/",
        views.ReleaseExclusions.as_view(),
        name="release-exclusions",
    ),
    path(
        "releases/<slug:slug>/<version:version>/suspects/",
        suspects.ReleaseSuspects.as_view(),
        name="release-suspects",
    ),
    path("releases/<slug:slug>/<version:version>/waive/", views.waive, name="release-waive"),
    path("releases/<slug:slug>/<version:version>/download/", views.download, name="release-download"),
    path("releases/<slug:slug>/<version:version>/files/<file:path>", views.download_file, name="release-file"),
]
