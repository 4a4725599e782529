"""`/reshaper`: inventories and allocations move between providers, together."""

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.placement.api import schemas
from pileus.services.placement.api.allocations import asked
from pileus.services.placement.core import consumers, stocks


def _reshape(tx: Tx, request: Request) -> Answer:
    stock = {}
    for provider_id, body in request.body["inventories"].items():
        wares = {name: stocks.full(values) for name, values in body["inventories"].items()}
        for name, values in wares.items():
            stocks.check_reserved(provider_id, name, values, all_of_it=True)
        stock[provider_id] = (body["resource_provider_generation"], wares)
    wanted = [asked(request, consumer_id, body) for consumer_id, body in request.body["allocations"].items()]
    consumers.reshape(tx, stock, wanted)
    return Answer(204)


OPERATIONS = [
    Operation(
        method="POST", path="/reshaper", decide=_reshape, rule="placement:reshaper:reshape", since="1.30",
        body=schemas.RESHAPER, summary="Move inventories and allocations between providers",
    ),
]  # fmt: skip
