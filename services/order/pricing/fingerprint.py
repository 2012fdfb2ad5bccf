"""Whether a price is still the one the buyer saw (section 4.A: changed since preview)."""

import json
from hashlib import sha256

from services.order.pricing.quote import Quote


def fingerprint(quote: Quote) -> str:
    """A digest of what the buyer agreed to: goods, amounts, points and who gave which discount.

    Renamed offers, refused wishes and the order of the lines leave it unchanged.
    """
    agreed = {
        "lines": sorted(
            [
                line.line_key,
                str(line.sku_id),
                line.quantity,
                line.list_fen,
                line.payable_fen,
                line.points_used,
                [[taken.step, taken.source_id, taken.amount_fen] for taken in line.discounts],
            ]
            for line in quote.lines
        ),
        "steps": [[told.step, told.source_id, told.amount_fen] for told in quote.explanation],
        "payable_fen": quote.payable_fen,
    }
    return sha256(json.dumps(agreed, separators=(",", ":")).encode()).hexdigest()
