"""Rows of the ledger: chunks, gaps, holds, exports, spool reports, running totals, moves, the installation."""

from storage.models.chunk import Chunk
from storage.models.export import Export
from storage.models.gap import Gap, SpoolReport
from storage.models.hold import Hold
from storage.models.installation import Installation
from storage.models.letter import Letter, SpoolPeak
from storage.models.move import Move
from storage.models.total import DeletedUpTo, Total

__all__ = [
    "Chunk",
    "DeletedUpTo",
    "Export",
    "Gap",
    "Hold",
    "Installation",
    "Letter",
    "Move",
    "SpoolPeak",
    "SpoolReport",
    "Total",
]
