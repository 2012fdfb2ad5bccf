"""What the payment service's processes are told."""

import os
import tempfile
from pathlib import Path

from shared.settings import PayAccount, ServiceSettings, service_config


class Settings(ServiceSettings, PayAccount):
    """``PAYMENT_…``: ``provider_seconds`` is how long one call to WeChat Pay may take, below the callers' 5 s.

    ``bill_folder`` is where the day's bills lie while they are read; nothing is lost with it.
    """

    model_config = service_config("PAYMENT_")

    provider_seconds: float = 4.0
    bill_folder: Path = Path(tempfile.gettempdir()) / f"jishi-bills-{os.getuid()}"
