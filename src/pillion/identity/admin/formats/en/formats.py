"""Times as logs have them: whoever looks at the admin compares."""

DATETIME_FORMAT = "Y-m-d H:i"
