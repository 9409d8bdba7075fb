"""Control: streams keys and revocations to every Envoy (delta ADS), and notes who has acknowledged what.

The database says what is true (`database`, as `facts`); `resources` says it in Envoy's words; `subscription`
decides what one Envoy is to be told, without any input or output; `server` holds the streams; `report` tells the
database who has what. `serve` puts them together.
"""
