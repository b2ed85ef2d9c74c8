"""All doors of the server, read from the URLconf: route and methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

API_METHODS = ("get", "head", "post", "put", "patch", "delete")


def routes() -> dict[str, Callable[..., Any]]:
    """Route, as the URLconf writes it, to view."""
    return dict(_walk(get_resolver().url_patterns, ""))


def methods(view: Callable[..., Any]) -> set[str] | None:
    """The methods that a class of views has, None for a function, which does not tell. HEAD counts as GET."""
    kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if kind is None:
        return None
    found = {method for method in API_METHODS if method in kind.http_method_names and hasattr(kind, method)}
    return {method.upper() for method in found - ({"head"} if "get" in found else set())}


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from _walk(pattern.url_patterns, route)
