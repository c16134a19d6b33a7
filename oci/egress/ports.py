"""Which ports may be contacted at hosts that the operator did not name.

A registry can be on any port, but a request to a mail or database server is an attack on it with our address.
"""

from __future__ import annotations

from typing import Final

#: Below 1024 only the web's own.
_LOW: Final = frozenset({80, 443})

#: Above 1023 everything but the well-known ports of services that do not speak to strangers.
_SERVICES: Final = frozenset(
    {
        1080,  # SOCKS
        1433,  # SQL Server
        1521,  # Oracle
        1883,  # MQTT
        2049,  # NFS
        2181,  # ZooKeeper
        *(2375, 2376, 2377),  # Docker Engine and Swarm
        *(2379, 2380),  # etcd
        3128,  # Squid
        3268,  # global catalogue
        3306,  # MySQL
        3389,  # remote desktop
        4369,  # Erlang
        *(4505, 4506),  # Salt
        *(5432, 5433, 6432),  # PostgreSQL and its poolers
        *(5671, 5672, 15672, 25672),  # RabbitMQ
        *range(5900, 5911),  # VNC
        5984,  # CouchDB
        *(5985, 5986),  # WinRM
        *range(6000, 6064),  # X11
        *(6379, 6380, 16379, 26379),  # Redis
        *(6443, 10250, 10255, 10256, 10257, 10259),  # Kubernetes
        *(7000, 7001, 9042, 9160),  # Cassandra
        *(7473, 7474, 7687),  # Neo4j
        8009,  # AJP
        *(8086, 8125),  # InfluxDB, StatsD
        *(8200, 8201, 8300, 8301, 8500, 8501, 8600),  # Vault, Consul
        *(9090, 9091, 9093, 9100),  # Prometheus and its exporters, printers
        9092,  # Kafka
        *(9200, 9300),  # Elasticsearch
        11211,  # memcached
        *(27017, 27018, 27019, 28017),  # MongoDB
        61616,  # ActiveMQ
    }
)


def is_usual_port(port: int) -> bool:
    """Whether a registry, token server, storage or webhook may be expected at ``port``."""
    return port in _LOW or (1023 < port <= 65535 and port not in _SERVICES)
