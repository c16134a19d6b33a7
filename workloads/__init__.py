"""What runs elsewhere and takes its images from here: manifests, clients' configurations, clusters."""
