from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "annotation.marketplace"
    label = "marketplace"
    verbose_name = "Marketplace"

    def ready(self) -> None:
        from annotation.marketplace import checks  # noqa: F401  registers the system checks
