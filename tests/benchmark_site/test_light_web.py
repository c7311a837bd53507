import subprocess
import sys

RESOLVE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmark_site.settings"
import django
django.setup()
from django.urls import get_resolver
def walk(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            walk(pattern.url_patterns)
        else:
            pattern.callback
walk(get_resolver().url_patterns)
heavy = {"torch", "transformers", "sentence_transformers", "numba", "av"} & set(sys.modules)
print(sorted(heavy))
"""


def test_the_web_process_never_loads_torch() -> None:
    result = subprocess.run([sys.executable, "-c", RESOLVE], capture_output=True, text=True, check=True)
    assert "torch" not in result.stdout
    assert result.stdout.strip() == "[]"
