"""One module a command, or a family of them. :data:`portal_client.main.COMMANDS` lists what there is."""
