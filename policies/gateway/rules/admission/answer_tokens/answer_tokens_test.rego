package gateway.rules.admission.answer_tokens_test

import data.gateway.lib.samples_test as samples
import data.gateway.rules.admission.answer_tokens

test_a_bound_below_the_ceiling_stays if {
	count(answer_tokens.findings) == 0 with input as samples.admission
	count(answer_tokens.obligations) == 0 with input as samples.admission
}

test_the_ceiling_itself_stays if {
	count(answer_tokens.obligations) == 0 with input as samples.changed(samples.admission, {"tokens": {"requested": 1024}})
}

test_a_bound_above_the_ceiling_is_capped_and_told if {
	asked := samples.changed(samples.admission, {"tokens": {"requested": 1025}})
	answer_tokens.obligations == {{"max_tokens": 1024}} with input as asked
	some finding in answer_tokens.findings with input as asked
	finding.action == "allow"
}

test_no_bound_is_capped if {
	answer_tokens.obligations == {{"max_tokens": 1024}} with input as samples.changed(
		samples.admission,
		{"tokens": {"requested": null}},
	)
}

test_without_any_ceiling_it_is_denied if {
	some finding in answer_tokens.findings with input as samples.admission with data.gateway.config.limits as {}
	finding.action == "block"
}

test_an_empty_input_is_denied if {
	some finding in answer_tokens.findings with input as {}
	finding.action == "block"
}
