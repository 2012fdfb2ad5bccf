"""The platform in a Kubernetes cluster."""
