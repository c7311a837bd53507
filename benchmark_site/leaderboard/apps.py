from django.apps import AppConfig


class LeaderboardConfig(AppConfig):
    name = "benchmark_site.leaderboard"
    verbose_name = "Leaderboard"
