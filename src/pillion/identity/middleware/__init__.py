"""What stands between a request and its view; the order is that of `settings.MIDDLEWARE`."""
