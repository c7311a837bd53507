"""WSGI entry: `gunicorn annotation.marketplace.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.marketplace.settings"
application = get_wsgi_application()
