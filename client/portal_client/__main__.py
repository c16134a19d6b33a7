"""``python -m portal_client``."""

from portal_client.main import main

main()
