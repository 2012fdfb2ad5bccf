"""A merchant's WeChat account as a folder: ``merchant.json`` and the key files that it names.

The simulator invents such a folder for its own merchant (``simulator/merchant.py``); a real merchant fills one in
(docs/how-to/use-a-real-wechat-account.md).
"""

import json
from collections.abc import Mapping
from pathlib import Path

TO_FILL_IN = "FILL IN: "
"""How a value begins that only the merchant can give."""

TEMPLATE = {
    "appid": TO_FILL_IN + "the mini-program's AppID, wx and 16 hex digits (mp.weixin.qq.com, 开发管理)",
    "app_secret": TO_FILL_IN + "the mini-program's AppSecret (same page)",
    "mchid": TO_FILL_IN + "the merchant number (pay.weixin.qq.com, 账户中心, 商户信息)",
    "merchant_serial_no": TO_FILL_IN + "the serial of the API certificate, 40 hex digits (账户中心, API安全)",
    "merchant_private_key_file": "apiclient_key.pem",
    "apiv3_key": TO_FILL_IN + "the APIv3 key, 32 characters (账户中心, API安全)",
    "platform_public_key_id": TO_FILL_IN + "PUB_KEY_ID_… (账户中心, API安全, 微信支付公钥)",
    "platform_public_key_file": "pub_key.pem",
    "uses_certificates": False,
    "public_url": TO_FILL_IN + "the shop's https address, as WeChat reaches it",
}


def write_template(folder: Path) -> None:
    """An account to be filled in, where there is none yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "merchant.json").exists():
        return
    _write(folder / "merchant.json", json.dumps(TEMPLATE, ensure_ascii=False, indent=2) + "\n")
    _write(folder / "apiclient_key.pem", TO_FILL_IN + "put the API certificate's private key here\n")
    _write(folder / "pub_key.pem", TO_FILL_IN + "put the WeChat Pay public key here\n")


def account_settings(folder: Path, *, public_url: str | None = None) -> dict[str, str]:
    """What the services are told of an account, by setting: ``member_wechat_appid`` and so on.

    ``public_url`` goes before the account's own. Without ``uses_certificates`` an account that names a public key uses
    that alone.
    """
    account = json.loads((folder / "merchant.json").read_text())
    settings = {f"{service}_wechat_appid": account["appid"] for service in ("member", "order", "payment")}
    settings |= {f"{service}_wechat_app_secret": account["app_secret"] for service in ("member", "order")}
    settings |= {
        "payment_wechat_pay_mchid": account["mchid"],
        "payment_wechat_pay_serial_no": account["merchant_serial_no"],
        "payment_wechat_pay_private_key": (folder / account["merchant_private_key_file"]).read_text(),
        "payment_wechat_pay_apiv3_key": account["apiv3_key"],
        "payment_wechat_pay_uses_certificates": json.dumps(account.get("uses_certificates", False)),
        "payment_public_url": public_url or account["public_url"],
    }
    if key_id := account.get("platform_public_key_id"):
        public_key = (folder / account["platform_public_key_file"]).read_text()
        settings["payment_wechat_pay_public_keys"] = json.dumps({key_id: public_key})
    return settings


def simulator_settings(url: str) -> dict[str, str]:
    """Where the services find WeChat when the simulator plays it; it serves certificates as well as its public key."""
    return {
        "member_wechat_api_url": url,
        "order_wechat_api_url": url,
        "payment_wechat_pay_url": url,
        "payment_wechat_pay_fallback_url": url,
        "payment_wechat_pay_uses_certificates": "true",
    }


def missing(settings: Mapping[str, str]) -> list[str]:
    """The settings that nobody has filled in yet."""
    return sorted(name for name, value in settings.items() if TO_FILL_IN in value)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
