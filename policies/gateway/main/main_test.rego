package gateway.main_test

import data.gateway.lib.samples_test as samples
import data.gateway.main

undecided(decision) if decision == {
	"action": "block",
	"findings": [{
		"rule": "gateway.undecided",
		"action": "block",
		"reason": "The policies came to no decision.",
	}],
	"obligations": {},
}

test_an_empty_input_is_blocked if undecided(main.decision) with input as {}

test_no_input_is_blocked if undecided(main.decision)

test_an_unknown_phase_is_blocked if {
	undecided(main.decision) with input as samples.changed(samples.admission, {"phase": "afterwards"})
}

test_an_unknown_phase_is_blocked_even_where_somebody_made_rules_for_it if {
	undecided(main.decision) with input as samples.changed(samples.admission, {"phase": "afterwards"})
		with main._rules as {"one": {"findings": set()}}
}

test_another_version_is_blocked if {
	undecided(main.decision) with input as samples.changed(samples.admission, {"version": 2})
}

test_a_phase_without_rules_is_blocked if {
	undecided(main.decision) with input as samples.admission with main._rules as {}
}

test_the_strictest_finding_is_the_action if {
	allow := {"rule": "a", "action": "allow", "reason": "r"}
	redact := {"rule": "b", "action": "redact", "reason": "r"}
	block := {"rule": "c", "action": "block", "reason": "r"}
	_decided({"one": {"findings": {allow}}}).action == "allow"
	_decided({"one": {"findings": {allow, redact}}}).action == "redact"
	_decided({"one": {"findings": {allow}}, "two": {"findings": {redact, block}}}).action == "block"
}

test_a_finding_with_an_unknown_action_is_blocked if {
	undecided(_decided({"one": {"findings": {{"rule": "a", "action": "permit", "reason": "r"}}}}))
}

test_a_finding_without_an_action_is_blocked if undecided(_decided({"one": {"findings": {{"rule": "a"}}}}))

test_an_unknown_obligation_is_blocked if {
	undecided(_decided({"one": {"obligations": {{"shred": true}}}}))
	undecided(_decided({"one": {"obligations": {{"redact": {"tools": []}}}}}))
	undecided(_decided({"one": {"obligations": {"no_mirror"}}}))
}

test_a_blocked_exchange_is_under_no_obligation if {
	block := {"rule": "c", "action": "block", "reason": "r"}
	_decided({"one": {"findings": {block}, "obligations": {{"no_mirror": true}}}}).obligations == {}
}

test_obligations_of_all_rules_are_joined if {
	plan := {"kind": "PERSON", "score": 0.5, "restore": true}
	ask := {"rule": "soft.a", "sentence": "s"}
	decision := _decided({
		"one": {"obligations": {{"redact": {"prompt": [plan]}, "max_tokens": 20}, {"strip_tools": ["a"]}}},
		"two": {"obligations": {{"redact": {"answer": [plan]}, "max_tokens": 10}, {"strip_tools": {"b"}}}},
		"three": {"obligations": {
			{"withhold": [{"document": "d", "notice": true}]},
			{"soft": [ask]},
			{"no_mirror": true},
		}},
	})
	decision.obligations == {
		"redact": {"prompt": {plan}, "answer": {plan}},
		"max_tokens": 10,
		"strip_tools": {"a", "b"},
		"withhold": {{"document": "d", "notice": true}},
		"soft": {ask},
		"no_mirror": true,
	}
}

test_nothing_is_demanded_that_no_rule_demands if {
	plan := {"kind": "PERSON", "score": 0.5, "restore": true}
	every demand in [
		{"redact": {"prompt": {plan}}},
		{"redact": {"answer": {plan}}},
		{"withhold": {{"document": "d", "notice": true}}},
		{"strip_tools": {"a"}},
		{"soft": {{"rule": "soft.a"}}},
		{"max_tokens": 1},
		{"no_mirror": true},
		{},
	] {
		decision := main.decision with input as samples.admission with main._rules as {"one": {"obligations": {demand}}}
		decision.obligations == demand
	}
}

test_findings_beside_a_block_are_told_too if {
	redact := {"rule": "b", "action": "redact", "reason": "r"}
	block := {"rule": "c", "action": "block", "reason": "r"}
	_decided({"one": {"findings": {redact}}, "two": {"findings": {block}}}).findings == {redact, block}
}

_decided(rules) := decision if {
	decision := main.decision with input as samples.admission with main._rules as rules
}
