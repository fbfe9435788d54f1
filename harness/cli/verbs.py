"""Base classes of all verbs: help with sections, suggestions for unknown names, and old names."""

from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

from harness.cli import printing
from harness.errors import UserError, nearest

# Accepted for one release after the verbs were grouped, and not shown in --help.
OLD_NAMES: dict[str, tuple[str, str]] = {
    "agreement": ("results", "agreement"),
    "budget": ("results", "budget"),
    "verify": ("results", "verify"),
    "status": ("results", "status"),
    "submit-check": ("results", "check"),
    "new-method": ("new", "method"),
    "check-method": ("check", "method"),
}
HELP_WIDTH = 120  # most columns that --help uses
_NAMES_WIDTH = 27  # an option with a longer name and metavar has its help on the next line


class Verb(TyperCommand):
    """A verb whose ``--help`` groups the options by their ``rich_help_panel``.

    The panels are plain sections. Rich would draw boxes, but its import doubles the time of ``--help``, and the boxes
    leave 31 of 80 columns for the text.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments and then one section per panel; options without a panel come last."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        others: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            line = param.get_help_record(ctx)
            if line is None:
                continue
            panel = getattr(param, "rich_help_panel", None)
            if param.param_type_name == "argument":
                sections["Arguments"].append((param.metavar or line[0], line[1]))
            elif panel is None:
                others.append(line)
            else:
                sections.setdefault(panel, []).append(line)
        sections["Options"] = others
        lengths = [len(name) for lines in sections.values() for name, _ in lines]
        width = max(length for length in lengths if length <= _NAMES_WIDTH)
        for title, lines in sections.items():
            if lines:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(width), text) for name, text in lines], col_max=width)


class VerbGroup(TyperGroup):
    """A group of verbs; an unknown verb is answered with the nearest ones."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the verb that the arguments name, and the arguments that are left for it.

        Raises:
            UserError: there is no such verb.
        """
        name = args[0]
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        verbs = [verb for verb, command in self.commands.items() if not command.hidden]
        groups = {verb: command for verb, command in self.commands.items() if isinstance(command, TyperGroup)}
        spellings = [*verbs, *(f"{verb} {member}" for verb, group in groups.items() for member in group.commands)]
        # All verbs are listed only where nothing is near, and then without the members of the groups.
        known = spellings if get_close_matches(name, spellings, n=1, cutoff=0.5) else verbs
        raise UserError(f"`{ctx.command_path} {name}` does not exist; {nearest(name, known)}")


class RootGroup(VerbGroup):
    """The top level, which also accepts the verbs' names from before they were grouped."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the verb that the arguments name; an old name is replaced, and the new one said on standard error."""
        new = OLD_NAMES.get(args[0])
        if new is None:
            return super().resolve_command(ctx, args)
        printing.say(
            f"harness: `harness {args[0]}` is now `harness {' '.join(new)}`; the next release removes the old name.",
            error=True,
        )
        return super().resolve_command(ctx, [*new, *args[1:]])
