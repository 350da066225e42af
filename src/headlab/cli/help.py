"""`--help` of a command: what is its own first, then what many commands share, in groups."""

from typing import Any

import click

from headlab.cli.options import MODEL, TRAINING

GROUPS = {
    "Corpus": {"start", "no_start", "wrap", "tokens_are", "vocabulary", "labels"},
    "Model": {row.name for row in MODEL},
    "Training": {"threads", *(row.name for row in TRAINING)},
    "Output": {"output", "save", "figure", "safe_cells", "as_json"},
}
OWN = "Options"


class Command(click.Command):
    """A command whose options are listed in groups, its own first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        groups: dict[str, list[tuple[str, str]]] = {OWN: [], **{title: [] for title in GROUPS}}
        for option in [item for item in self.get_params(ctx) if isinstance(item, click.Option)]:
            title = next((title for title, names in GROUPS.items() if option.name in names), OWN)
            if record := option.get_help_record(ctx):
                groups[title].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(click.Group):
    """Such commands in the order in which they were added, with a hint for a misspelt one."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names as they were added."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is named first; raises `UsageError` with what comes near it."""
        import difflib

        if args and args[0] not in self.commands:
            near = difflib.get_close_matches(args[0], self.commands, 1)
            hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(self.commands)}"
            raise click.UsageError(f"the command must be one that headlab has, got {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)
