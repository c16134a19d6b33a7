"""What may come in: rules, and the one function that decides by them."""
