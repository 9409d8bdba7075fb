"""`pillion inject`, and the webhook that does the same in the cluster."""
