"""``/metrics``: what Prometheus wants to know, read when it asks."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clawft.web.known import Known
from clawft.web.site import Site

if TYPE_CHECKING:
    from prometheus_client import Metric


class Metrics(Known):
    """Text in Prometheus' format."""

    def get(self) -> None:
        # prometheus_client takes 50 ms to import: only hosts that are watched pay for it.
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(Readings(self.site))
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest(registry))

    head = get


class Readings:
    """A collector: one look at the live tree and the counters."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        site = self._site
        tree = site.system.tree()
        actors = GaugeMetricFamily("clawft_actors", "Live actors by state", labels=["state"])
        for state, count in sorted(Counter(status.state for status in tree).items()):
            actors.add_metric([state], count)
        yield actors
        depth = sum(status.mailbox_depth for status in tree)
        yield GaugeMetricFamily("clawft_mailbox_depth", "Messages waiting in all mailboxes", depth)
        restarts = sum(status.restarts for status in tree)
        yield CounterMetricFamily("clawft_actor_restarts", "Restarts of the actors that live", restarts)
        letters = site.system.dead_letters.count
        yield CounterMetricFamily("clawft_dead_letters", "Messages that no one handled", letters)
        yield GaugeMetricFamily("clawft_sockets", "Open sockets and event streams", len(site.sockets))
        waiting = sum(client.waiting_bytes for client in site.sockets)
        yield GaugeMetricFamily("clawft_socket_queue_bytes", "Bytes that clients have not read yet", waiting)
        requests = CounterMetricFamily(
            "clawft_requests", "Answered requests by method and status", labels=["method", "status"]
        )
        for (method, status_code), count in sorted(site.requests.items()):
            requests.add_metric([method, str(status_code)], count)
        yield requests
        yield GaugeMetricFamily(
            "clawft_loop_lag_seconds", "How late the event loop was at the last look", site.lag
        )
