"""A file of a folder that an Envoy watches, and takes up again whenever something is renamed there."""

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    ConfigSource,
    PathConfigSource,
    WatchedDirectory,
)

from pillion.envoy import names
from pillion.plan.model import Workload


def watched(workload: Workload, file: str) -> ConfigSource:
    """Have the resources of `file` (such as `clusters.yaml`) read from the Envoy's folder, and read again."""
    return watched_in(names.folder_of(workload.name), file)


def watched_in(folder: str, file: str) -> ConfigSource:
    """Have the resources of `file` read from `folder`, a path relative to the Envoy's working directory."""
    return ConfigSource(
        resource_api_version=ApiVersion.V3,
        path_config_source=PathConfigSource(
            path=f"{folder}/{file}", watched_directory=WatchedDirectory(path=folder)
        ),
    )


def beside(file: str) -> WatchedDirectory:
    """Name the folder in which a file lies."""
    return WatchedDirectory(path=file.rpartition("/")[0])


def watched_folder(workload: Workload) -> WatchedDirectory:
    """Name the Envoy's folder."""
    return WatchedDirectory(path=names.folder_of(workload.name))
