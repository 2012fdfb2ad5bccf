"""HTTP manners shared by all services: problems, identity, idempotency, paging, calls between services."""
