"""The switchboard as an app: it brings the system checks, and the models' names in the reader's language."""

from django.apps import AppConfig


class UcamConfig(AppConfig):
    """What stands above all other apps."""

    name = "ucam"

    def ready(self) -> None:
        """Register the checks; all models are there by now."""
        from ucam import checks, names  # registering the checks is what importing does

        assert checks
        names.translate_models()
