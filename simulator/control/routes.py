"""Every path of the control API."""

from starlette.routing import Route

from simulator.control import payments, people, workings
from simulator.control.door import Handler, endpoint


def _route(method: str, path: str, handle: Handler) -> Route:
    return Route(path, endpoint(handle), methods=[method])


routes = [
    _route("POST", "/users", people.create_user),
    _route("GET", "/users", people.list_users),
    _route("POST", "/login-codes", people.create_login_code),
    _route("POST", "/phone-codes", people.create_phone_code),
    _route("POST", "/subscriptions", people.create_subscription),
    _route("GET", "/payments", payments.list_payments),
    _route("GET", "/payments/{out_trade_no}", payments.show_payment),
    _route("POST", "/payments/{out_trade_no}/pay", payments.pay),
    _route("POST", "/payments/{out_trade_no}/confirm", payments.confirm),
    _route("POST", "/payments/{out_trade_no}/decline", payments.decline),
    _route("POST", "/payments/{out_trade_no}/confirm-receipt", payments.confirm_receipt),
    _route("POST", "/refunds/{out_refund_no}/settle", payments.settle_refund),
    _route("POST", "/top-ups", payments.top_up),
    _route("POST", "/withdrawals", payments.withdraw),
    _route("PUT", "/faults", workings.put_faults),
    _route("GET", "/faults", workings.show_faults),
    _route("DELETE", "/faults", workings.delete_faults),
    _route("POST", "/notices/{out_trade_no}/send", workings.send_notice),
    _route("GET", "/clock", workings.show_clock),
    _route("PUT", "/clock", workings.put_clock),
    _route("GET", "/rules", workings.show_rules),
    _route("PUT", "/rules", workings.put_rules),
    _route("POST", "/certificates/rotate", workings.rotate_certificates),
    _route("PUT", "/verification-mode", workings.put_mode),
    _route("GET", "/books", workings.show_books),
    _route("GET", "/overview", workings.show_overview),
]
