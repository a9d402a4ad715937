"""Telling people: which of what health finds is told, once for each fault, and by which channels.

What is firing and what waits to be sent lies in alerts.json, never in PostgreSQL: that it is away must be told, too.
"""

from __future__ import annotations
