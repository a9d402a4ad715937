"""What the C library does with the memory that threads give back."""

from __future__ import annotations

import ctypes
import gc

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def share_one_arena() -> None:
    """Have all threads allocate from one place. To be called before they start.

    Else glibc gives each thread an arena of its own, and keeps there what the thread gives back: with ten thousand
    groups 18 MB of a daemon's 116. Another C library has no such setting, and needs none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give the system what the C library keeps of freed memory: after work that took much of it for a moment."""
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
