"""WSGI entry: `gunicorn annotation.marketplace.wsgi`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "annotation.marketplace.settings"
application = get_wsgi_application()
# What is loaded by now stays; garbage is looked for among what requests leave, each few dozen requests.
gc.freeze()
gc.set_threshold(50_000)
