"""`GET /admin/deployments`: how each deployment of the policies in force fares, as this gateway sees it."""

from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.access import needs
from gateway.domain.facts import Fleet
from gateway.domain.policy import Deployment
from gateway.ports import PolicySource


class DeploymentView(BaseModel):
    """A deployment.

    rests_s     seconds until it may be called again; 0: it may be now
    latency_ms  what it lately took to its first byte; null: nobody measured it these five minutes
    under_way   calls of it; null: it has no `concurrency`, and they are not counted
    most_calls  its `concurrency`; null: as many as come
    """

    name: str
    tier: str
    provider: str
    model: str
    is_resting: bool
    rests_s: float
    latency_ms: float | None
    under_way: int | None
    most_calls: int | None

    @classmethod
    def of(cls, deployment: Deployment, fleet: Fleet, calls: Callable[[str], int]) -> "DeploymentView":
        rests_s = fleet.cooling.get(deployment.name, 0.0)
        limit = deployment.concurrency
        return cls(
            name=deployment.name,
            tier=deployment.tier,
            provider=deployment.provider,
            model=deployment.model,
            is_resting=rests_s > 0.0,
            rests_s=round(rests_s, 3),
            latency_ms=fleet.latency_ms.get(deployment.name),
            under_way=None if limit is None else calls(deployment.name),
            most_calls=None if limit is None else limit.calls,
        )


class DeploymentsView(BaseModel):
    """`version` of the policies in force."""

    version: str
    deployments: tuple[DeploymentView, ...]


def deployment_pages(policies: PolicySource, fleet: Callable[[], Fleet], calls: Callable[[str], int]) -> APIRouter:
    """The route. `calls`: how many of a deployment are under way."""
    pages = APIRouter(tags=["deployments"])

    @pages.get("/admin/deployments")
    @needs("viewer")
    async def list_deployments() -> DeploymentsView:
        """The deployments by name: at rest or not, how fast, and how busy. Other gateways may see it otherwise."""
        current, now = policies.current(), fleet()  # on the event loop, where the fleet changes
        found = (DeploymentView.of(each, now, calls) for _, each in sorted(current.deployments.items()))
        return DeploymentsView(version=current.version, deployments=tuple(found))

    return pages
