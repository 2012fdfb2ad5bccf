"""How long orders wait: for their payment, and for the shopper's word that the goods arrived."""
