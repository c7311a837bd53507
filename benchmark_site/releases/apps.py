from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "benchmark_site.releases"
    verbose_name = "Releases"
