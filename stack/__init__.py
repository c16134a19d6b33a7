"""Starts the portal and what it stands on: `make install`, `make run`, `make demo`.

Everything here runs outside Django. :mod:`stack.install` brings what is needed; :mod:`stack.services` has, from the
bottom, ports and tools, what a service is (``spec``), the services (``redis_server``, ``registry_server``, ``portal``)
and what keeps them up (``supervisor``); :mod:`stack.runner` puts them together.
"""
