"""What people take away: the daily and weekly report, and files for spreadsheet programs."""

WORDS = {"new": "new", "resubmission": "posted again", "rejected": "rejected", "retracted": "retracted"}
"""A post's kind, as people read it."""
