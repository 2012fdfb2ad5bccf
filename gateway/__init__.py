"""The door: who are you, where to. No shop rule ever lives here."""
