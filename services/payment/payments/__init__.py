"""One payment per order, collected by one or more attempts at the provider."""
