"""Every path of WeChat Pay v3 that the simulator serves; other paths and methods answer 404 and 405, empty."""

from starlette.routing import Route

from simulator.pay import (
    abnormal_refunds,
    bills,
    certificates,
    profit_sharing,
    refunds,
    share_receivers,
    share_returns,
    transactions,
)
from simulator.pay.door import endpoint

ORDERS = "/v3/pay/transactions"
REFUNDS = "/v3/refund/domestic/refunds"
SHARING = "/v3/profitsharing"

routes = [
    Route(f"{ORDERS}/jsapi", endpoint("prepay", transactions.prepay), methods=["POST"]),
    Route(f"{ORDERS}/out-trade-no/{{out_trade_no}}", endpoint("query", transactions.query), methods=["GET"]),
    Route(f"{ORDERS}/id/{{transaction_id}}", endpoint("query", transactions.query), methods=["GET"]),
    Route(
        f"{ORDERS}/out-trade-no/{{out_trade_no}}/close",
        endpoint("close", transactions.close),
        methods=["POST"],
    ),
    Route(REFUNDS, endpoint("refund", refunds.refund), methods=["POST"]),
    Route(f"{REFUNDS}/{{out_refund_no}}", endpoint("refund_query", refunds.query), methods=["GET"]),
    Route(
        f"{REFUNDS}/{{refund_id}}/apply-abnormal-refund",
        endpoint("abnormal_refund", abnormal_refunds.apply),
        methods=["POST"],
    ),
    Route(f"{SHARING}/receivers/add", endpoint("share_receiver", share_receivers.add), methods=["POST"]),
    Route(
        f"{SHARING}/receivers/delete", endpoint("share_receiver", share_receivers.delete), methods=["POST"]
    ),
    Route(f"{SHARING}/orders", endpoint("share", profit_sharing.share), methods=["POST"]),
    Route(f"{SHARING}/orders/unfreeze", endpoint("unfreeze", profit_sharing.unfreeze), methods=["POST"]),
    Route(
        f"{SHARING}/orders/{{out_order_no}}", endpoint("share_query", profit_sharing.query), methods=["GET"]
    ),
    Route(f"{SHARING}/return-orders", endpoint("share_return", share_returns.take_back), methods=["POST"]),
    Route(
        f"{SHARING}/return-orders/{{out_return_no}}",
        endpoint("share_return_query", share_returns.query),
        methods=["GET"],
    ),
    Route(
        f"{SHARING}/transactions/{{transaction_id}}/amounts",
        endpoint("unsplit_amount", profit_sharing.amounts),
        methods=["GET"],
    ),
    Route("/v3/certificates", endpoint("certificates", certificates.certificates), methods=["GET"]),
    Route("/v3/bill/tradebill", endpoint("bill", bills.trade_bill), methods=["GET"]),
    Route("/v3/bill/fundflowbill", endpoint("bill", bills.fund_bill), methods=["GET"]),
    Route("/v3/billdownload/file", endpoint("bill_download", bills.download), methods=["GET"]),
]
