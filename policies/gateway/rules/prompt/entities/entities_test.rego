package gateway.rules.prompt.entities_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.prompt.entities

test_a_prompt_without_entities_passes if count(entities.findings) == 0 with input as samples.prompt

test_a_kind_that_was_not_found_is_not_told if {
	count(entities.findings) == 0 with input as samples.changed(samples.prompt, {"entities": {"PERSON": 0}})
}

test_found_entities_are_told if {
	some finding in entities.findings with input as samples.changed(samples.prompt, {"entities": {"PERSON": 1}})
	finding.action == "redact"
}

test_a_count_that_is_no_number_is_blocked if {
	some finding in entities.findings with input as samples.changed(samples.prompt, {"entities": {"PERSON": null}})
	finding.action == "block"
}

test_an_empty_input_is_blocked if {
	some finding in entities.findings with input as {}
	finding.action == "block"
}
