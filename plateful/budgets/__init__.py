"""What pictures cost, what each team may spend in a day, and what was spent on what.

The money itself is in the ledger (`plateful.ledger.budgets`). Amounts are whole numbers of micro-dollars.
"""
