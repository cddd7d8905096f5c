"""What several credentials of one call prove together."""

from dataclasses import replace

import pytest

from proxy.edges.identity.proof import Proof, together
from proxy.exchange import Identity, Method, Subject

ALICE = Proof(Identity(Subject("alice", groups=("finance",)), "portal", "jwt"))
BOB = Proof(Identity(Subject("bob"), "portal", "jwt"))
BOT = Proof(
    Identity(Subject("bot", groups=("admins",), clearances=("secret",)), "bot", "api_key"), may_act=True
)
WORKLOAD = Proof(Identity(Subject("ledger"), "ns/ledger", "forwarded_certificate"), may_act=True)


def without_leave(proof: Proof) -> Proof:
    return replace(proof, may_act=False)


def test_nothing_proves_nobody() -> None:
    assert together([], None) is None


def test_one_credential_is_who_it_says() -> None:
    assert together([ALICE], None) is ALICE.identity
    assert together([BOT], None) is BOT.identity


def test_two_credentials_of_one_subject_are_told_by_the_first() -> None:
    certificate = Proof(Identity(Subject("alice"), "laptop", "client_certificate"))
    assert together([ALICE, certificate], None) is ALICE.identity


def test_two_credentials_of_two_subjects_are_nobodys() -> None:
    assert together([ALICE, BOB], None) is None
    other = replace(ALICE.identity, subject=replace(ALICE.identity.subject, tenant="other"))
    assert together([ALICE, Proof(other)], None) is None


def test_an_agents_key_acts_for_the_subject_of_the_token() -> None:
    assert together([BOT], ALICE) == Identity(
        Subject("alice", groups=("finance",)), "bot", "jwt", actor_method="api_key", delegated=True
    )


def test_no_right_of_the_agent_becomes_the_subjects() -> None:
    found = together([BOT], ALICE)
    assert found is not None
    assert found.subject == ALICE.identity.subject


def test_an_agent_without_leave_acts_for_nobody() -> None:
    assert together([without_leave(BOT)], ALICE) is None
    assert together([], ALICE) is None


def test_an_agent_stays_in_its_tenant() -> None:
    abroad = replace(ALICE.identity, subject=replace(ALICE.identity.subject, tenant="other"))
    assert together([BOT], Proof(abroad)) is None


def test_nobody_acts_for_itself() -> None:
    own = Proof(Identity(Subject("bot"), "portal", "jwt"))
    assert together([BOT], own) is None


def test_only_a_token_tells_for_whom_an_agent_acts() -> None:
    methods: tuple[Method, ...] = ("api_key", "client_certificate", "forwarded_certificate", "anonymous")
    for method in methods:
        assert together([BOT], Proof(replace(ALICE.identity, method=method))) is None
    for method in ("jwt", "forwarded_claims"):
        assert together([BOT], Proof(replace(ALICE.identity, method=method))) is not None


def test_a_token_that_names_its_actor_is_no_others() -> None:
    assert together([BOT], replace(ALICE, only_actor="another")) is None
    assert together([BOT], replace(ALICE, only_actor="bot")) is not None


def test_who_acted_before_is_told() -> None:
    token = Proof(replace(ALICE.identity, actor="planner", actor_chain=("chat",), delegated=True))
    found = together([BOT], token)
    assert found is not None
    assert (found.actor, found.actor_chain) == ("bot", ("planner", "chat"))


def test_an_application_that_only_got_the_token_did_not_act() -> None:
    found = together([BOT], ALICE)
    assert found is not None
    assert found.actor_chain == ()


def test_a_workload_acts_for_the_token_that_comes_through_it() -> None:
    found = together([ALICE, WORKLOAD], None)
    assert found is not None
    assert (found.subject, found.actor) == (ALICE.identity.subject, "ns/ledger")
    assert (found.method, found.actor_verified, found.delegated) == ("jwt", "forwarded_certificate", True)


@pytest.mark.parametrize(
    "given", [[ALICE, without_leave(WORKLOAD)], [WORKLOAD, ALICE], [ALICE, BOB, WORKLOAD]]
)
def test_a_workload_without_leave_or_before_two_subjects_is_refused(given: list[Proof]) -> None:
    assert together(given, None) is None


def test_credentials_that_contradict_each_other_cannot_act_either() -> None:
    assert together([BOT, WORKLOAD], ALICE) is None
