"""Break the shop on purpose while shoppers buy, then prove that nothing was lost or doubled (P1, `make chaos`)."""
