"""Where WeChat Pay posts its notices. The signature is the authentication; the body is read as raw bytes."""

from datetime import datetime

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.payment.notices.receive_notice import NotTaken, receive_notice
from services.payment.notices.storage import NoticeKind
from services.payment.resources import PAYMENT_NOTICES, REFUND_NOTICES, Own, PaymentResources
from shared.http.app import service_router
from shared.http.bodies import BodyTooLarge
from shared.http.work import Now

LIMIT_BYTES = 64 * 1024

router = service_router(tags=["WeChat Pay notices"])


@router.post(PAYMENT_NOTICES, status_code=204)
async def receive_payment_notice(request: Request, resources: Own, now: Now) -> Response:
    """Take a TRANSACTION notice: 204 once it is durable, else a FAIL body and the platform tells it again."""
    return await _receive(resources, NoticeKind.PAYMENT, request, at=now)


@router.post(REFUND_NOTICES, status_code=204)
async def receive_refund_notice(request: Request, resources: Own, now: Now) -> Response:
    """Take a REFUND notice: 204 once it is durable, else a FAIL body and the platform tells it again."""
    return await _receive(resources, NoticeKind.REFUND, request, at=now)


async def _receive(
    resources: PaymentResources, kind: NoticeKind, request: Request, *, at: datetime
) -> Response:
    body = await request.body()
    if len(body) > LIMIT_BYTES:
        raise BodyTooLarge(f"At most {LIMIT_BYTES} bytes.")
    try:
        await receive_notice(resources, kind, request.headers, body, at=at)
    except NotTaken as refusal:
        return JSONResponse({"code": "FAIL", "message": refusal.reason}, refusal.status)
    return Response(status_code=204)
