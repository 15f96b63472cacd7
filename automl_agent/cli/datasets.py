"""`automl-agent datasets`: what can be used without a network."""

from __future__ import annotations

import click

from automl_agent.cli.options import debug_option, json_option
from automl_agent.cli.output import say, say_json
from automl_agent.cli.words import bytes_of, plural
from automl_agent.exceptions import InputError


@click.command(short_help="List bundled and cached datasets.")
@click.option("--forget", metavar="DATASET", help="Remove a cached one: it is fetched anew.")
@json_option
@debug_option
def datasets(forget: str | None, as_json: bool) -> None:
    """List the bundled datasets, and those from OpenML and from links that are cached.

    \b
    Examples:
      automl-agent datasets
      automl-agent datasets --json
      automl-agent datasets --forget adult
    """
    from automl_agent.data.sources.cache import Cache
    from automl_agent.data.sources.catalogue import forget_dataset, known_datasets

    cache = Cache.here()
    if forget is not None:
        number = forget_dataset(cache, forget)
        if not number:
            raise InputError(f"'{forget}' is not cached", "`automl-agent datasets` lists what is")
        if as_json:
            say_json({"forgotten": forget, "entries": number})
        else:
            say(f"{forget} forgotten: it is fetched anew when it is next used")
        return
    known = known_datasets(cache)
    if as_json:
        say_json(
            {"cache": cache.root and str(cache.root), "datasets": [k.to_dict() for k in known]}
        )
        return
    from automl_agent.cli.console import show_table

    show_table(
        ["dataset", "name", "id", "version", "rows", "columns", "target", "size"],
        [
            [
                k.dataset,
                k.name or "–",
                "–" if k.id is None else str(k.id),
                "–" if k.version is None else str(k.version),
                "–" if k.rows is None else f"{k.rows:,}",
                "–" if k.columns is None else f"{k.columns:,}",
                k.target or "–",
                k.origin if k.size is None else bytes_of(k.size),
            ]
            for k in known
        ],
        right="id version rows columns size",
    )
    cached = sum(k.origin != "bundled" for k in known)
    say(f"\n{plural(cached, 'dataset')} cached in {cache.root}")
