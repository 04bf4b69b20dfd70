"""What there is: bases, tables and their columns, how they change, and how they are kept."""
