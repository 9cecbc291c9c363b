"""What is asked of the database: plain functions of a connection, one module per subject.

Each runs inside a unit of work of `Store.transact`; none of them begins or ends a transaction.
"""
