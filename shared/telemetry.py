"""Traces that run from the gateway through the outbox into the consumers.

Sampling is decided before OpenTelemetry is touched: an unsampled request costs a coin toss, a sampled one a span. FastAPI's
own tracing stays off. Child spans open only under a recording span.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

_carried: ContextVar[str | None] = ContextVar("traceparent", default=None)
_ratio = 0.0
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def configure_telemetry(
    process: str,
    *,
    sample_ratio: float,
    exporter: SpanExporter | None = None,
    metric_reader: MetricReader | None = None,
) -> None:
    """Export this process's sampled spans and its gauges; without an exporter only trace ids are carried on."""
    global _ratio
    _ratio = sample_ratio
    if exporter is None and metric_reader is None:
        return
    resource = Resource.create({"service.name": f"jishi-{process}"})
    if exporter is not None:
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
    if metric_reader is not None:
        metrics.set_meter_provider(MeterProvider([metric_reader], resource=resource))


def traceparent() -> str | None:
    """The W3C trace context of the present work, to be sent or stored with what it causes."""
    span = trace.get_current_span()
    if span.is_recording():
        context = span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    return _carried.get()


def current_trace_id() -> str | None:
    """The trace id of the present work, 32 hex digits."""
    parent = traceparent()
    return parent[3:35] if parent else None


@contextmanager
def door_span(name: str, parent: str | None, kind: SpanKind = SpanKind.SERVER) -> Iterator[None]:
    """A span at a door (request, delivery, timer), continuing ``parent`` when it is a valid traceparent."""
    carried = parent if parent is not None and _is_valid(parent) else _fresh()
    token = _carried.set(carried)
    try:
        if not int(carried[-2:], 16) & TraceFlags.SAMPLED:
            yield
            return
        ambient = trace.set_span_in_context(NonRecordingSpan(_context_of(carried)))
        with trace.get_tracer("jishi").start_as_current_span(name, context=ambient, kind=kind):
            yield
    finally:
        _carried.reset(token)


@contextmanager
def child_span(name: str) -> Iterator[None]:
    """A span inside a sampled piece of work; free when the work is not sampled."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with trace.get_tracer("jishi").start_as_current_span(name):
        yield


def _fresh() -> str:
    sampled = random.random() < _ratio
    return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-{'01' if sampled else '00'}"


def _is_valid(parent: str) -> bool:
    found = _TRACEPARENT.fullmatch(parent)
    return found is not None and found[1].strip("0") != "" and found[2].strip("0") != ""


def _context_of(traceparent: str) -> SpanContext:
    trace_id, span_id, flags = (int(part, 16) for part in traceparent.split("-")[1:])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
