"""The project as an app: its pages, templates, static files and commands (`up`, `demo`)."""

from django.apps import AppConfig


class BenchmarkSiteConfig(AppConfig):
    name = "benchmark_site"
    verbose_name = "HERO Bench"

    def ready(self) -> None:
        # Tasks queued by any Django process must know the broker, and every log-in what its session lacks.
        from benchmark_site import celery  # noqa: F401
        from benchmark_site.second_factor import pending  # noqa: F401
