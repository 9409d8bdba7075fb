"""A users service of the company's own, which checks email and password: docs/users-service.md is the contract."""
