"""How the platform is put to work: on one machine here, in containers and on a cluster beside it."""
