"""The platform for any WSGI server: `gunicorn benchmark_site.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
application = get_wsgi_application()
# What is loaded by now stays; garbage is looked for among what requests leave, each few dozen requests.
gc.freeze()
gc.set_threshold(50_000)
