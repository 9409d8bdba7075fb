"""In English, the only one."""
