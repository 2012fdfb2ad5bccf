"""Opening a notice whose signature has been checked (wechat.md 5.9)."""

from typing import Any

import orjson

from shared.wechat.encryption import DecryptionFailed, gcm_decrypt
from shared.wechat.pay.errors import Fault, NoticeRefused
from shared.wechat.pay.values import Notice


def open_notice(apiv3_key: str, body: bytes) -> Notice:
    """Decrypt a verified notice; raises `NoticeRefused`, also when the APIv3 key is another one."""
    try:
        said = orjson.loads(body)
        sealed = said["resource"]
        if (said["resource_type"], sealed["algorithm"]) != ("encrypt-resource", "AEAD_AES_256_GCM"):
            raise NoticeRefused(Fault.MALFORMED)
        return Notice(
            id=said["id"],
            event_type=said["event_type"],
            original_type=sealed.get("original_type", ""),
            resource=_resource(apiv3_key, sealed),
        )
    except DecryptionFailed:
        raise NoticeRefused(Fault.UNDECRYPTABLE) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoticeRefused(Fault.MALFORMED) from error


def _resource(apiv3_key: str, sealed: dict[str, Any]) -> dict[str, Any]:
    resource = orjson.loads(
        gcm_decrypt(apiv3_key, sealed["nonce"], sealed.get("associated_data") or "", sealed["ciphertext"])
    )
    if not isinstance(resource, dict):
        raise ValueError("a resource is a JSON object")
    return resource
