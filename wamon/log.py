"""Talk: what wamon tells people and the journal while it works. Never message text, never phone numbers.

Each record is a sentence in the past tense with a constant `action` and ids as extra fields.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("wamon")
