"""wamon records every fibre drop posted in WhatsApp groups in PostgreSQL, exactly once, and proves it."""

__version__ = "0.2.0"
