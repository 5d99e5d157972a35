"""What ends the command with one line."""

from __future__ import annotations


class AuditError(Exception):
    """The audit cannot be made; the text says why, and what would be right."""
