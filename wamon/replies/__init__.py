"""Replies: which are queued, and how they are sent."""
