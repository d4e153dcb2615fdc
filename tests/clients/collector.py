"""A small OpenTelemetry collector: takes traces, metrics and logs over HTTP and over gRPC, and keeps them.

Lives here: the two servers, their messages read with OpenTelemetry's own classes, plain dictionaries of what came.
Never here: what is expected; that is in the tests.
"""

import gzip
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

REQUESTS = {
    "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
    "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "/v1/logs": logs_service_pb2.ExportLogsServiceRequest,
}
RESPONSES = {
    "/v1/traces": trace_service_pb2.ExportTraceServiceResponse,
    "/v1/metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "/v1/logs": logs_service_pb2.ExportLogsServiceResponse,
}


def plain(any_value):
    """The value of an attribute."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [plain(value) for value in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return getattr(any_value, kind) if kind else None


def attributes(pairs):
    return {pair.key: plain(pair.value) for pair in pairs}


class Collector:
    """What has come, and how it is answered: `failures` are statuses for the next requests, over HTTP."""

    def __init__(self):
        self._lock = threading.Lock()
        self._requests = []
        self.headers = []
        self.failures = []
        self.attempts = 0

    def keep(self, path, request, headers):
        with self._lock:
            self._requests.append((path, request))
            self.headers.append((path, dict(headers)))

    def _all(self, path):
        with self._lock:
            return [request for kept, request in self._requests if kept == path]

    def spans(self):
        """(resource, span) of everything that came."""
        return [
            (attributes(group.resource.attributes), span)
            for request in self._all("/v1/traces")
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def metrics(self):
        """(resource, metric) of everything that came."""
        return [
            (attributes(group.resource.attributes), metric)
            for request in self._all("/v1/metrics")
            for group in request.resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
        ]

    def points(self, name):
        """The points of summaries with a name: count, sum, attributes."""
        return [
            (point.count, point.sum, attributes(point.attributes))
            for _, metric in self.metrics()
            if metric.name == name
            for point in metric.summary.data_points
        ]

    def logs(self):
        """(resource, record) of everything that came."""
        return [
            (attributes(group.resource.attributes), record)
            for request in self._all("/v1/logs")
            for group in request.resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]


class HttpCollector(Collector):
    """Over HTTP with protobuf."""

    protocol = "http/protobuf"

    def __enter__(self):
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.attempts += 1
                if collector.failures:
                    self._answer(collector.failures.pop(0), b"not now")
                    return
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.headers["content-type"] == "application/x-protobuf"
                collector.keep(self.path, REQUESTS[self.path].FromString(body), self.headers)
                self._answer(200, RESPONSES[self.path]().SerializeToString())

            def _answer(self, status, body):
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class GrpcCollector(Collector):
    """Over gRPC."""

    protocol = "grpc"

    def __enter__(self):
        collector = self

        def service(base, path):
            class Service(base):
                def Export(self, request, context):
                    collector.attempts += 1
                    if collector.failures:
                        collector.failures.pop(0)
                        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
                    collector.keep(path, request, dict(context.invocation_metadata()))
                    return RESPONSES[path]()

            return Service()

        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        traces, metrics, logs = trace_service_pb2_grpc, metrics_service_pb2_grpc, logs_service_pb2_grpc
        traces.add_TraceServiceServicer_to_server(service(traces.TraceServiceServicer, "/v1/traces"), self._server)
        metrics.add_MetricsServiceServicer_to_server(service(metrics.MetricsServiceServicer, "/v1/metrics"), self._server)
        logs.add_LogsServiceServicer_to_server(service(logs.LogsServiceServicer, "/v1/logs"), self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(grace=None)
