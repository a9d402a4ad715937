"""What a report's parts and columns are called, wherever it is shown."""

from __future__ import annotations

from typing import NamedTuple

from wamon.words import KINDS


class Part(NamedTuple):
    """A list of the report."""

    title: str
    columns: tuple[str, ...]


COUNTED = {
    "new": "New",
    "resubmission": KINDS["resubmission"].capitalize(),
    "rejected": "Rejected",
    "near_misses": "Near misses",
    "retracted": "Retracted",
}
"""Counts of posts, by their names in the JSON."""
FIGURES = ("Bursts", "Answered", "Half within", "95 % within", "Follow-ups", "Missed messages")

REJECTED = Part("Rejected: not in the project's list", ("Drop", "Project", "Posted", "By"))
NEAR_MISSES = Part(
    "Near misses: meant as a drop number, and none", ("Written", "Likely meant", "Why", "Project", "Posted", "By")
)
AGAIN = Part(COUNTED["resubmission"], ("Drop", "Project", "Posted", "By", "First posted", "First by"))
SENDERS = Part("By sender", ("Sender", "Project", *COUNTED.values()))
BURSTS = Part("Conversations: what people wrote until there was quiet", ("Project", *FIGURES))
BURST_DAYS = Part("Conversations by day", ("Day", "Project", *FIGURES))
GAPS = Part("Gaps: times that can't be proven", ("Group", "From", "To", "What", "It means"))

NUMBERS = frozenset({*COUNTED.values(), *FIGURES})
"""Columns of numbers."""
MEANING_OF_FIGURES = (
    "Within: from a burst's first message to its answer's sending. Follow-ups came while the one before was worked. "
    "A burst counts on the day on which it was closed."
)
NO_GAP = "None: nothing hints at messages that never reached the bridge's store."
NO_PROJECT = "one-to-one"
"""Whose chats are no project's."""
