"""After-sale: refunds, returns and exchanges that shoppers ask for, by line and quantity (OR-10, OR-04)."""
