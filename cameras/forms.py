"""The form of a camera in the admin: a password in its source is stored, but never shown again."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from ucam_protocol import RtspSource, Source

from cameras.models import Camera


def known(source: Any) -> Any:
    """The source that this JSON is, or None."""
    try:
        return msgspec.convert(source, Source)
    except msgspec.ValidationError:
        return None


class CameraForm(forms.ModelForm):
    """Shows the redacted source; given back unchanged, the stored one stays."""

    class Meta:
        model = Camera
        exclude: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source = known(self.instance.source)
        if isinstance(source, RtspSource):
            self.initial["source"] = msgspec.to_builtins(source.redacted)

    def clean_source(self) -> Any:
        """What was meant."""
        told, before = self.cleaned_data["source"], known(self.instance.source)
        source = known(told)
        return msgspec.to_builtins(source.completed(before)) if isinstance(source, RtspSource) else told
