"""Who lets a lease go, as the database sees it."""

from __future__ import annotations

from tests.support.office import Office


def tell_of_leases_let_go(office: Office) -> None:
    """Have the database count, from now on."""
    office.query("CREATE TABLE public.let_go AS SELECT source FROM wamon.leases WITH NO DATA")
    office.query(
        "CREATE RULE let_go AS ON DELETE TO wamon.leases DO ALSO INSERT INTO public.let_go VALUES (OLD.source)"
    )


def leases_let_go(office: Office) -> int:
    (number,) = office.query("SELECT count(*) FROM public.let_go")
    return int(number)
