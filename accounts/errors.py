"""The server's errors: one root, stable codes, words for people; answers.py turns them into HTTP."""

from __future__ import annotations


class UcamError(Exception):
    """Root. `status` is the HTTP status, `permanent` tells that trying the same again is useless."""

    code = "error"
    status = 400
    permanent = True
    message = "This did not work."
    hint = ""

    def __init__(self, message: str = "", *, hint: str = "", headers: dict[str, str] | None = None) -> None:
        self.message = message or self.message
        self.hint = hint or self.hint
        self.headers = headers or {}
        super().__init__(self.message)


class TokenInvalid(UcamError):
    """No token of ours, or not for this, or expired."""

    code = "token_invalid"
    status = 401
    message = "You are not signed in here."
    hint = "Sign in with a link from your mail."


class SessionEnded(UcamError):
    """The sign-in was ended or is too old."""

    code = "session_ended"
    status = 401
    message = "This sign-in has ended."
    hint = "Sign in again with a new link."


class LinkInvalid(UcamError):
    """Not a link of ours, or cut off on its way."""

    code = "link_invalid"
    status = 400
    message = "This link is not complete."
    hint = "Copy the whole link from the mail, or ask for a new one."


class LinkUsed(UcamError):
    """Somebody opened it already."""

    code = "link_used"
    status = 410
    message = "This link is used up. A link works once."
    hint = "Ask for a new link. If you did not open it, tell whoever looks after the cameras."


class LinkExpired(UcamError):
    """Older than SESAME_MAX_AGE."""

    code = "link_expired"
    status = 410
    message = "This link is too old. A link works for 10 minutes."
    hint = "Ask for a new link."


class TooMany(UcamError):
    """A limit per time was reached."""

    code = "too_many"
    status = 429
    permanent = False
    message = "That was too often."
    hint = "Wait a little and try again."


class NotAllowed(UcamError):
    """The person may see the thing, but not do this with it."""

    code = "not_allowed"
    status = 403
    message = "You may not do this here."
    hint = "Ask whoever looks after the cameras."


class PasskeyNeeded(UcamError):
    """Whoever has a passkey changes nothing about them without using one just then."""

    code = "passkey_needed"
    status = 403
    message = "This needs one of your passkeys."
    hint = "Use it when the browser asks for it."


class PasskeyRefused(UcamError):
    """Not by this person's key, not for this site, or not for this challenge."""

    code = "passkey_refused"
    status = 403
    message = "This passkey was not accepted."
    hint = "Begin again, and use one of the passkeys that are listed for your address."


class PasskeyCopied(UcamError):
    """The authenticator's counter went back."""

    code = "passkey_copied"
    status = 403
    message = "This passkey may have been copied: it has counted backwards."
    hint = "Use another one, and have this one removed by whoever looks after the cameras."


class PasskeyKnown(UcamError):
    """The same credential twice."""

    code = "passkey_known"
    status = 409
    message = "This passkey is known here already."
    hint = "Use another device or password manager."


class CeremonyOver(UcamError):
    """Used, too old, or somebody else's."""

    code = "passkey_over"
    status = 410
    message = "This request for a passkey is over. It works once, for five minutes."
    hint = "Begin again."


class PasskeysImpossible(UcamError):
    """Browsers have none for addresses of numbers, nor without https."""

    code = "passkeys_impossible"
    status = 409
    message = "Passkeys need an https address with a name."
    hint = "Whoever looks after the server sets UCAM_URL, for example to https://cameras.example.com."
