"""What the payment service's processes are told."""

from shared.settings import PayAccount, ServiceSettings, service_config


class Settings(ServiceSettings, PayAccount):
    """``PAYMENT_…``: ``provider_seconds`` is how long one call to WeChat Pay may take, below the callers' 5 s."""

    model_config = service_config("PAYMENT_")

    provider_seconds: float = 4.0
