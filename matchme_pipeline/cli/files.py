"""`matchme match`: the engine on CSV files."""

from datetime import UTC, date, datetime
from typing import Any

from rich.progress import TaskID
from rich.table import Table

from matchme_pipeline.cli import console
from matchme_pipeline.matching.csv_files import columns
from matchme_pipeline.matching.csv_files.run import Request, match_files

_UNKNOWN_SHOWN = 20
_ROWS_SHOWN_AT_ONCE = 200
_MEMBERS_NAMED = 10
# Reasons why a member has no match, in words; a filter's name if there is no text.
_NOBODY = {
    "gender": "no other member has a suitable gender",
    "met_before": "they have already met all suitable members",
    "own_place_not_known": "they state max_distance and have no lat and lng",
    "not_looked_at": "not examined: too many",
}


def today() -> date:
    """The reference day of ages without --as-of."""
    return datetime.now(UTC).date()


def run(request: Request) -> dict[str, Any]:
    """Match with progress on standard error; returns the summary."""
    with console.progress_bars() as bars:
        bar: TaskID | None = None
        waiting = 0

        def step(name: str, count: int | None) -> None:
            nonlocal bar, waiting
            if name:
                waiting = 0
                if bar is not None:
                    bars.update(bar, total=bars.tasks[bar].total or 1, completed=bars.tasks[bar].total or 1)
                bar = bars.add_task(name, total=count, step="")
            elif bar is not None:
                # An update of the bar costs more than a row.
                waiting += count or 0
                if waiting >= _ROWS_SHOWN_AT_ONCE:
                    bars.advance(bar, waiting)
                    waiting = 0

        summary = match_files(request, step)
        if bar is not None:
            bars.update(bar, total=1, completed=1)
    return summary


def show(summary: dict[str, Any]) -> None:
    """The summary for a person."""
    for note in summary["notes"]:
        console.say(f"note: {note}")
    unknown = summary["unknown_values"]
    for one in unknown[:_UNKNOWN_SHOWN]:
        console.say(
            f"unknown: '{one['value']}' in column {one['column']} ({one['times']} times, first on line "
            f"{one['first_line']}) is not in the vocabulary: it "
            f"{'asks for nothing' if 'preference' in str(one['column']) else 'counts as missing'}. "
            "`matchme match --columns` lists the known values"
        )
    if len(unknown) > _UNKNOWN_SHOWN:
        console.say(f"unknown: and {len(unknown) - _UNKNOWN_SHOWN} more values; --json lists them all")
    console.result(
        f"{summary['members']:,} members, {summary['matchable']:,} can be matched as of {summary['as_of']}, "
        f"{summary['vectors']:,} have a vector"
    )
    table = Table(title="Pairs removed by filter", title_justify="left")
    table.add_column("filter")
    table.add_column("pairs", justify="right")
    for name, count in summary["pairs_removed_by_filter"].items():
        table.add_row(name, f"{count:,}")
    table.add_row("eligible", f"{summary['eligible_pairs']:,}", style="bold")
    console.out.print(table)
    for reason, count in summary["not_matchable"].items():
        console.result(f"not matchable, {reason}: {count:,}")
    _show_members_with_nobody(summary)
    console.result(
        f"{summary['matches']:,} pairs; {summary['members_covered']:,} of {summary['members_with_possibilities']:,} "
        f"members with possibilities have a match; exposure Gini {summary['exposure_gini']:.3f}; "
        f"{summary['share_of_optimum']:.1%} of the optimum"
    )
    console.result(f"{summary['rows']:,} rows in {summary['out']}")


def _show_members_with_nobody(summary: dict[str, Any]) -> None:
    by_reason: dict[str, list[str]] = {}
    for one in summary["members_with_nobody"]:
        by_reason.setdefault(one["reason"], []).append(one["user_id"])
    for reason, user_ids in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        why = _NOBODY.get(reason, f"{reason} excludes most others")
        named = ", ".join(user_ids[:_MEMBERS_NAMED])
        more = f" and {len(user_ids) - _MEMBERS_NAMED:,} more" if len(user_ids) > _MEMBERS_NAMED else ""
        console.result(f"can be matched but has no eligible partner, {why}: {len(user_ids):,} ({named}{more})")
    if summary["members_with_full_partners"]:
        console.result(
            f"has eligible partners but no match: {summary['members_with_full_partners']:,} (the lists of "
            "these partners are full)"
        )


def show_columns() -> None:
    """Print every column of every file."""
    for title, known in (
        ("--members", columns.MEMBER_COLUMNS),
        ("--texts", columns.TEXT_COLUMNS),
        ("--vectors", columns.VECTOR_COLUMNS),
        ("--met", columns.MET_COLUMNS),
        ("--outcomes", columns.OUTCOME_COLUMNS),
    ):
        table = Table(title=title, title_justify="left")
        for heading in ("column", "needed", "meaning", "without the column"):
            table.add_column(heading)
        for column in known:
            absent = "" if column.absent is None else str(column.absent).lower()
            table.add_row(column.name, "yes" if column.required else "", column.meaning, absent)
        console.out.print(table)
