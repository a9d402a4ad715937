"""Conversations: one row per source, chat and person, which waits for quiet, is claimed, and answered once."""
