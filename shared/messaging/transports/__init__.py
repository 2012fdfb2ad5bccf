"""The carriers: RabbitMQ between processes, a direct hand-over inside one."""

from shared.messaging.transport import Transport
from shared.messaging.transports.local import LocalTransport
from shared.messaging.transports.rabbitmq import RabbitMQTransport


def open_transport(url: str, *, name: str) -> Transport:
    """The transport that a URL names: ``amqp://…`` or ``local://``; ``name`` is this process's, for the broker's lists."""
    if url.startswith("local://"):
        return LocalTransport()
    return RabbitMQTransport(url, name=name)
