"""The HTTP filters, one module each; `pillion.envoy.chain` gives their order."""
