"""What goes in and out of the import API, in the contract's words."""
