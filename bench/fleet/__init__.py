"""Two hundred workers whose imports only sleep: what claim, heartbeat, progress and polls ask of PostgreSQL."""
