"""Refusals of WeChat Pay v3: status, code, message and inner code (wechat.md 5.12)."""

from typing import Any


class PayError(Exception):
    """One refusal as the merchant sees it; `inner` is the number at the end of `Request-ID`."""

    def __init__(
        self, status: int, code: str, message: str, *, inner: int = 0, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.inner, self.detail = status, code, message, inner, detail


def unsigned(message: str) -> PayError:
    """401 for a request whose signature does not hold."""
    return PayError(401, "SIGN_ERROR", message, inner=268443699)


def wrong_field(
    field: str,
    value: object,
    issue: str,
    *,
    location: str = "body",
    message: str = "",
    inner: int = 268435461,
) -> PayError:
    """400 for one field; `field` is a JSON pointer."""
    detail = {"field": field, "value": value, "issue": issue, "location": location}
    return PayError(400, "PARAM_ERROR", message or f"参数错误：{issue}", inner=inner, detail=detail)


def invalid(message: str, *, inner: int = 0) -> PayError:
    """400 for a broken rule."""
    return PayError(400, "INVALID_REQUEST", message, inner=inner)


def already_paid() -> PayError:
    """400 for a prepay or close of a paid order (wechat.md 5.6, 5.8)."""
    return PayError(400, "ORDERPAID", "该订单已支付", inner=268498689)


def unknown_order() -> PayError:
    """404 for an order number that nobody ordered with."""
    return PayError(404, "ORDER_NOT_EXIST", "订单不存在", inner=268512771)
