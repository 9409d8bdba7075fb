"""A file of the Envoy's own folder, which it takes up again whenever something is renamed there."""

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    ConfigSource,
    PathConfigSource,
    WatchedDirectory,
)

from pillion.envoy import names
from pillion.plan.model import Workload


def watched(workload: Workload, file: str) -> ConfigSource:
    """Have the resources of `file` (such as `clusters.yaml`) read from there, and read again."""
    return ConfigSource(
        resource_api_version=ApiVersion.V3,
        path_config_source=PathConfigSource(
            path=names.file_of(workload.name, file), watched_directory=watched_folder(workload)
        ),
    )


def watched_folder(workload: Workload) -> WatchedDirectory:
    """Name the folder."""
    return WatchedDirectory(path=f"{names.FOLDER}/{workload.name}")
