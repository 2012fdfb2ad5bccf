"""Every number of the shop, defined once (AN-01 … AN-20, analytics.md 1 and 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

Value = int | float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A number: counted as it stands, or one counted number ``over`` another (numerator, denominator).

    ``unit`` is ``count``, ``fen``, ``rate`` (never above 1) or ``ratio``.
    """

    name: str
    title: str
    unit: str
    formula: str
    over: tuple[str, str] | None = None


def _rate(name: str, title: str, formula: str, *over: str) -> Metric:
    return Metric(name, title, "rate", formula, (over[0], over[1]))


METRICS = (
    Metric("pv", "访问量", "count", "page_view events (AN-01)"),
    Metric("uv", "访问人数", "count", "distinct actors with app_open or page_view (AN-02)"),
    Metric("new_uv", "新访客数", "count", "actors whose first event ever lies in the period"),
    Metric("sessions", "打开次数", "count", "sessions that began in the period"),
    Metric("viewers", "商品浏览人数", "count", "distinct actors with product_view"),
    Metric("carting_viewers", "浏览并加购人数", "count", "viewers with add_to_cart"),
    Metric("ordering_visitors", "下单访客数", "count", "visitors (uv) with order_created"),
    Metric("paying_visitors", "支付访客数", "count", "visitors (uv) with order_paid"),
    Metric("orders_created", "下单笔数", "count", "orders placed (AN-06)"),
    Metric("orders_created_paid", "已支付的下单笔数", "count", "orders placed in the period and paid since"),
    Metric("orders_paid", "订单数量", "count", "orders paid, by the instant of payment (AN-06)"),
    Metric("paying_members", "支付人数", "count", "distinct members with an order paid"),
    Metric("gmv_fen", "成交金额", "fen", "sum paid, by the instant of payment (AN-05)"),
    Metric("refunds", "退款笔数", "count", "refunds paid out"),
    Metric("refund_fen", "退款金额", "fen", "sum refunded, by the instant of the refund (AN-05)"),
    Metric("net_gmv_fen", "净成交金额", "fen", "gmv_fen − refund_fen (AN-05)"),
    Metric("uv_pv", "UV/PV比", "ratio", "uv ÷ pv (AN-03)", ("uv", "pv")),
    Metric("pv_uv", "人均访问量", "ratio", "pv ÷ uv (AN-03)", ("pv", "uv")),
    Metric("depth", "访问深度", "ratio", "pv ÷ sessions", ("pv", "sessions")),
    _rate("cart_rate", "加购率", "carting_viewers ÷ viewers (AN-09)", "carting_viewers", "viewers"),
    _rate("order_rate", "下单率", "ordering_visitors ÷ uv (AN-08)", "ordering_visitors", "uv"),
    _rate("pay_conversion", "支付转化率", "paying_visitors ÷ uv (AN-07)", "paying_visitors", "uv"),
    _rate(
        "pay_success",
        "支付成功率",
        "orders_created_paid ÷ orders_created; null while one of them is neither paid nor closed (AN-07)",
        "orders_created_paid",
        "orders_created",
    ),
    Metric(
        "customer_price_fen",
        "客单价",
        "fen",
        "gmv_fen ÷ paying_members (AN-11)",
        ("gmv_fen", "paying_members"),
    ),
    Metric("order_price_fen", "笔单价", "fen", "gmv_fen ÷ orders_paid (AN-11)", ("gmv_fen", "orders_paid")),
    Metric("uv_value_fen", "UV价值", "fen", "gmv_fen ÷ uv (AN-17)", ("gmv_fen", "uv")),
    Metric("net_uv_value_fen", "净UV价值", "fen", "net_gmv_fen ÷ uv (AN-17)", ("net_gmv_fen", "uv")),
)


def values_of(counted: Mapping[str, int]) -> tuple[dict[str, Value], list[str]]:
    """The value of every metric, and which of them are immature and therefore null.

    What was not counted is 0; a division by zero is null.
    """
    counts = {metric.name: counted.get(metric.name, 0) for metric in METRICS if metric.over is None}
    counts["net_gmv_fen"] = counts["gmv_fen"] - counts["refund_fen"]
    immature = ["pay_success"] if counted.get("orders_undecided") else []
    values: dict[str, Value] = {}
    for metric in METRICS:
        if metric.over is None:
            values[metric.name] = counts[metric.name]
        else:
            numerator, denominator = (counts[name] for name in metric.over)
            known = denominator and metric.name not in immature
            values[metric.name] = numerator / denominator if known else None
    return values, immature
