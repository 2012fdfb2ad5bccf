"""The names of behaviour events (analytics.md 3)."""

from services.analytics.facts.domain import name_of
from shared.events import EVENT_TYPES

CLIENT_EVENTS = frozenset(
    {
        *("app_open", "app_hide", "page_view", "page_leave", "click"),
        *("product_view", "rec_impression", "rec_click", "search", "search_click", "favorite"),
        *("add_to_cart", "remove_from_cart", "checkout_start", "pay_start", "pay_result"),
        *("share", "share_return", "experiment_exposure"),
        *("perf_page", "api_call", "js_error", "mem_warn"),
    }
)
"""What clients may report."""

SERVER_EVENTS = frozenset(map(name_of, EVENT_TYPES.values()))
"""What only services tell; it is never believed from a client."""
