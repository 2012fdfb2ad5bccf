"""The routing table: every method and path that may come in, whose it is, and who may use it (SEC4).

What is not listed here does not exist. A template's ``{name}`` is one path segment, a last ``{name:path}`` takes the rest.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.limits.priority import Priority
from gateway.limits.rates import Limit
from shared.http.callers import ROLES

KIB = 1024
JSON_BYTES = 256 * KIB
CALLBACK_BYTES = 64 * KIB
UPLOAD_BYTES = 5 * KIB * KIB
BROWSE_SECONDS = 2.0
COMMAND_SECONDS = 10.0
UPLOAD_SECONDS = 60.0


class Access(StrEnum):
    """Who may use a route: anybody, and nobody is asked for a login; anybody, logged in or not; a member; an operator."""

    ANONYMOUS = "anonymous"
    PUBLIC = "public"
    MEMBER = "member"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table; ``upstream`` is the template at the service when it differs.

    What ``is_kept`` is a page that is the same for everybody (to a visitor, where it ``is_personal``): it is fetched once
    for all who ask within a moment, and its last answer is shown while the service is away (``gateway/kept_answers.py``).
    A call of what ``is_wait`` mostly waits for something to happen, so how long it takes tells nothing of the load.
    ``limit`` is the rate that calls count against instead of the one of their caller's kind (SEC7).
    """

    method: str
    template: str
    service: str
    access: Access
    roles: frozenset[str] = frozenset()
    upstream: str | None = None
    max_body_bytes: int = JSON_BYTES
    seconds: float = COMMAND_SECONDS
    is_kept: bool = False
    is_personal: bool = False
    is_wait: bool = False
    priority: Priority = Priority.CART
    limit: Limit | None = None

    @property
    def changes_pages(self) -> bool:
        """Whether a call may change what everybody is shown."""
        return self.access is Access.OPERATOR and self.method != "GET"


def _anonymous(service: str, *routes: str, **more: Any) -> list[Route]:
    return [Route(method, path, service, Access.ANONYMOUS, **more) for method, path in map(str.split, routes)]


def _browse(service: str, *paths: str, priority: Priority = Priority.BROWSE, **more: Any) -> list[Route]:
    """What everybody may look at."""
    return [
        Route("GET", path, service, Access.PUBLIC, seconds=BROWSE_SECONDS, priority=priority, **more)
        for path in paths
    ]


def _member(service: str, *routes: str, priority: Priority = Priority.CART, **more: Any) -> list[Route]:
    return [
        Route(method, path, service, Access.MEMBER, priority=priority, **more)
        for method, path in map(str.split, routes)
    ]


def _operator(service: str, roles: str, *routes: str) -> list[Route]:
    """Operator routes; the owner may use all of them, and every role may read what is listed under ``*``."""
    allowed = frozenset(ROLES) if roles == "*" else frozenset(roles.split()) | {"owner"}
    return [
        Route(method, path, service, Access.OPERATOR, allowed, priority=Priority.ORDER)
        for method, path in map(str.split, routes)
    ]


def _callback(service: str, *routes: str) -> list[Route]:
    return _anonymous(service, *routes, max_body_bytes=CALLBACK_BYTES, seconds=5.0, priority=Priority.VITAL)


def _of_each_service(name: str, roles: str, *, method: str = "GET", rest: str = "") -> list[Route]:
    """``/operator/<name>/<service><rest>`` for what the kernel gives each service at ``/operator/<name><rest>``."""
    allowed = frozenset(roles.split()) | {"owner"}
    return [
        Route(
            method,
            f"/operator/{name}/{service}{rest}",
            service,
            Access.OPERATOR,
            allowed,
            upstream=f"/operator/{name}{rest}",
            priority=Priority.ORDER,
        )
        for service in ("catalog", "order", "payment", "member", "campaign", "analytics")
    ]


ROUTES: tuple[Route, ...] = (
    *_browse("gateway", "/home", is_kept=True, is_personal=True),
    *_anonymous(
        "gateway",
        "POST /auth/wechat/login",
        "POST /operator/auth/login",
        priority=Priority.ORDER,
        limit=Limit.LOGIN,
    ),
    *_anonymous("gateway", "POST /auth/logout", "POST /operator/auth/logout"),
    *_anonymous(
        "gateway", "GET /docs", "GET /docs/{path:path}", "GET /openapi.json", priority=Priority.BROWSE
    ),
    *_anonymous("gateway", "GET /health/live", "GET /health/ready", priority=Priority.VITAL),
    *_operator("gateway", "*", "GET /operator/me"),
    *_operator("gateway", "owner", "POST /operator/operators", "PATCH /operator/operators/{operator_id}"),
    *_operator("gateway", "owner auditor", "GET /operator/operators"),
    Route(
        "GET",
        "/operator/audit-log/gateway",
        "gateway",
        Access.OPERATOR,
        frozenset({"owner", "auditor"}),
        upstream="/operator/audit-log",
        priority=Priority.ORDER,
    ),
    # catalog
    *_browse("catalog", "/categories", "/products", "/products/{product_id}", "/storefront", is_kept=True),
    *_browse("catalog", "/search", "/search/suggestions", priority=Priority.SEARCH, limit=Limit.SEARCH),
    *_browse("catalog", "/media/{path:path}", limit=Limit.MEDIA),
    *_member("catalog", "DELETE /search/history"),
    *_operator(
        "catalog",
        "*",
        "GET /operator/products",
        "GET /operator/products/{product_id}",
        "GET /operator/searches/without-result",
        "GET /operator/skus/{sku_id}/stock",
        "GET /operator/skus/{sku_id}/stock-movements",
        "GET /operator/categories",
        "GET /operator/after-sale-policies",
        "GET /operator/storefront",
        "GET /operator/product-imports/{import_id}",
        "GET /operator/product-imports/{import_id}/errors",
    ),
    *_operator(
        "catalog",
        "operations",
        "POST /operator/products",
        "PATCH /operator/products/{product_id}",
        "POST /operator/products/{product_id}/publish",
        "POST /operator/products/{product_id}/unpublish",
        "PUT /operator/products/{product_id}/skus/{sku_code}",
        "POST /operator/skus/{sku_id}/stock-adjustments",
        "POST /operator/categories",
        "PATCH /operator/categories/{category_id}",
        "DELETE /operator/categories/{category_id}",
        "POST /operator/after-sale-policies",
        "PUT /operator/storefront",
        "POST /operator/product-imports/{import_id}/resume",
    ),
    *(
        Route(
            method,
            path,
            "catalog",
            Access.OPERATOR,
            frozenset({"owner", "operations"}),
            max_body_bytes=UPLOAD_BYTES,
            seconds=UPLOAD_SECONDS,
            priority=Priority.ORDER,
        )
        for method, path in (("POST", "/operator/product-imports"), ("PUT", "/operator/media/{path:path}"))
    ),
    # member
    *_browse("member", "/privacy-agreement"),
    *_member(
        "member",
        "GET /me",
        "PATCH /me",
        "POST /me/consents",
        "DELETE /me/consents/{purpose}",
        "POST /me/phone",
        "GET /me/addresses",
        "POST /me/addresses",
        "PATCH /me/addresses/{address_id}",
        "DELETE /me/addresses/{address_id}",
        "POST /me/addresses/{address_id}/default",
        "GET /me/points",
        "GET /me/points/entries",
        "GET /me/level",
    ),
    *_operator("member", "*", "GET /operator/member-levels", "GET /operator/point-rules"),
    *_operator(
        "member",
        "operations service_desk auditor",
        "GET /operator/members",
        "GET /operator/members/{member_id}",
    ),
    *_operator(
        "member",
        "operations",
        "PUT /operator/member-levels",
        "PUT /operator/point-rules",
        "POST /operator/members/{member_id}/points-adjustments",
    ),
    # campaign
    *_browse("campaign", "/coupon-templates", "/promotions"),
    *_member("campaign", "POST /coupon-templates/{template_id}/claim", limit=Limit.CLAIM),
    *_member("campaign", "GET /me/coupons"),
    *_operator("campaign", "*", "GET /operator/coupon-templates", "GET /operator/full-reductions"),
    *_operator(
        "campaign",
        "operations",
        "POST /operator/coupon-templates",
        "PATCH /operator/coupon-templates/{template_id}",
        "POST /operator/coupon-templates/{template_id}/start",
        "POST /operator/coupon-templates/{template_id}/stop",
        "POST /operator/full-reductions",
        "PATCH /operator/full-reductions/{full_reduction_id}",
        "POST /operator/full-reductions/{full_reduction_id}/start",
        "POST /operator/full-reductions/{full_reduction_id}/stop",
    ),
    # order
    *_member(
        "order",
        "GET /cart",
        "PUT /cart/lines/{sku_id}",
        "DELETE /cart/lines/{sku_id}",
    ),
    *_member("order", "POST /orders", priority=Priority.ORDER, limit=Limit.ORDER),
    # a client learns from its order that its payment has arrived
    *_member("order", "POST /orders/{order_id}/pay", "GET /orders/{order_id}", priority=Priority.PAYMENT),
    *_member("order", "GET /orders/{order_id}/status", priority=Priority.PAYMENT, is_wait=True),
    *_member(
        "order",
        "POST /checkout/preview",
        "GET /orders",
        "POST /orders/{order_id}/cancel",
        "POST /orders/{order_id}/confirm-receipt",
        "GET /orders/{order_id}/tracking",
        "GET /orders/{order_id}/refunds",
        "POST /orders/{order_id}/after-sales",
        "GET /after-sales",
        "GET /after-sales/{after_sale_id}",
        "GET /after-sales/{after_sale_id}/messages",
        "POST /after-sales/{after_sale_id}/messages",
        "POST /after-sales/{after_sale_id}/amend",
        "POST /after-sales/{after_sale_id}/escalate",
        "POST /after-sales/{after_sale_id}/cancel",
        "POST /after-sales/{after_sale_id}/send-back",
        "POST /after-sales/{after_sale_id}/confirm-replacement",
        priority=Priority.ORDER,
    ),
    *_operator(
        "order",
        "*",
        "GET /operator/freight-rule",
        "GET /operator/order-rules",
        "GET /operator/after-sale-rules",
        "GET /operator/after-sales",
        "GET /operator/after-sales/{after_sale_id}",
    ),
    *_operator(
        "order", "operations service_desk auditor", "GET /operator/after-sales/{after_sale_id}/messages"
    ),
    *_operator(
        "order",
        "operations service_desk",
        "POST /operator/after-sales/{after_sale_id}/messages",
        "POST /operator/after-sales/{after_sale_id}/approve",
        "POST /operator/after-sales/{after_sale_id}/reject",
        "POST /operator/after-sales/{after_sale_id}/receive",
    ),
    *_operator("order", "finance", "POST /operator/after-sales/{after_sale_id}/decide"),
    *_operator(
        "order",
        "operations service_desk finance auditor",
        "GET /operator/orders",
        "GET /operator/orders/{order_id}",
        "GET /operator/refunds",
    ),
    *_operator(
        "order",
        "operations",
        "POST /operator/orders/{order_id}/shipments",
        "PUT /operator/freight-rule",
        "PUT /operator/order-rules",
        "PUT /operator/after-sale-rules",
        "POST /operator/after-sales/{after_sale_id}/retry-replacement",
        "POST /operator/after-sales/{after_sale_id}/ship-replacement",
    ),
    *_operator(
        "order",
        "operations finance",
        "POST /operator/orders/{order_id}/refunds",
        "POST /operator/refunds/{refund_id}/retry",
        "POST /operator/after-sales/{after_sale_id}/refund-instead",
    ),
    *_callback("order", "POST /callbacks/logistics"),
    # payment
    *_operator(
        "payment",
        "finance auditor",
        "GET /operator/payments",
        "GET /operator/payments/{order_id}",
        "GET /operator/refund-attempts",
        "GET /operator/surplus-payments",
        "GET /operator/cash-accounts",
        "GET /operator/reconciliations",
        "GET /operator/reconciliations/{bill_on}",
        "GET /operator/reconciliation-differences",
        "GET /operator/payment-security-events",
    ),
    *_operator(
        "payment",
        "finance",
        "POST /operator/payments/{order_id}/confirm",
        "POST /operator/payments/{order_id}/dispute-decision",
        "POST /operator/refund-attempts/{out_refund_no}/retry",
        "POST /operator/reconciliations",
        "POST /operator/reconciliation-differences/{difference_id}/carry",
        "POST /operator/reconciliation-differences/{difference_id}/resolve",
        "POST /operator/refund-attempts/{out_refund_no}/redirect",
        "POST /operator/refund-attempts/{out_refund_no}/settle-outside",
    ),
    *_operator(
        "payment",
        "finance auditor",
        "GET /operator/profit-sharing/receivers",
        "GET /operator/profit-sharing/rule",
        "GET /operator/profit-sharing/shares",
        "GET /operator/profit-sharing/shares/{order_id}",
    ),
    *_operator(
        "payment",
        "finance",
        "POST /operator/profit-sharing/receivers",
        "POST /operator/profit-sharing/receivers/{receiver_id}/remove",
        "PUT /operator/profit-sharing/rule",
        "POST /operator/profit-sharing/shares/{order_id}/share",
        "POST /operator/profit-sharing/shares/{order_id}/unfreeze",
        "POST /operator/profit-sharing/returns/{out_return_no}/bear",
    ),
    *_callback("payment", "POST /callbacks/wechat-pay/payments", "POST /callbacks/wechat-pay/refunds"),
    # analytics
    Route("POST", "/behaviour-events", "analytics", Access.PUBLIC, priority=Priority.BEACON),
    *_operator(
        "analytics",
        "operations finance auditor",
        "GET /operator/metrics/daily",
        "GET /operator/metrics/summary",
        "GET /operator/funnels/default",
    ),
    # what every service shows of itself
    *_of_each_service("audit-log", "auditor"),
    *_of_each_service("events", "operations service_desk auditor"),
    *_of_each_service("backlog", "operations auditor"),
    *_of_each_service("parked-events", "operations auditor"),
    *_of_each_service("parked-events", "operations", method="POST", rest="/{reaction}/{event_id}/replay"),
)
