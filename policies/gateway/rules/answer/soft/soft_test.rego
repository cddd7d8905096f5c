package gateway.rules.answer.soft_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.answer.soft

_rules := [{"rule": "soft.kind", "sentence": "s", "on_error": "deny", "when": "before", "side": "answer"}]

_tolerant := [{"rule": "soft.kind", "sentence": "s", "on_error": "allow", "when": "before", "side": "answer"}]

_actions(final, verdicts, rules) := {finding.action | some finding in findings} if {
	findings := soft.findings with input as {"answer": {"final": final, "soft": verdicts}}
		with data.gateway.config.soft_rules.rules as rules
}

test_rules_on_prompts_are_not_asked_of_answers if count(soft.findings) == 0 with input as samples.answer

test_a_verdict_that_passes_passes if _actions(true, {"soft.kind": {"status": "pass"}}, _rules) == set()

test_a_broken_rule_is_denied_at_any_time if {
	_actions(true, {"soft.kind": {"status": "fail"}}, _rules) == {"block"}
	_actions(false, {"soft.kind": {"status": "fail"}}, _rules) == {"block"}
}

test_a_missing_verdict_is_denied_at_the_end_only if {
	_actions(false, {}, _rules) == set()
	_actions(true, {}, _rules) == {"block"}
}

test_a_judge_that_failed_is_denied_at_any_time if {
	_actions(false, {"soft.kind": {"status": "error"}}, _rules) == {"block"}
	_actions(true, {"soft.kind": {"status": "error"}}, _rules) == {"block"}
}

test_a_judge_that_failed_passes_flagged_where_the_owner_allows_it if {
	_actions(true, {"soft.kind": {"status": "error"}}, _tolerant) == {"allow"}
	_actions(false, {"soft.kind": {"status": "error"}}, _tolerant) == {"allow"}
}

_measured(operation, lanes, verdicts) := {finding.action | some finding in findings} if {
	document := {"operation": operation, "answer": {"final": true, "lanes": lanes, "finish": {}, "soft": verdicts}}
	findings := soft.findings with input as document with data.gateway.config.soft_rules.rules as _rules
}

test_an_answer_of_numbers_has_nothing_to_judge if _measured("embeddings", [], {}) == set()

test_words_are_judged_whatever_was_asked if {
	_measured("embeddings", [{"choice": 0, "kind": "content", "index": 0, "chars": 4}], {}) == {"block"}
	_measured("chat", [], {}) == {"block"}
}

test_a_verdict_counts_even_on_numbers if {
	_measured("embeddings", [], {"soft.kind": {"status": "fail"}}) == {"block"}
	_measured("embeddings", [], {"soft.kind": {"status": "error"}}) == {"block"}
}

test_an_empty_input_is_denied if {
	count(soft.findings) == 1 with input as {} with data.gateway.config.soft_rules.rules as _rules
}
