"""Starts the portal and what it stands on: `make install`, `make run`, `make demo`.

Everything here runs outside Django. The pieces, from the bottom: :mod:`stack.ports`, :mod:`stack.tools` and
:mod:`stack.spec` (what a service is), :mod:`stack.redis_server`, :mod:`stack.registry_server` and :mod:`stack.portal`
(the services), :mod:`stack.supervisor` (keeps them up), :mod:`stack.runner` (puts them together).
"""
