"""The platform for any WSGI server: `gunicorn benchmark_site.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
application = get_wsgi_application()
