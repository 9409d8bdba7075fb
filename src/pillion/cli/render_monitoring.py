"""`pillion render monitoring`: alerts and a dashboard, for a Prometheus and a Grafana outside a cluster."""

from pathlib import Path

import click

from pillion import monitoring


@click.command("monitoring")
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write rules.yaml and dashboard.json, over those that are there.",
)
def command(output: Path) -> None:
    """Write rules.yaml for Prometheus (rule_files), and dashboard.json for Grafana (Dashboards, Import).

    They are the same for every mesh. In a cluster, components/monitoring of 'pillion render kubernetes' has them.

    \b
    Example:
        pillion render monitoring -o /etc/prometheus/pillion
        promtool check rules /etc/prometheus/pillion/rules.yaml
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in monitoring.written().items():
            (output / name).write_text(text, encoding="utf-8")
            click.echo(f"wrote {output / name}")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or 'i/o error').lower()}") from None
