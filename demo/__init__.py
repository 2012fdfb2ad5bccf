"""The demo: an invented shop, its people for some weeks, and public goods for a bulk import."""
