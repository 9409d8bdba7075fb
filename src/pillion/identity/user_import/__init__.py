"""Takes accounts over from a file: read line by line, checked row by row, written in batches."""
