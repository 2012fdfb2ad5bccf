"""Which operators may read the shop's numbers."""

from typing import Annotated

from fastapi import Depends

from shared.http.callers import Operator
from shared.http.identity import Principal

Reader = Annotated[Principal, Depends(Operator("operations", "finance", "auditor"))]
