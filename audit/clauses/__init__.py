"""Every clause that `make audit` checks, in the order of the reference."""

from audit.clause import Clause
from audit.clauses import commands, coupons, events, members, money, privacy, stock

CLAUSES: tuple[Clause, ...] = (
    *money.CLAUSES,
    *stock.CLAUSES,
    *coupons.CLAUSES,
    *members.CLAUSES,
    *events.CLAUSES,
    *commands.CLAUSES,
    *privacy.CLAUSES,
)
