"""Every path of WeChat Pay v3 that the simulator serves; other paths and methods answer 404 and 405, empty."""

from starlette.routing import Route

from simulator.pay import abnormal_refunds, bills, certificates, refunds, transactions
from simulator.pay.door import endpoint

ORDERS = "/v3/pay/transactions"
REFUNDS = "/v3/refund/domestic/refunds"

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
    Route("/v3/certificates", endpoint("certificates", certificates.certificates), methods=["GET"]),
    Route("/v3/bill/tradebill", endpoint("bill", bills.trade_bill), methods=["GET"]),
    Route("/v3/bill/fundflowbill", endpoint("bill", bills.fund_bill), methods=["GET"]),
    Route("/v3/billdownload/file", endpoint("bill_download", bills.download), methods=["GET"]),
]
