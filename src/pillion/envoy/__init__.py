"""How Envoy says it: from a plan to the files of every Envoy, by pure functions.

`files` puts the files together, `edge`, `inbound` and `egress` are the three kinds of listener, `chain` is the
order of the filters, `filters/` holds one module per filter, `refusals` the answers Envoy gives by itself, and
`known` what an Envoy starts with that control cannot reach yet.
"""
