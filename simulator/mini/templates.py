"""The subscription-message templates that the invented merchant has chosen in its console (wechat.md 2.1)."""

from typing import Any

TEMPLATES: dict[str, dict[str, Any]] = {
    "order_paid": {
        "template_id": "tplOrderPaid_0000000000000000000000000000001",
        "title": "订单支付成功通知",
        "keywords": {
            "character_string1": "订单编号",
            "thing2": "商品名称",
            "amount3": "支付金额",
            "time4": "支付时间",
        },
    },
    "order_shipped": {
        "template_id": "tplOrderShipped_0000000000000000000000000002",
        "title": "订单发货通知",
        "keywords": {
            "character_string1": "订单编号",
            "thing2": "商品名称",
            "thing3": "快递公司",
            "character_string4": "快递单号",
            "time5": "发货时间",
        },
    },
    "order_refunded": {
        "template_id": "tplOrderRefunded_000000000000000000000000003",
        "title": "退款成功通知",
        "keywords": {
            "character_string1": "订单编号",
            "thing2": "商品名称",
            "amount3": "退款金额",
            "thing4": "退款原因",
        },
    },
}
