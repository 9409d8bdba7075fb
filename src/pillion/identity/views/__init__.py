"""HTTP in, HTTP out: each view is thin over a flow."""
