"""Pipelines as descriptions that a test can read: elements with properties, links. No gi, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its factory, its name in the pipeline, its properties by GStreamer's names."""

    factory: str
    name: str
    properties: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """From one element to the next.

    `sometimes`: the source pad comes later, is named so and has `caps` in its caps. `request`: sink pad's template.
    """

    source: str
    sink: str
    sometimes: str = ""
    caps: str = ""
    request: str = ""
    pad_properties: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """A whole pipeline, or a part of one."""

    elements: tuple[Element, ...]
    links: tuple[Link, ...]

    def element(self, name: str) -> Element:
        """The element of this name; raises KeyError."""
        return {element.name: element for element in self.elements}[name]

    @property
    def factories(self) -> list[str]:
        """In order."""
        return [element.factory for element in self.elements]


def chain(*elements: Element) -> tuple[Link, ...]:
    """Links each element to the next."""
    return tuple(Link(one.name, two.name) for one, two in pairwise(elements))


def line(*elements: Element) -> Description:
    """Elements linked one behind the other."""
    return Description(elements, chain(*elements))
