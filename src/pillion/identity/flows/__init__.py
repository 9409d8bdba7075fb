"""What a user does, one file per thing; the views only translate."""
