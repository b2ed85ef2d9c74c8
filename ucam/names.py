"""Names of our models, columns and choices in the reader's language, for the admin.

English stands in the models, and nowhere else: migrations read what the models say, so a translation there would make
one for every word. Here each is found by its English text (locale/), as every other word is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Field, Model
from django.utils.translation import gettext_lazy, override

from cameras.models import Membership

OWN = ("accounts", "cameras", "storage")


def translate_models() -> None:
    """Once, when all models are there."""
    for name in OWN:
        app: Any = apps.get_app_config(name)
        app.verbose_name = gettext_lazy(str(app.verbose_name))
    for model in own_models():
        options: Any = model._meta
        options.verbose_name = gettext_lazy(str(options.verbose_name))
        options.verbose_name_plural = gettext_lazy(str(options.verbose_name_plural))
        for field in own_fields(model):
            field.verbose_name = gettext_lazy(str(field.verbose_name))
            if field.help_text:
                field.help_text = gettext_lazy(str(field.help_text))
            if field.choices and field.choices != settings.LANGUAGES:
                field.choices = [(value, gettext_lazy(str(label))) for value, label in field.flatchoices]


def own_models() -> Iterator[type[Model]]:
    """Those of our apps."""
    for name in OWN:
        yield from apps.get_app_config(name).get_models()


def own_fields(model: type[Model]) -> list[Field[Any, Any]]:
    """The columns that a model was given; not the other ends of relations."""
    return [*model._meta.fields, *model._meta.many_to_many]


def words() -> set[str]:
    """All of that which the admin shows, in English."""
    with override("en"):
        said = {str(apps.get_app_config(name).verbose_name) for name in OWN}
        for model in (one for one in own_models() if one is Membership or admin.site.is_registered(one)):
            said |= {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}
            for field in own_fields(model):
                said |= {str(field.verbose_name), str(field.help_text)}
                if field.choices and field.choices != settings.LANGUAGES:
                    said |= {str(label) for _, label in field.flatchoices}
    return said - {""}
