package gateway.rules.prompt.soft_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.prompt.soft

_verdict(status) := samples.changed(samples.prompt, {"soft": {"soft.no-weapons": {"status": status, "score": null}}})

_beside(status) := samples.changed(samples.prompt, {"soft": {"soft.no-salaries": {"status": status}}})

_tolerant := [{"rule": "soft.no-weapons", "sentence": "s", "on_error": "allow", "when": "before", "side": "prompt"}]

test_verdicts_that_pass_pass if count(soft.findings) == 0 with input as samples.prompt

test_a_broken_rule_is_denied_with_its_sentence if {
	some finding in soft.findings with input as _verdict("fail")
	finding.rule == "soft.no-weapons"
	finding.action == "block"
	finding.reason == "A soft rule: The text asks for help to make a weapon, explosive or poison."
}

test_a_judge_that_failed_is_denied if {
	some finding in soft.findings with input as _verdict("error")
	finding.action == "block"
	startswith(finding.reason, "A soft rule could not be judged: ")
}

test_a_judge_that_failed_passes_flagged_where_the_owner_allows_it if {
	findings := soft.findings with input as _verdict("error") with data.gateway.config.soft_rules.rules as _tolerant
	{finding.action | some finding in findings} == {"allow"}
}

test_a_broken_rule_is_denied_whatever_its_owner_says_of_errors if {
	findings := soft.findings with input as _verdict("fail") with data.gateway.config.soft_rules.rules as _tolerant
	{finding.action | some finding in findings} == {"block"}
}

test_a_pending_verdict_passes_only_beside_the_model if {
	count(soft.findings) == 0 with input as _beside("pending")
	count(soft.findings) == 1 with input as _verdict("pending")
}

test_an_unknown_status_is_denied if count(soft.findings) == 1 with input as _verdict("probably")

test_rules_on_answers_are_not_asked_of_prompts if {
	count(soft.findings) == 0 with input as samples.changed(samples.prompt, {"soft": {}})
		with data.gateway.config.soft_rules.rules as [{"rule": "soft.a", "sentence": "s", "side": "answer"}]
}

test_an_empty_input_is_denied_by_every_rule if {
	{finding.rule | some finding in soft.findings} == {"soft.no-weapons", "soft.no-salaries"} with input as {}
}
