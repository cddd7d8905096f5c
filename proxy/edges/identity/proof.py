"""What credentials prove, and what several of them prove together. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.exchange import Identity


@dataclass(frozen=True, slots=True)
class Proof:
    """Who one credential says is calling.

    `may_act`: its actor may bring the token of another subject and act for them. `only_actor`: of a token
    that names the one who may act for its subject, their name.
    """

    identity: Identity
    may_act: bool = False
    only_actor: str | None = None


def together(given: Sequence[Proof], person: Proof | None) -> Identity | None:
    """Who calls, by everything that was sent; None when it contradicts itself.

    `given`: the callers' own credentials, the one that tells most first. `person`: the token of the subject
    for whom they say to act.
    """
    if person is not None:
        agent = next((proof for proof in given if proof.may_act), None)
        return _acting(agent, person) if agent and _agree(given) else None
    if _agree(given):
        return given[0].identity if given else None
    *rest, agent = given
    return _acting(agent, rest[0]) if agent.may_act and _agree(rest) else None


def _agree(given: Sequence[Proof]) -> bool:
    """Two credentials of one call name one subject, or one of them is not the caller's."""
    return len({(proof.identity.subject.tenant, proof.identity.subject.id) for proof in given}) <= 1


def _acting(agent: Proof, person: Proof) -> Identity | None:
    """The agent's actor for the person's subject: no right of the one is mixed into the other's.

    "The "may_act" claim makes a statement that one party is authorized to become the actor and act on behalf
    of another party" (RFC 8693 §4.4). Who acts for themselves needs no token of themselves.
    """
    actor, theirs = agent.identity.actor, person.identity
    if theirs.method not in ("jwt", "forwarded_claims") or person.only_actor not in (None, actor):
        return None
    if theirs.subject.tenant != agent.identity.subject.tenant or actor == theirs.subject.id:
        return None
    earlier = (theirs.actor, *theirs.actor_chain) if theirs.delegated else ()
    return replace(
        theirs, actor=actor, actor_method=agent.identity.method, actor_chain=earlier, delegated=True
    )
