"""The switchboard as an app: it brings the system checks."""

from django.apps import AppConfig


class UcamConfig(AppConfig):
    """Checks of the deployment."""

    name = "ucam"

    def ready(self) -> None:
        """Register the checks."""
        from ucam import checks  # noqa: F401 - registering is what importing does
