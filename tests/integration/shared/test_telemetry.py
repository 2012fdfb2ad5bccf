"""A trace runs from the door through the outbox into the reaction; what is not sampled costs no span."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import telemetry
from shared.clock import SystemClock
from shared.database import UnitOfWork
from shared.events import MemberRegistered
from shared.http.app import service_router
from shared.http.work import Now, Work
from shared.messaging.consumer import Consumer
from shared.messaging.outbox import wake_on_commit
from shared.messaging.reactions import Reactions, Received
from shared.messaging.transport import Delivery
from shared.telemetry import child_span, current_trace_id, door_span, traceparent
from tests.integration.shared.conftest import Serve, Service
from tests.messaging.lines import registered
from tests.support.kernel import kernel_database, kernel_engine

router = service_router()


@router.post("/registrations")
async def register(work: Work, now: Now) -> dict[str, str]:
    with child_span("announce"):
        [id_] = await work.outbox.add(registered(), at=now)
    return {"id": str(id_)}


class Spans:
    """The spans that were exported, and how often each trace is sampled."""

    def __init__(self, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exporter, self._monkeypatch = exporter, monkeypatch

    def sample(self, ratio: float) -> None:
        self._monkeypatch.setattr(telemetry, "_ratio", ratio)

    def all(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """A provider that lasts as long as the test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield Spans(exporter, monkeypatch)
    provider.shutdown()


@pytest_asyncio.fixture(loop_scope="session")
async def own_engine() -> AsyncIterator[AsyncEngine]:
    async with kernel_engine(await kernel_database()) as engine:
        yield engine


@pytest.fixture
def service(serve: Serve, own_engine: AsyncEngine) -> Service:
    return serve(router, on=own_engine)


async def react_to_all(engine: AsyncEngine) -> None:
    """Hand what the outbox holds to a reaction."""
    reactions = Reactions("kernel")

    @reactions.on(MemberRegistered)
    async def welcome(work: UnitOfWork, received: Received[MemberRegistered]) -> None:
        with child_span("say welcome"):
            await work.connection.execute(text("SELECT 1"))

    async with engine.connect() as connection:
        envelopes = (await connection.execute(text("SELECT envelope FROM outbox"))).scalars()
        delivery = Delivery(MemberRegistered.type, f"[{','.join(envelopes)}]".encode(), False)
    await Consumer(reactions.all[0], engine, SystemClock()).handle([delivery])


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


async def test_a_trace_runs_from_the_door_through_the_outbox_into_the_reaction(
    spans: Spans, service: Service, own_engine: AsyncEngine
) -> None:
    spans.sample(1)
    assert (await service.call("POST", "/registrations")).status_code == 200
    await react_to_all(own_engine)
    found = spans.all()
    door, announce, reaction, inner = (
        found[name] for name in ("POST kernel", "announce", "kernel.welcome", "say welcome")
    )
    assert len({context_of(span).trace_id for span in found.values()}) == 1
    for child, parent in ((announce, door), (reaction, announce), (inner, reaction)):
        assert child.parent is not None
        assert child.parent.span_id == context_of(parent).span_id
    assert (door.kind, reaction.kind) == (SpanKind.SERVER, SpanKind.CONSUMER)


async def test_what_is_not_sampled_costs_no_span_and_keeps_its_trace_id(
    spans: Spans, service: Service, own_engine: AsyncEngine
) -> None:
    spans.sample(0)
    parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
    await service.call("POST", "/registrations", headers={"traceparent": parent})
    async with own_engine.connect() as connection:
        envelope = (await connection.execute(text("SELECT envelope FROM outbox"))).scalar_one()
    assert parent in envelope
    await react_to_all(own_engine)
    assert spans.all() == {}


async def test_the_door_before_us_decides(spans: Spans, service: Service) -> None:
    spans.sample(0)
    parent = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    await service.call("POST", "/registrations", headers={"traceparent": parent})
    door = spans.all()["POST kernel"]
    assert context_of(door).trace_id == 0x0123456789ABCDEF0123456789ABCDEF
    assert door.parent is not None
    assert door.parent.span_id == 0x0123456789ABCDEF


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        "00-" + "0" * 32 + "-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdef-" + "0" * 16 + "-01",
        "01-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "00-0123456789abcdef0123456789abcdeg-0123456789abcdef-01",
        "00-+123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "00-0123456789abcdef_123456789abcdef-0123456789abcdef-01",
        "00-0123456789ABCDEF0123456789ABCDEF-0123456789abcdef-01",
        "00_0123456789abcdef0123456789abcdef_0123456789abcdef_01",
    ],
)
def test_a_forged_trace_is_replaced_by_a_fresh_one(parent: str) -> None:
    traces = []
    for _ in range(2):
        with door_span("door", parent):
            traces.append(current_trace_id())
    assert [len(trace_id or "") for trace_id in traces] == [32, 32]
    assert traces[0] != traces[1]


def test_outside_of_a_door_there_is_no_trace() -> None:
    assert traceparent() is None
    assert current_trace_id() is None


async def test_a_commit_that_announced_something_wakes_the_relay_beside_it(
    service: Service, own_engine: AsyncEngine
) -> None:
    woken: list[int] = []
    wake_on_commit(str(own_engine.url.database), lambda _: woken.append(1))
    await service.call("POST", "/registrations")
    assert woken == [1]
    await service.call("GET", "/operator/audit-log")
    assert woken == [1]
