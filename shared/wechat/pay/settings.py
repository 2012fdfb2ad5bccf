"""What a merchant knows about its WeChat Pay account."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PUBLIC_KEY_PREFIX = "PUB_KEY_ID_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaySettings:
    """A direct merchant's account (wechat.md 5.1); secrets stay out of `repr`.

    Platform keys come as `public_keys` (PEM by `PUB_KEY_ID_…`), as certificates to be downloaded
    (`uses_certificates`), or both at once while the account is moving from the one to the other.
    """

    mchid: str
    appid: str
    private_key_pem: str = field(repr=False)
    serial_no: str
    apiv3_key: str = field(repr=False)
    public_keys: Mapping[str, str] = field(default_factory=dict)
    uses_certificates: bool = False
    base_url: str = "https://api.mch.weixin.qq.com"
    fallback_url: str = "https://api2.mch.weixin.qq.com"

    def __post_init__(self) -> None:
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("the APIv3 key has 32 bytes")
        if not self.public_keys and not self.uses_certificates:
            raise ValueError("give the WeChat Pay public key, or use certificates")
        if not all(key_id.startswith(PUBLIC_KEY_PREFIX) for key_id in self.public_keys):
            raise ValueError(f"the id of a WeChat Pay public key starts with {PUBLIC_KEY_PREFIX}")
