"""Bugs that shops really have, put into this one from outside: each must be caught by the chaos checker.

The product knows nothing of them: every bug replaces functions of a running process while it is entered. What a constraint
would stop all the same needs `second_line` taken away in that shop's databases.
"""

from chaos.bugs import delivery, holds, money
from chaos.bugs.registry import BUGS, Bug

__all__ = ["BUGS", "Bug", "delivery", "holds", "money"]
