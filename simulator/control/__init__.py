"""The control API under `/_control/`: what users do, what goes wrong, what time it is, what the books say."""
