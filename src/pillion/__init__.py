"""Pillion: an authenticated caller for every microservice, with no authentication code in the service.

`topology` reads what the user wrote, `plan` works out what must be true, `envoy` says it in Envoy's words,
`local` runs it on one machine; `identity` is the service that knows people and signs tokens; `cli` is one
thin command per verb. `docs/architecture.md` draws the picture.
"""
