"""The member service: who shops here, what they agreed to, where they live, their level and their points."""
