"""Which outlet the feedback stream leaves by. OpenTelemetry is loaded only for exports to a collector."""

from collections.abc import Callable
from pathlib import Path

from proxy.edges.records.outlet import Outlet
from proxy.edges.records.outlet_files import FeedbackFiles
from proxy.errors import ConfigInvalid
from proxy.settings import Feedback


def feedback_outlet(settings: Feedback, directory: Path, slot: int, now: Callable[[], float]) -> Outlet:
    """Raises ConfigInvalid without the extra that gRPC needs, or for a headers file that cannot be read."""
    if settings.outlet == "file":
        return FeedbackFiles(directory, slot, now)
    # Here, because the exporters cost 0.3 s and 20 MB that the file outlet has no use for.
    from proxy.edges.records.otlp_http import HttpCollector, OtlpOutlet  # noqa: PLC0415

    aside = FeedbackFiles(directory / "refused", slot, now)
    if settings.outlet == "otlp_http":
        return OtlpOutlet(HttpCollector(settings), aside)
    try:
        # Here, because grpcio is an optional extra.
        from proxy.edges.records.otlp_grpc import GrpcCollector  # noqa: PLC0415
    except ImportError as error:
        raise ConfigInvalid(["feedback.outlet: otlp_grpc needs: pip install 'sluicegate[grpc]'"]) from error
    return OtlpOutlet(GrpcCollector(settings), aside)
