"""Cameras: places, devices, the room, alerts."""

from django.apps import AppConfig


class CamerasConfig(AppConfig):
    """Places and their cameras."""

    name = "cameras"
    verbose_name = "Cameras"
