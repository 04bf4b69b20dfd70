"""From the text of a query to SQL: grammar, the tree of what is selected, how resources are related, the statement."""
