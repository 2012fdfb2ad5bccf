"""The payment service's HTTP process."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.payment.decisions.api import router as decisions
from services.payment.notices.api import router as notices
from services.payment.payments.api import router as payments
from services.payment.payments.operator_api import router as operator_payments
from services.payment.payments.refusals import ProviderSilent
from services.payment.profit_sharing.api import router as profit_sharing
from services.payment.profit_sharing.rule_api import router as share_rule
from services.payment.reconciliation.api import router as reconciliation
from services.payment.refunds.api import router as refunds
from services.payment.resources import PaymentResources, open_resources
from services.payment.security.api import router as security
from services.payment.settings import Settings
from shared.http.app import create_service_app
from shared.process import serve
from shared.wechat.pay import OutcomeUnknown


def create_app(resources: PaymentResources) -> FastAPI:
    """The payment service's routes."""
    app = create_service_app(
        resources,
        notices,
        payments,
        operator_payments,
        decisions,
        refunds,
        share_rule,
        profit_sharing,
        security,
        reconciliation,
        title="Jishi payment",
    )

    @app.exception_handler(OutcomeUnknown)
    async def unknown(_: Request, __: Exception) -> Response:
        return ProviderSilent(headers={"retry-after": "1"}).response()

    return app


def main() -> None:
    """Serve until told to stop."""
    serve("payment", Settings, open_resources, create_app)


if __name__ == "__main__":
    main()
