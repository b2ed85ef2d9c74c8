"""Celery: the worker's application; what it does by itself stands in settings.CELERY_BEAT_SCHEDULE."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")

app = Celery("ucam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
