"""What storage refuses, in words."""

from __future__ import annotations

from accounts.errors import UcamError


class StorageAway(UcamError):
    """Root of what passes: the device keeps its footage and tries again."""

    status = 503
    permanent = False

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint, headers={"Retry-After": "10"})


class StorageWrongDisk(StorageAway):
    """The marker file is missing or names another installation."""

    code = "storage_wrong_disk"
    message = "The disk for footage is not there, or it is another disk."
    hint = "Attach the right disk. For a new, empty one: manage.py check_storage --adopt-disk."


class StorageFull(StorageAway):
    """Below what must stay free, or the disk said so itself."""

    code = "storage_full"
    message = "The disk for footage is full."
    hint = "Free some space, or keep less footage (retention days, maximum space)."


class StorageFailing(StorageAway):
    """Reading, writing or flushing failed."""

    code = "storage_failing"
    message = "The disk for footage does not work."
    hint = "Look at the server's log and at the disk's health."


class SecondTierAway(StorageAway):
    """The second tier is not there, or does not work."""

    code = "second_tier_away"
    message = "This footage lies on the second storage, which cannot be reached now."
    hint = "New recordings are not touched by that. Try again later, or ask whoever looks after the server."


class Busy(StorageAway):
    """Too much of it at once."""

    code = "busy"
    message = "The server is busy making other pictures."
    hint = "Try again in a moment."


class NothingStored(UcamError):
    """No footage in the range."""

    code = "nothing_stored"
    status = 404
    message = "Nothing is stored for this time."
    hint = "Choose another time; the timeline shows what there is."


class RangeInvalid(UcamError):
    """Times that make no sense."""

    code = "range_invalid"
    message = "This range of time cannot be used."
    hint = "Times look like 2026-11-22T10:00:00.000Z; `from` comes before `to`."


class OlderThanAllowed(UcamError):
    """The person may see the last hours only."""

    code = "older_than_allowed"
    status = 403
    message = "You may see newer recordings of this camera only."
    hint = "Ask whoever looks after the cameras."


class HeaderInvalid(UcamError):
    """A tus header is missing or cannot be read."""

    code = "header_invalid"


class MetadataInvalid(UcamError):
    """`Upload-Metadata` does not say what a chunk needs."""

    code = "metadata_invalid"


class VersionUnknown(UcamError):
    """Not tus 1.0.0."""

    code = "tus_version"
    status = 412
    message = "This server speaks tus 1.0.0; the request must say `Tus-Resumable: 1.0.0`."


class LengthRequired(UcamError):
    """No Content-Length."""

    code = "length_required"
    status = 411
    message = "The request must tell its length (Content-Length)."


class TooLarge(UcamError):
    """More than a PATCH or a chunk may have."""

    code = "too_large"
    status = 413


class TypeUnsupported(UcamError):
    """tus wants its own content type."""

    code = "unsupported_media_type"
    status = 415
    message = "The body must be `application/offset+octet-stream`."


class OffsetWrong(UcamError):
    """Something else is stored, or somebody else is appending."""

    code = "offset_wrong"
    status = 409
    permanent = False
    message = "The upload goes on at another place."
    hint = "Ask for the offset with HEAD and go on from there."


class ChecksumWrong(UcamError):
    """The bytes changed on their way."""

    code = "checksum_wrong"
    status = 460
    permanent = False
    message = "The bytes are not what the checksum says; nothing of them was kept."
    hint = "Send them again."


class NotFragmentedMp4(UcamError):
    """Not footage as ucam stores it."""

    code = "not_fragmented_mp4"
    status = 422
    message = "These bytes are no MP4 fragments that begin with a keyframe; nothing of them was kept."


class ChunkClosed(UcamError):
    """Nothing is appended to a finished chunk."""

    code = "chunk_closed"
    status = 403
    message = "This chunk is finished; nothing more can be added."


class ChunkDeleted(UcamError):
    """Retention was there first."""

    code = "chunk_deleted"
    status = 410
    message = "This chunk was deleted because it is older than what is kept."
    hint = "Stop shipping it."


class TooFast(UcamError):
    """More bytes a second than one camera may send."""

    code = "upload_rate"
    status = 429
    permanent = False
    hint = "It goes on by itself."

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})


class QuotaUsed(TooFast):
    """More than one camera may send in a day, or begin without finishing."""

    code = "upload_quota"
    hint = "It goes on by itself later; an alert says what to do."


class HoldReleased(UcamError):
    """Somebody was first."""

    code = "hold_released"
    status = 409
    message = "This hold was released before."


class ExportCancelled(UcamError):
    """Somebody changed their mind."""

    code = "export_cancelled"
    status = 409
    message = "This export was cancelled."


class ExportOver(UcamError):
    """There is nothing to cancel or to fetch."""

    code = "export_over"
    status = 409
    message = "This export is over."
    hint = "Ask for it again if you need it."


class LinkOver(UcamError):
    """A download link that is too old, or not of ours."""

    code = "link_over"
    status = 410
    message = "This link is too old or not complete."
    hint = "Open the export again to get a new link."
