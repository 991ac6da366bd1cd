"""The engine of tables: no request and no HTML in here; an Actor and plain values come in.

table      what a table is, as one frozen value and as one JSON document
catalog    the tables there are, each with its SQL table and mapped class; making and changing them
ddl        statements that change columns of SQL tables
records    the only writer of records
links      links as people see and type them: by title
derived    fields that are worked out: what formulas, lookups and rollups have in common
across     lookups and rollups: fields that are read across links
authors    fields that say who made a record, and who wrote it last
formulas   fields that are worked out of others by an expression
history    what happened to a record and a table, and taking it back
changing   another declaration for a table in use: what that does to its records, and doing it
listing    lists: search, filters, order, pages, exports
"""
