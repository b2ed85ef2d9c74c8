"""What the room refuses, in words; codes are in docs/protocol.md."""

from __future__ import annotations

from accounts.errors import NotAllowed, TooMany, UcamError


class NotFound(UcamError):
    """It does not exist, or is not theirs: the answer is the same."""

    code = "not_found"
    status = 404
    message = "There is nothing of that name here for you."
    hint = "Look for a slip in the name, or ask whoever looks after the cameras."


class SessionUnknown(NotFound):
    """No session of the sender's; over, somebody else's, or never there."""

    message = "There is no live session of that name with you."
    hint = "Call the camera again."


class SessionTaken(UcamError):
    """The id of a new session is in use."""

    code = "session_taken"
    status = 409
    message = "A live session of that name exists already."
    hint = "Give each session an id of its own."


class CameraOffline(UcamError):
    """The camera may be watched, but is not there."""

    code = "camera_offline"
    status = 503
    permanent = False
    message = "This camera is not connected."
    hint = "It records on its own and comes back by itself once it has power and network."


class SessionsTooMany(TooMany):
    """More live pictures than one connection or person may have."""

    message = "That is too many live pictures at once."
    hint = "Close some of them."


class NotForYou(NotAllowed):
    """A message that only the other kind of peer may send."""

    message = "Only cameras may send this."
    hint = "Nothing was passed on."


class VersionUnknown(UcamError):
    """A hello of another version of the protocol."""

    code = "version_unknown"
    message = "This version of the room's protocol is not spoken here."
    hint = "Bring the program up to date, or reload the page."


class HelloFirst(UcamError):
    """Something was said before hello, or hello twice."""

    code = "hello_expected"
    message = "The first message must be hello, and only the first."


class ServerBusy(UcamError):
    """Something of ours is away for a moment."""

    code = "server_busy"
    status = 503
    permanent = False
    message = "The server could not do this just now."
    hint = "Try again in a few seconds."


class OriginRefused(NotAllowed):
    """A page of another site opened the socket."""

    code = "origin_refused"
    message = "The room cannot be entered from this site."
    hint = "Open the cameras at their own address; UCAM_URL names it."
