"""How an empty shop is filled with the demo: through the gateway, as its owner and its shoppers would."""
