"""Whether notices would leave the house: the mail server, the recipients, the status page."""

from collections.abc import Mapping

from bot.cli.checkup.finding import Finding
from bot.ports import Outlet
from bot.publishing import silent
from bot.settings import Settings

AREA = "notices"


async def ways_out(settings: Settings, outlets: Mapping[str, Outlet]) -> list[Finding]:
    """What each way out says about itself; nothing where none is configured."""
    findings = [Finding(AREA, name, "warn", lacks, do) for name, lacks, do in silent(settings)]
    for name, outlet in outlets.items():
        for look in await outlet.examine(tuple(settings.config.services)):
            subject = f"{name}, {look.subject}"
            findings.append(Finding(AREA, subject, look.status, look.text, look.do))
    return findings
