"""The migrations of a service that has only what the kernel gives every service, and a book to write effects into."""
