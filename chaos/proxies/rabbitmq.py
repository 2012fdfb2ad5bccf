"""Listening in on AMQP 0-9-1: what was delivered and not acknowledged, what came again, and when acks and confirms pass."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from struct import unpack_from

from chaos.proxies.wire import Wire

METHOD = 1
FRAME_OVERHEAD = 8
PROTOCOL_HEADER = 8
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 40), (20, 41)
CONSUME, DELIVER, ACK, REJECT, NACK = (60, 20), (60, 60), (60, 80), (60, 90), (60, 120)


class AckCut(StrEnum):
    """Which acknowledgement is lost with the connection."""

    ACK = "ack"  # the consumer's: what it did comes again
    CONFIRM = "confirm"  # the broker's: what was published is published again


@dataclass(slots=True)
class Traffic:
    """What one service's worker and the broker told each other, over all its connections."""

    armed: list[AckCut] = field(default_factory=list)
    done: list[AckCut] = field(default_factory=list)
    delivered: int = 0
    redelivered: int = 0
    queues: set[str] = field(default_factory=set)
    consumers: int = 0

    def take(self, cut: AckCut) -> bool:
        """Whether this cut was ordered; it is done then."""
        if cut not in self.armed:
            return False
        self.armed.remove(cut)
        self.done.append(cut)
        return True


class RabbitMQConversation:
    """One connection."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._to_server = bytearray()
        self._to_client = bytearray()
        self._is_greeted = False
        self.unacknowledged: set[tuple[int, int]] = set()

    def from_client(self, data: bytes) -> bytes | None:
        self._to_server += data
        if not self._is_greeted and len(self._to_server) >= PROTOCOL_HEADER:
            del self._to_server[:PROTOCOL_HEADER]
            self._is_greeted = True
        is_cut = False
        for channel, method, payload in _methods(self._to_server):
            if method in (ACK, REJECT, NACK):
                if method == ACK and self._traffic.take(AckCut.ACK):
                    is_cut = True
                    break
                (tag,) = unpack_from(">Q", payload, 4)
                is_multiple = method != REJECT and bool(payload[12] & 1)
                self._acknowledge(channel, tag, is_multiple=is_multiple)
            elif method == CONSUME:
                self._traffic.consumers += 1
                self._traffic.queues.add(bytes(payload[7 : 7 + payload[6]]).decode())
            elif method in (CHANNEL_CLOSE, CHANNEL_CLOSE_OK):
                self.unacknowledged = {each for each in self.unacknowledged if each[0] != channel}
        return None if is_cut else data

    def from_server(self, data: bytes) -> bytes | None:
        self._to_client += data
        for channel, method, payload in _methods(self._to_client):
            if method == DELIVER:
                at = 5 + payload[4]
                (tag,) = unpack_from(">Q", payload, at)
                self._traffic.delivered += 1
                self._traffic.redelivered += payload[at + 8] & 1
                self.unacknowledged.add((channel, tag))
            elif method == ACK and self._traffic.take(AckCut.CONFIRM):
                return None
        return data

    def ended(self) -> None:
        self.unacknowledged.clear()

    def _acknowledge(self, channel: int, tag: int, *, is_multiple: bool) -> None:
        if is_multiple:
            self.unacknowledged = {
                each for each in self.unacknowledged if each[0] != channel or each[1] > tag
            }
        else:
            self.unacknowledged.discard((channel, tag))


def _methods(buffer: bytearray) -> list[tuple[int, tuple[int, int], bytes]]:
    """Take the whole frames off a buffer: the channel, class and method, and payload of those that carry a method."""
    found, at = [], 0
    while len(buffer) - at >= FRAME_OVERHEAD:
        kind, channel, size = unpack_from(">BHI", buffer, at)
        if len(buffer) - at < size + FRAME_OVERHEAD:
            break
        if kind == METHOD:
            payload = bytes(buffer[at + 7 : at + 7 + size])
            found.append((channel, unpack_from(">HH", payload), payload))
        at += size + FRAME_OVERHEAD
    del buffer[:at]
    return found


class RabbitMQWire:
    """One service's way to the broker."""

    def __init__(self, *, server_port: Callable[[], int]) -> None:
        self.traffic = Traffic()
        self.wire: Wire[RabbitMQConversation] = Wire(
            server_port=server_port, open_conversation=lambda: RabbitMQConversation(self.traffic)
        )

    def unacknowledged(self) -> int:
        """How many deliveries are out and not acknowledged."""
        return sum(len(each.unacknowledged) for each in self.wire.open)
