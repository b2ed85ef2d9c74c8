"""Why a message did not go out, in words for whoever looks after the installation; never with a secret in them."""

from __future__ import annotations

from accounts.errors import UcamError


class DeliveryFailed(Exception):
    """`permanent`: trying again is useless."""

    def __init__(self, words: str, *, permanent: bool = False) -> None:
        self.permanent = permanent
        super().__init__(words)


class ChannelGone(DeliveryFailed):
    """The other side says that this address is no more."""


class ServiceRefused(UcamError):
    """The URL of a service may not be used here."""

    code = "service_refused"
    message = "This URL cannot be used for messages."
    hint = "It looks like ntfys://ntfy.sh/my-topic or gotifys://host/token; the pages of Apprise list the services."


class PushRefused(UcamError):
    """What a browser told of its push service cannot be used."""

    code = "push_refused"
    message = "This browser's push service cannot be used."
    hint = "Switch notifications of this site off and on in the browser's settings, then try again."
