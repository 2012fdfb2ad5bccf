"""Every campaign is drafted, runs, and is stopped for good."""

from enum import StrEnum

from shared.http.problems import Problem


class Status(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


NEXT = {Status.DRAFT: {Status.RUNNING}, Status.RUNNING: {Status.STOPPED}, Status.STOPPED: set[Status]()}


class IllegalStatus(Problem):
    """A campaign runs once; a stopped one stays as it is."""

    slug, title, status = "campaign/illegal-status", "The campaign cannot do this in its status", 409


class ChangedMeanwhile(Problem):
    """Someone else changed the campaign since it was read."""

    slug, title, status = (
        "campaign/changed-meanwhile",
        "The campaign was changed meanwhile; read it again",
        409,
    )


def step(status: Status, to: Status) -> Status:
    """The status after a step; raises IllegalStatus."""
    if to not in NEXT[status]:
        raise IllegalStatus(f"What is {status} cannot become {to}.", campaign_status=status)
    return to


def check_change(status: Status, *, version: int, read_version: int) -> None:
    """Raise IllegalStatus for a stopped campaign, ChangedMeanwhile when it is not what the change is based on."""
    if status is Status.STOPPED:
        raise IllegalStatus("A stopped campaign stays as it is.", campaign_status=status)
    if version != read_version:
        raise ChangedMeanwhile()
