"""The main journey, played against whatever shop is running and told as a story (`make journey`)."""
