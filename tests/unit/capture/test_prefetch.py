"""Items that are made beside the use of the one before them."""

from __future__ import annotations

from weakref import ref

from wamon.capture.prefetch import each


class Item:
    pass


def test_an_item_that_is_used_is_held_by_nobody_else() -> None:
    items = each(Item() for _ in range(3))
    for _ in range(3):
        item = next(items)
        used = ref(item)
        del item
        assert used() is None
    assert list(items) == []
