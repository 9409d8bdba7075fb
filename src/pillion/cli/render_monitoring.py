"""`pillion render monitoring`: alerts and a dashboard, for a Prometheus and a Grafana outside a cluster."""

from pathlib import Path

import click

from pillion import monitoring
from pillion.cli import output_option


@click.command("monitoring")
@output_option.option("Where to write rules.yaml and dashboard.json, over those that are there.")
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
