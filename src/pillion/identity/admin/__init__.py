"""The admin, `/pillion/admin/`: Django's own, for operators and auditors; each page in the file of its name."""
