"""The switchboards: settings, URLs, ASGI, Celery, system checks, pages."""

from ucam.celery import app as celery_app

__all__ = ["celery_app"]
