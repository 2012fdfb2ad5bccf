"""What the payment service's processes are told."""

import os
import tempfile
from pathlib import Path

from pydantic import Field

from shared.settings import PayAccount, ServiceSettings, service_config


class Settings(ServiceSettings, PayAccount):
    """``PAYMENT_…``: ``provider_seconds`` is how long one call to WeChat Pay may take, below the callers' 5 s.

    ``share_max_bp`` and ``provider_fee_bp`` are of the contract with WeChat Pay: how much of an order may be shared, and
    its fee. What nobody shared is unfrozen ``unfreeze_after_seconds`` after the payment, before WeChat does so at 30 days.
    ``bill_folder`` is where the day's bills lie while they are read; nothing is lost with it.
    """

    model_config = service_config("PAYMENT_")

    provider_seconds: float = 4.0
    share_max_bp: int = Field(3_000, ge=0, le=10_000)
    provider_fee_bp: int = Field(60, ge=0, le=500)
    unfreeze_after_seconds: int = Field(29 * 86_400, ge=60, le=30 * 86_400)
    bill_folder: Path = Path(tempfile.gettempdir()) / f"jishi-bills-{os.getuid()}"
