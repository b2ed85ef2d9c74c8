"""Storage: the ledger of every second."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Footage and what is known of it."""

    name = "storage"
    verbose_name = "Storage"
