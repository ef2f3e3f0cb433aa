"""InitProducerId: numbers for idempotent producers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.broker.errors import Code
from headwater.broker.session import Context
from headwater.wire.messages import InitProducerIdRequest, InitProducerIdResponse

if TYPE_CHECKING:
    from headwater.broker.broker import Broker


def init_producer_id(broker: Broker, context: Context, request: InitProducerIdRequest) -> InitProducerIdResponse:
    """A producer id that nobody had before, with epoch 0 (KIP-98)."""
    if request.transactional_id is not None:  # fatal for the client: it must not retry for ever
        return InitProducerIdResponse(error_code=Code.UNSUPPORTED_VERSION, producer_id=-1, producer_epoch=-1)
    return InitProducerIdResponse(producer_id=broker.log.next_producer_id(), producer_epoch=0)
